"""Time how Polars reads CSV.

Reads lines from standard input, each with a type and the path of a file whose columns all have it, and answers each with
the seconds and the CPU seconds of reading it. POLARS_MAX_THREADS says how many threads there are.
"""

import sys
import time

import polars


def main():
    for line in sys.stdin:
        name, path = line.rstrip("\n").split(" ", 1)
        element = {"float32": polars.Float32, "float64": polars.Float64}[name]
        schema = dict.fromkeys(polars.scan_csv(path).collect_schema().names(), element)
        seconds, cpu_seconds = time.perf_counter(), time.process_time()
        frame = polars.read_csv(path, schema=schema)
        print(time.perf_counter() - seconds, time.process_time() - cpu_seconds, flush=True)
        assert frame.height > 0 and frame.null_count().sum_horizontal()[0] == 0


if __name__ == "__main__":
    main()
