"""Score Parquet or CSV with an ONNX model, with Ray Data.

As its documentation shows it: an actor for each core holds a session of onnxruntime with
one thread, batches go through it with map_batches, and a folder of files is written,
Parquet if it is called so, else CSV. Actors claim half a core, so that reading and
writing go on beside them.

It prints the seconds from reading to the last file, without imports and the start of Ray.
"""

import argparse
import os
import shutil
import time

import numpy as np
import pyarrow as pa
import pyarrow.csv
import ray

import predictions


class Scorer:
    def __init__(self, model):
        self.session = predictions.session(model, threads=1)
        self.names = predictions.names(self.session)

    def __call__(self, batch):
        values = np.column_stack(list(batch.values()))
        return dict(zip(self.names, predictions.predict(self.session, values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", help="a file, or a folder of Parquet files")
    parser.add_argument("output", help="a folder, which is replaced")
    parser.add_argument("--batch-size", type=int, default=65_536)
    parser.add_argument("--rows", type=int, help="only so many; all unless told")
    args = parser.parse_args()

    shutil.rmtree(args.output, ignore_errors=True)
    cores = os.cpu_count()
    ray.init(
        num_cpus=cores,
        include_dashboard=False,
        logging_level="error",
        log_to_driver=False,
        object_store_memory=2 << 30,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    started = time.perf_counter()
    rows = read(args.data)
    if args.rows:
        rows = rows.limit(args.rows)
    scored = rows.map_batches(
        Scorer,
        fn_constructor_args=[os.path.abspath(args.model)],
        batch_size=args.batch_size,
        compute=ray.data.ActorPoolStrategy(size=cores),
        num_cpus=0.5,
    )
    output = os.path.abspath(args.output)
    if output.endswith(".parquet"):
        scored.write_parquet(output)
    else:
        scored.write_csv(output)
    seconds = time.perf_counter() - started
    print(seconds)
    ray.shutdown()


def read(data):
    if not data.endswith(".csv"):
        return ray.data.read_parquet(data)
    with open(data) as file:
        types = dict.fromkeys(file.readline().strip().split(","), pa.float32())
    return ray.data.read_csv(
        data, convert_options=pa.csv.ConvertOptions(column_types=types)
    )


if __name__ == "__main__":
    main()
