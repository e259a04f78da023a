"""Make the models of the benches: a logistic regression over 28 columns.

Run it with the packages of sample-data/requirements.txt.
"""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "sample-data"))
from common import save_model  # noqa: E402

COLUMNS = 28
ROWS = 20_000


def main():
    rng = np.random.default_rng(20240517)
    values = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    weights = rng.normal(size=COLUMNS) / 4
    label = (rng.random(ROWS) < 1 / (1 + np.exp(-(values @ weights)))).astype(np.int64)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(values, label)

    inputs = [("float_input", FloatTensorType([None, COLUMNS]))]
    # The exporter's defaults end in a ZipMap; in Python it makes a dictionary for
    # each row, so whoever cares for speed leaves it out.
    for name, options in [
        ("logistic_28.onnx", None),
        ("logistic_28_no_zipmap.onnx", {"zipmap": False}),
    ]:
        onnx_model = convert_sklearn(model, "logistic_28", inputs, options=options)
        save_model(HERE / name, onnx_model)


if __name__ == "__main__":
    main()
