"""Score Parquet or CSV with an ONNX model, with Daft.

As its documentation shows it: a class that holds a session of onnxruntime, with one thread
a call, and whose method takes batches of columns. Daft calls it from as many threads as
there are cores; with `max_concurrency` it would start a process for each, which makes
this job longer. It writes a folder of files, Parquet if the folder is called so, else CSV.
"""

import argparse

import daft
import numpy as np
import pyarrow as pa
from daft import DataType

import predictions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", help="a file, or a folder of Parquet files")
    parser.add_argument("output", help="a folder, which must not be there")
    parser.add_argument("--batch-size", type=int, default=16_384)
    args = parser.parse_args()

    names = predictions.names(predictions.session(args.model))
    types = {n: DataType.int64() if n == "label" else DataType.float32() for n in names}

    @daft.cls
    class Scorer:
        def __init__(self, model):
            self.session = predictions.session(model, threads=1)

        @daft.method.batch(
            return_dtype=DataType.struct(types), unnest=True, batch_size=args.batch_size
        )
        def score(self, *columns):
            values = np.column_stack([c.to_arrow().to_numpy() for c in columns])
            scored = predictions.predict(self.session, values)
            return pa.StructArray.from_arrays([pa.array(c) for c in scored], names)

    rows = read(args.data)
    columns = [rows[name] for name in rows.column_names]
    scored = rows.select(Scorer(args.model).score(*columns))
    if args.output.endswith(".parquet"):
        scored.write_parquet(args.output)
    else:
        scored.write_csv(args.output)


def read(data):
    if not data.endswith(".csv"):
        return daft.read_parquet(data)
    with open(data) as file:
        columns = file.readline().strip().split(",")
    schema = dict.fromkeys(columns, DataType.float32())
    return daft.read_csv(data, infer_schema=False, schema=schema)


if __name__ == "__main__":
    main()
