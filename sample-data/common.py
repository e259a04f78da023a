"""Helpers that the make.py scripts of the sample folders share."""

import csv

import numpy as np
import onnxruntime

# Largest relative difference allowed between scikit-learn (float64) and the
# exported model (float32). Consumers may compare with a tolerance of 1e-5.
TOLERANCE = 2e-6


def as_float32(values):
    """Round to float32, which the model takes, and compute on in float64."""
    return np.asarray(values, dtype=np.float64).astype(np.float32).astype(np.float64)


def snake_case(name):
    """Turn a name such as 'sepal length (cm)' into 'sepal_length_cm'."""
    return name.replace("(", "").replace(")", "").replace(" ", "_")


def write_csv(path, header, rows):
    """Write rows; floats get the shortest text that reads back unchanged."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_expected(path, parts, classes):
    """Write expected.csv.

    `parts` is a list of (file name, labels, probabilities).
    """
    header = ["file", "row", "prediction"] + [f"probability_{c}" for c in classes]
    rows = []
    for name, labels, probabilities in parts:
        for i, (label, line) in enumerate(zip(labels, probabilities)):
            rows.append([name, i, label] + [repr(float(p)) for p in line])
    write_csv(path, header, rows)


def save_model(path, model):
    """Write a model so that the same model always gives the same bytes."""
    versions = sorted(model.opset_import, key=lambda item: item.domain)
    versions = [(item.domain, item.version) for item in versions]
    del model.opset_import[:]
    for domain, version in versions:
        model.opset_import.add(domain=domain, version=version)
    path.write_bytes(model.SerializeToString(deterministic=True))


def check(path, values, labels, probabilities):
    """Run the exported model and compare every row with scikit-learn."""
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: values.astype(np.float32)}
    got_labels, got = session.run(None, feed)
    if isinstance(got, list):  # ZipMap gives one dictionary per row.
        got = np.array([list(row.values()) for row in got])
    got_labels = np.asarray(got_labels)
    assert [str(v) for v in got_labels] == [str(v) for v in labels], "labels differ"
    difference = np.max(np.abs(got - probabilities) / np.abs(probabilities))
    print(
        f"{len(labels)} rows, smallest probability {probabilities.min():.1e}, "
        f"largest relative difference {difference:.2e}"
    )
    assert difference < TOLERANCE, "probabilities differ"
