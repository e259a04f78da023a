"""Score a Parquet file with an ONNX classifier, as a competent user would by hand.

Batches are decoded by pyarrow (with its threads), put into one float32 table, scored by
onnxruntime (with its threads) and written by pyarrow's CSV writer, which formats in C++,
as rows of `row,label,probability_0,probability_1`. The model has no ZipMap, so
that its probabilities come as one array.

It prints the seconds and the CPU seconds that its loop took, without imports and
loading the model.
"""

import argparse
import time

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("label", pa.int64()),
        ("probability_0", pa.float32()),
        ("probability_1", pa.float32()),
    ]
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("output")
    parser.add_argument("--batch-size", type=int, default=65_536)
    parser.add_argument("--rows", type=int, help="stop after so many; all unless told")
    args = parser.parse_args()

    session = onnxruntime.InferenceSession(
        args.model, providers=["CPUExecutionProvider"]
    )
    input_name = session.get_inputs()[0].name
    data = pa.parquet.ParquetFile(args.data)
    values = np.empty((args.batch_size, data.metadata.num_columns), dtype=np.float32)
    options = pa.csv.WriteOptions(include_header=False)
    row = 0
    started = time.perf_counter(), time.process_time()
    with pa.csv.CSVWriter(args.output, SCHEMA, write_options=options) as writer:
        for batch in data.iter_batches(batch_size=args.batch_size):
            count = batch.num_rows
            for index, column in enumerate(batch.columns):
                values[:count, index] = column.to_numpy()
            labels, probabilities = session.run(None, {input_name: values[:count]})
            columns = [
                np.arange(row, row + count),
                labels,
                np.ascontiguousarray(probabilities[:, 0]),
                np.ascontiguousarray(probabilities[:, 1]),
            ]
            writer.write_batch(
                pa.record_batch([pa.array(c) for c in columns], schema=SCHEMA)
            )
            row += count
            if args.rows and row >= args.rows:
                break
    print(time.perf_counter() - started[0], time.process_time() - started[1])


if __name__ == "__main__":
    main()
