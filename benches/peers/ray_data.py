"""Score a Parquet file with an ONNX classifier, with Ray Data.

As its documentation shows it: an actor for each core holds a session of onnxruntime with
one thread, batches go through it with map_batches, and write_csv writes a folder of files.
Actors claim half a core, so that reading and writing go on beside them.

It prints the seconds from reading to the last file, without imports and the start of Ray.
"""

import argparse
import os
import shutil
import time

import numpy as np
import onnxruntime
import ray


class Scorer:
    def __init__(self, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # It would warn of each batch that the model's declared shapes are wrong.
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0].name

    def __call__(self, batch):
        values = np.column_stack(list(batch.values()))
        label, probabilities = self.session.run(None, {self.input: values})
        return {
            "label": label,
            "probability_0": probabilities[:, 0],
            "probability_1": probabilities[:, 1],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data")
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
    rows = ray.data.read_parquet(args.data)
    if args.rows:
        rows = rows.limit(args.rows)
    scored = rows.map_batches(
        Scorer,
        fn_constructor_args=[os.path.abspath(args.model)],
        batch_size=args.batch_size,
        compute=ray.data.ActorPoolStrategy(size=cores),
        num_cpus=0.5,
    )
    scored.write_csv(os.path.abspath(args.output))
    seconds = time.perf_counter() - started
    print(seconds)
    ray.shutdown()


if __name__ == "__main__":
    main()
