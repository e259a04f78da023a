"""Time what others make of the models of make_models.py, with one thread.

Reads lines from standard input and answers each with a number:

    onnxruntime ROWS SECONDS    rows a CPU second, with ROWS a call
    native ROWS SECONDS         the same by the model's own library
    load                        CPU seconds that onnxruntime takes to load the model
"""

import pickle
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow.parquet


def main():
    folder, model = Path(sys.argv[1]), sys.argv[2]
    table = pyarrow.parquet.read_table(folder / f"{model}.rows.parquet")
    calls = {"onnxruntime": by_onnxruntime(folder, model, table)}
    for line in sys.stdin:
        match line.split():
            case ["load"]:
                start = time.process_time()
                session(folder, model)
                answer = time.process_time() - start
            case [engine, rows, seconds]:
                if engine not in calls:
                    calls[engine] = by_library(folder, model, table)
                answer = rate(calls[engine](int(rows)), int(rows), float(seconds))
        print(answer, flush=True)


def rate(calls, rows, seconds):
    """Rows a CPU second of as many calls as take `seconds`, over and over."""
    done = 0
    start = time.process_time()
    while True:
        for call in calls:
            call()
            done += rows
            # Looking at the clock takes a tenth of a microsecond.
            spent = time.process_time() - start
            if spent >= seconds:
                return done / spent


def session(folder, model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(folder / f"{model}.onnx"), options, providers=["CPUExecutionProvider"]
    )


def by_onnxruntime(folder, model, table):
    """What makes calls of so many rows; their tensors are ready before the clock runs."""
    runner = session(folder, model)
    inputs = runner.get_inputs()
    if len(inputs) == 1:
        tensors = {inputs[0].name: matrix(table)}
    else:
        tensors = {
            name: table[name].to_numpy(zero_copy_only=False).reshape(-1, 1)
            for name in table.column_names
        }

    def calls(rows):
        feeds = [
            {name: tensor[at : at + rows] for name, tensor in tensors.items()}
            for at in starts(table, rows)
        ]
        return [lambda feed=feed: runner.run(None, feed) for feed in feeds]

    return calls


def by_library(folder, model, table):
    if model == "lightgbm":
        import lightgbm

        booster = lightgbm.Booster(model_file=str(folder / "lightgbm.txt"))
        values, predict = matrix(table), lambda part: booster.predict(part, num_threads=1)
    elif model == "xgboost":
        import xgboost

        booster = xgboost.Booster(model_file=str(folder / "xgboost.json"))
        booster.set_param({"nthread": 1})
        values, predict = matrix(table), booster.inplace_predict
    else:
        estimator = pickle.loads((folder / f"{model}.pickle").read_bytes())
        predict = getattr(estimator, "predict_proba", estimator.predict)
        values = table.to_pandas() if model == "pipeline" else matrix(table)

    def calls(rows):
        parts = [values[at : at + rows] for at in starts(table, rows)]
        return [lambda part=part: predict(part) for part in parts]

    return calls


def starts(table, rows):
    return range(0, table.num_rows - rows + 1, rows)


def matrix(table):
    return np.column_stack([column.to_numpy() for column in table.columns])


if __name__ == "__main__":
    main()
