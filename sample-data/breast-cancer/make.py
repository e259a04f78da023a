"""Make the breast cancer sample: measurements, boosted trees, predictions."""

import json
import sys
from pathlib import Path

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import (  # noqa: E402
    as_float32,
    check,
    save_model,
    snake_case,
    write_csv,
    write_expected,
)

FIRST_PART = 285


def main():
    data = load_breast_cancer()
    values = as_float32(data.data)

    # The small learning rate keeps the probabilities away from 0 and 1, where
    # float32 has few digits left for the smaller of the two.
    model = GradientBoostingClassifier(
        n_estimators=100, max_depth=3, learning_rate=0.02, random_state=11
    )
    model.fit(values, data.target)
    predicted = model.predict(values)
    probabilities = model.predict_proba(values)
    print(f"accuracy {np.mean(predicted == data.target):.3f}")

    onnx_model = convert_sklearn(
        model,
        "breast_cancer",
        [("float_input", FloatTensorType([None, values.shape[1]]))],
    )
    save_model(HERE / "model.onnx", onnx_model)
    check(HERE / "model.onnx", values, predicted, probabilities)

    names = [snake_case(str(name)) for name in data.feature_names]
    rows = [list(map(float, line)) for line in data.data]
    (HERE / "data").mkdir(exist_ok=True)
    write_csv(HERE / "data" / "part-0.csv", names, rows[:FIRST_PART])
    write_csv(HERE / "data" / "part-1.csv", names, rows[FIRST_PART:])
    with open(HERE / "breast-cancer.jsonl", "w", newline="", encoding="utf-8") as file:
        # All rows would make a large file, so this one holds the first part only.
        for row in rows[:FIRST_PART]:
            file.write(json.dumps(dict(zip(names, row))) + "\n")
    write_expected(
        HERE / "expected.csv",
        [
            ("part-0.csv", predicted[:FIRST_PART], probabilities[:FIRST_PART]),
            ("part-1.csv", predicted[FIRST_PART:], probabilities[FIRST_PART:]),
        ],
        model.classes_,
    )


if __name__ == "__main__":
    main()
