"""Make the models that `cargo bench --bench models` times, and rows for them to score.

For each model, in the folder given: `<model>.onnx`, `<model>.rows.parquet` (columns in
the order of the model's inputs) and what its own library needs to predict.
"""

import pickle
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnxmltools
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloats
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from make_networks import make_networks

COLUMNS = 28
TRAINING_ROWS = 20_000
# Rows to score: more than fit a core's nearest cache, as in a job.
ROWS = 8192
OPSET = {"": 15, "ai.onnx.ml": 3}
NO_ZIPMAP = {"zipmap": False}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20240517)
    values = rng.normal(size=(TRAINING_ROWS, COLUMNS)).astype(np.float32)
    score = values[:, 0] * values[:, 1] + np.sin(2 * values[:, 2]) + values[:, 3:] @ (
        rng.normal(size=COLUMNS - 3) / 8
    )
    label = (score + rng.normal(size=TRAINING_ROWS) / 2 > 0).astype(np.int64)
    rows = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    frame = pd.DataFrame(rows, columns=[f"f{i}" for i in range(COLUMNS)])
    for make in (make_lightgbm, make_forest, make_xgboost, make_mlp):
        write_rows(folder / f"{make(folder, values, label, score)}.rows.parquet", frame)
    make_pipeline_model(folder, rng)
    make_networks(folder)


def make_lightgbm(folder, values, label, _):
    model = lightgbm.LGBMClassifier(
        n_estimators=500, num_leaves=31, learning_rate=0.05, verbose=-1, n_jobs=1
    ).fit(values, label)
    types = [("input", ToolsFloats([None, COLUMNS]))]
    onnx = onnxmltools.convert_lightgbm(
        model, initial_types=types, zipmap=False, target_opset=15
    )
    (folder / "lightgbm.onnx").write_bytes(onnx.SerializeToString())
    model.booster_.save_model(str(folder / "lightgbm.txt"))
    return "lightgbm"


def make_forest(folder, values, label, _):
    model = RandomForestClassifier(n_estimators=100, max_depth=12, random_state=1)
    save_sklearn(folder, "forest", model.fit(values, label), floats(), NO_ZIPMAP)
    return "forest"


def make_xgboost(folder, values, label, _):
    model = xgboost.XGBClassifier(
        n_estimators=500, max_depth=6, learning_rate=0.05, n_jobs=1
    ).fit(values, label)
    types = [("input", ToolsFloats([None, COLUMNS]))]
    onnx = onnxmltools.convert_xgboost(model, initial_types=types, target_opset=15)
    (folder / "xgboost.onnx").write_bytes(onnx.SerializeToString())
    model.get_booster().save_model(str(folder / "xgboost.json"))
    return "xgboost"


def make_mlp(folder, values, _, score):
    # Its speed does not depend on how well it is trained.
    model = MLPRegressor(
        hidden_layer_sizes=(256, 256, 64), max_iter=2, tol=1.0, random_state=1
    )
    save_sklearn(folder, "mlp", model.fit(values, score), floats(), None)
    return "mlp"


def make_pipeline_model(folder, rng):
    """Twelve numbers, some of them missing, and four columns of text."""
    numbers = [f"n{i}" for i in range(12)]
    texts = [f"t{i}" for i in range(4)]

    def data(count):
        table = rng.normal(size=(count, len(numbers))).astype(np.float32)
        table[rng.random(table.shape) < 0.05] = np.nan
        frame = pd.DataFrame(table, columns=numbers)
        for index, name in enumerate(texts):
            kinds = np.array([f"kind {kind}" for kind in range(5 * (index + 1))])
            frame[name] = rng.choice(kinds, count).astype(object)
        return frame

    frame = data(TRAINING_ROWS)
    label = (frame["n0"].fillna(0) + (frame["t0"] == "kind 1") > 0.2).astype(int)
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
                ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
            ]
        ),
        LogisticRegression(max_iter=1000),
    ).fit(frame, label)
    types = [(name, FloatTensorType([None, 1])) for name in numbers]
    types += [(name, StringTensorType([None, 1])) for name in texts]
    save_sklearn(folder, "pipeline", model, types, NO_ZIPMAP)
    write_rows(folder / "pipeline.rows.parquet", data(ROWS))


def floats():
    return [("input", FloatTensorType([None, COLUMNS]))]


def save_sklearn(folder, name, model, types, options):
    onnx = convert_sklearn(model, name, types, options=options, target_opset=OPSET)
    (folder / f"{name}.onnx").write_bytes(onnx.SerializeToString())
    (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))


def write_rows(path, frame):
    """A missing number is a NaN, not a null."""
    columns = [
        pa.array(frame[name].to_numpy(), from_pandas=False)
        if frame[name].dtype == np.float32
        else pa.array(frame[name], type=pa.string())
        for name in frame.columns
    ]
    pa.parquet.write_table(pa.table(columns, names=list(frame.columns)), path)


if __name__ == "__main__":
    main()
