"""Compares batchscore with onnxruntime and with the library that trained each model.

    python tests/matrix/check.py target/matrix target/release/batchscore
        [--update] [--only PART]

Prints a table and the failures by cause. Fails unless the models that fail, and
their causes, are exactly those of expected_failures.txt; --update rewrites it.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compare import check

EXPECTED = Path(__file__).resolve().parent / "expected_failures.txt"
# Differences that are told: what float32 leaves of float64 arithmetic.
TOLERANCE = 1e-5


def shown(apart):
    if apart is None:
        return "-"
    return "0" if apart == 0 else f"{apart:.1e}"


def table_row(r, tolerance=TOLERANCE):
    if not r.loads:
        return [r.name, "no", "-", "-", "-", "-"]
    native = "-"
    if r.from_native is not None:
        native = "yes" if r.from_native <= tolerance else "no"
        if native == "no" and (r.onnxruntime_from_native or 0.0) > tolerance:
            native = "nor is onnxruntime"
    if r.detail.startswith("onnxruntime: "):
        equal = "it fails"
    elif r.name.endswith("_saved"):
        equal = "-"
    else:
        equal = "yes" if not r.cause else "no"
    return [r.name, "yes", equal, native, shown(r.from_onnxruntime),
            f"{shown(r.from_native)} ({shown(r.onnxruntime_from_native)})"]


def print_table(results):
    header = ["model", "loads", "equal to onnxruntime", "equal to native",
              "largest difference", "from native (onnxruntime's)"]
    rows = [table_row(r) for r in results]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, ["-" * w for w in widths], *rows]:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip())


def fails(result):
    """Whether a model counts as a failure: what nobody can run does not."""
    return bool(result.cause) and not (result.broken and is_refused(result))


def is_refused(result):
    """Whether the model does not load, or records fail, which onnxruntime's do too."""
    return not result.loads or " records fail: " in result.cause


def print_summary(results, not_exported):
    failing = [r for r in results if fails(r)]
    neither = [r for r in results if r.broken and r.cause and not fails(r)]
    passing = len(results) - len(failing) - len(neither)
    print(f"\n{len(results)} models: {passing} pass, {len(failing)} fail, "
          f"{len(neither)} are broken exports that onnxruntime does not run either.")
    varying = [r.name for r in results if r.loads and not r.same_bits]
    if varying:
        print(f"Last bits depend on the mini-batch size: {', '.join(varying)}.")
    apart = [r.name for r in results if (r.onnxruntime_from_native or 0) > TOLERANCE]
    if apart:
        print(f"onnxruntime itself differs from the native library: {', '.join(apart)}.")
    details = [r for r in results if r.detail and r not in neither]
    if details:
        print("\nDifferences:")
        for r in details:
            print(f"  {r.name}: {r.detail}")
    if failing:
        by_cause = defaultdict(list)
        for r in failing:
            by_cause[r.cause].append(r.name)
        print("\nFailures by cause:")
        for cause, names in sorted(by_cause.items(), key=lambda item: -len(item[1])):
            print(f"  {len(names):3} {cause}\n      {', '.join(names)}")
        operators = Counter(
            op for r in failing if r.cause.startswith("unsupported ")
            for op in r.cause.removeprefix("unsupported ").split(", ")
        )
        if operators:
            print("\nUnsupported operators:")
            for operator, count in operators.most_common():
                print(f"  {count:3} {operator}")
    if neither:
        print("\nBroken exports, and so not counted:")
        for r in neither:
            print(f"  {r.name}: {r.broken}\n      here: {r.cause}")
    if not_exported:
        print("\nNot exported, and so not counted:")
        for name, reason in not_exported:
            print(f"  {name}: {reason}")


def read_expected():
    lines = EXPECTED.read_text(encoding="utf-8").splitlines() if EXPECTED.exists() else []
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    return dict(line.split(": ", 1) for line in lines)


def judge(results):
    """Whether the failing models are those that are known to fail, for the known cause."""
    found = {r.name: r.cause for r in results if fails(r)}
    expected = read_expected()
    faults = [f"{n}: fails: {c}" for n, c in found.items() if n not in expected]
    faults += [f"{n}: passes now; take it off {EXPECTED.name}"
               for n in expected if n not in found]
    faults += [f"{n}: fails for another cause: {found[n]}"
               for n, c in expected.items() if n in found and found[n] != c]
    if faults:
        print(f"\nNot as {EXPECTED.name} says:")
        for fault in faults:
            print(f"  {fault}")
    return not faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    if args.update and args.only:
        parser.error("--update writes all that fails: leave out --only")
    folders = sorted(path.parent for path in args.folder.glob("*/about.json"))
    folders = [folder for folder in folders if args.only in folder.name]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda folder: check(args.binary, folder), folders))
    not_exported = json.loads((args.folder / "not_exported.json").read_text())
    print_table(results)
    print_summary(results, not_exported)
    if args.update:
        lines = [f"{r.name}: {r.cause}" for r in results if fails(r)]
        head = "# Models of the matrix that fail, and why. Written by check.py --update.\n"
        EXPECTED.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return 0 if args.only or judge(results) else 1


if __name__ == "__main__":
    sys.exit(main())
