"""Score Parquet or CSV with an ONNX model, with Polars around onnxruntime.

Its streaming engine reads, hands batches to a function, and writes: Parquet if the output
is called so, else CSV. Batches are scored in parallel, so a call of onnxruntime has one
thread.
"""

import argparse
from pathlib import Path

import polars

import predictions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", help="a file, or a folder of Parquet files")
    parser.add_argument("output")
    args = parser.parse_args()

    session = predictions.session(args.model, threads=1)
    names = predictions.names(session)
    types = [polars.Int64 if name == "label" else polars.Float32 for name in names]

    def score(frame):
        # ONNX's rows lie one after the other.
        columns = predictions.predict(session, frame.to_numpy(order="c"))
        return polars.DataFrame(dict(zip(names, columns)))

    scored = read(Path(args.data)).map_batches(
        score, schema=dict(zip(names, types)), streamable=True
    )
    if args.output.endswith(".parquet"):
        scored.sink_parquet(args.output)
    else:
        scored.sink_csv(args.output, include_header=False)


def read(data):
    if data.suffix != ".csv":
        return polars.scan_parquet(data)
    columns = polars.scan_csv(data).collect_schema().names()
    return polars.scan_csv(data, schema=dict.fromkeys(columns, polars.Float32))


if __name__ == "__main__":
    main()
