"""Make the iris sample: the flowers, a small neural network, its predictions."""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


def main():
    iris = load_iris()
    species = iris.target_names[iris.target]
    values = as_float32(iris.data)

    model = make_pipeline(
        StandardScaler(),
        MLPClassifier((8,), alpha=5.0, solver="lbfgs", max_iter=2000, random_state=7),
    )
    model.fit(values, species)
    predicted = model.predict(values)
    probabilities = model.predict_proba(values)
    print(f"accuracy {np.mean(predicted == species):.3f}")

    onnx_model = convert_sklearn(
        model,
        "iris",
        [("float_input", FloatTensorType([None, values.shape[1]]))],
        options={"zipmap": False},
    )
    save_model(HERE / "model.onnx", onnx_model)
    check(HERE / "model.onnx", values, predicted, probabilities)

    # The sample_id starts at 1001, so that nobody takes it for the row number.
    names = [snake_case(name) for name in iris.feature_names]
    rows = [
        [1001 + i, *map(float, line), name]
        for i, (line, name) in enumerate(zip(iris.data, species))
    ]
    write_csv(HERE / "iris.csv", ["sample_id", *names, "species"], rows)
    write_expected(
        HERE / "expected.csv", [("iris.csv", predicted, probabilities)], model.classes_
    )


if __name__ == "__main__":
    main()
