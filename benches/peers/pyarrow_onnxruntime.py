"""Score Parquet or CSV with an ONNX model, as a competent user would by hand.

Batches are decoded by pyarrow (with its threads), put into one float32 table, scored by
onnxruntime (with its threads) and written by pyarrow: to Parquet if the output is called
so, else by its CSV writer, which formats in C++, without a header. The columns are `row`
and `prediction`, or `row,label,probability_0,probability_1` of a classifier, which has no
ZipMap, so that its probabilities come as one array.

It prints the seconds and the CPU seconds that its loop took, without imports and
loading the model.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet

import predictions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", help="a file, or a folder of Parquet files")
    parser.add_argument("output")
    parser.add_argument("--batch-size", type=int, default=65_536)
    parser.add_argument("--rows", type=int, help="stop after so many; all unless told")
    args = parser.parse_args()

    session = predictions.session(args.model)
    width = session.get_inputs()[0].shape[1]
    values = np.empty((args.batch_size, width), dtype=np.float32)
    names = predictions.names(session)
    types = [pa.int64() if name == "label" else pa.float32() for name in names]
    schema = pa.schema([("row", pa.int64()), *zip(names, types)])
    row = 0
    started = time.perf_counter(), time.process_time()
    with writer(args.output, schema) as out:
        for batch in batches(Path(args.data), args.batch_size):
            count = batch.num_rows
            for index, column in enumerate(batch.columns):
                values[:count, index] = column.to_numpy()
            scored = predictions.predict(session, values[:count])
            columns = [pa.array(c) for c in (np.arange(row, row + count), *scored)]
            out.write_batch(pa.record_batch(columns, schema=schema))
            row += count
            if args.rows and row >= args.rows:
                break
    print(time.perf_counter() - started[0], time.process_time() - started[1])


def batches(data, size):
    if data.suffix == ".csv":
        with open(data) as file:
            types = dict.fromkeys(file.readline().strip().split(","), pa.float32())
        form = pa.dataset.CsvFileFormat(
            convert_options=pa.csv.ConvertOptions(column_types=types)
        )
        yield from pa.dataset.dataset(data, format=form).to_batches(batch_size=size)
        return
    for file in sorted(data.glob("*.parquet")) if data.is_dir() else [data]:
        yield from pa.parquet.ParquetFile(file).iter_batches(batch_size=size)


def writer(path, schema):
    if path.endswith(".parquet"):
        return pa.parquet.ParquetWriter(path, schema)
    options = pa.csv.WriteOptions(include_header=False)
    return pa.csv.CSVWriter(path, schema, write_options=options)


if __name__ == "__main__":
    main()
