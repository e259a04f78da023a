"""Call onnxruntime in a loop, with the session's default options: all cores share a call.

    loop_onnxruntime.py MODEL

Reads lines `ROWS SECONDS` from standard input and answers each with the rows a second and
the rows a CPU second of calls of ROWS rows. The model takes one table.
"""

import sys
import time

import numpy as np
import onnxruntime


def main():
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    rng = np.random.default_rng(20240517)
    for line in sys.stdin:
        rows, seconds = line.split()
        shape = (int(rows), given.shape[1])
        if given.type == "tensor(int64)":
            values = rng.integers(0, 2, shape)
        else:
            values = rng.normal(size=shape).astype(np.float32)
        print(*rates(session, {given.name: values}, int(rows), float(seconds)), flush=True)


def rates(session, feeds, rows, seconds):
    done = 0
    start, cpu_start = time.perf_counter(), time.process_time()
    while True:
        session.run(None, feeds)
        done += rows
        spent = time.perf_counter() - start
        if spent >= seconds:
            return done / spent, done / (time.process_time() - cpu_start)


if __name__ == "__main__":
    main()
