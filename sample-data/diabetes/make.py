"""Make the diabetes sample: generated patients, a model and its predictions."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import (  # noqa: E402
    as_float32,
    check,
    save_model,
    write_csv,
    write_expected,
)

TRAINING_ROWS = 4000
ROWS = 1000
ROW_GROUP = 400


def whole(values, low, high):
    """Round to whole numbers inside a range."""
    return np.clip(np.rint(values), low, high).astype(np.int64)


def generate(rng, count):
    """Draw patients that look plausible, with a noisy 0/1 label."""
    age = whole(21 + rng.gamma(1.6, 8.0, count), 21, 80)
    pregnancies = whole(rng.poisson(0.3 + (age - 21) * 0.12), 0, 14)
    bmi = np.round(np.clip(18 + rng.gamma(3.0, 4.6, count), 18, 56), 2)
    glucose = whole(80 + (age - 21) * 0.35 + rng.normal(22, 26, count), 44, 199)
    pressure = whole(56 + (age - 21) * 0.2 + rng.normal(10, 12, count), 24, 117)
    triceps = whole(7 + (bmi - 18) * 0.9 + rng.normal(8, 8, count), 7, 92)
    insulin = whole(glucose * 1.1 * rng.lognormal(-0.1, 0.6, count), 14, 799)
    pedigree = np.round(np.clip(rng.lognormal(-1.0, 0.6, count), 0.078, 2.4), 9)
    score = (
        -4.3
        + 0.10 * pregnancies
        + 0.014 * (glucose - 100)
        + 0.050 * bmi
        + 0.55 * pedigree
        + 0.035 * age
        + 0.002 * insulin
    )
    label = (rng.random(count) < 1 / (1 + np.exp(-score))).astype(np.int64)
    frame = pd.DataFrame(
        {
            "Pregnancies": pregnancies,
            "PlasmaGlucose": glucose,
            "DiastolicBloodPressure": pressure,
            "TricepsThickness": triceps,
            "SerumInsulin": insulin,
            "BMI": bmi,
            "DiabetesPedigree": pedigree,
            "Age": age,
        }
    )
    return frame, label


def main():
    rng = np.random.default_rng(20240517)
    training, training_label = generate(rng, TRAINING_ROWS)
    frame, label = generate(rng, ROWS)

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    model.fit(as_float32(training), training_label)
    values = as_float32(frame)
    predicted = model.predict(values)
    probabilities = model.predict_proba(values)
    print(f"accuracy {np.mean(predicted == label):.3f}")

    onnx_model = convert_sklearn(
        model, "diabetes", [("float_input", FloatTensorType([None, frame.shape[1]]))]
    )
    save_model(HERE / "model.onnx", onnx_model)
    check(HERE / "model.onnx", values, predicted, probabilities)

    write_csv(
        HERE / "diabetes.csv", list(frame), frame.itertuples(index=False, name=None)
    )
    pq.write_table(
        pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(),
        HERE / "diabetes.parquet",
        compression="snappy",
        row_group_size=ROW_GROUP,
    )
    write_expected(
        HERE / "expected.csv",
        [("diabetes.csv", predicted, probabilities)],
        model.classes_,
    )


if __name__ == "__main__":
    main()
