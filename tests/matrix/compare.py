"""One model scored by batchscore, by onnxruntime and by the library that trained it."""

import csv
import json
import re
import subprocess
from dataclasses import dataclass

import numpy as np
import onnxruntime

MINI_BATCH_SIZES = ["1", "7", "1000"]


@dataclass
class Result:
    name: str
    loads: bool = True
    # Why nobody can run the exported model, or why its results are of no use.
    broken: str = ""
    # Largest differences: ours from onnxruntime, ours and onnxruntime's from native.
    from_onnxruntime: float = 0.0
    from_native: float | None = None
    onnxruntime_from_native: float | None = None
    same_bits: bool = True
    cause: str = ""
    detail: str = ""


# --- columns of results -----------------------------------------------------


def columns_of(output):
    """The columns of one output: of a tensor, of a ZipMap's rows, of a sequence."""
    if isinstance(output, list) and output and isinstance(output[0], dict):
        classes = list(output[0])
        return [np.array([row[c] for row in output]) for c in classes]
    if isinstance(output, list):
        return [column for part in output for column in columns_of(part)]
    array = np.asarray(output)
    return list(array.reshape(len(array), -1).T)


def rows_first(output, rows):
    """The output with its rows along the first axis, None if it has not one result a row.

    Some exporters leave the label as [1, N], and several labels as [labels, N, classes].
    """
    if isinstance(output, list):
        fits = all(rows_first(part, rows) is not None for part in output
                   if not isinstance(part, dict))
        return output if fits else None
    if output.ndim > 1 and output.shape[0] != rows and output.shape[1] == rows:
        return np.moveaxis(output, 1, 0)
    return output if output.ndim and output.shape[0] == rows else None


def wanted_names(outputs):
    """The columns `probability_<class>` that a ZipMap's classes ask for."""
    if len(columns_of(outputs[0])) > 1:
        return []
    for output in outputs[1:2]:
        if isinstance(output, list) and output and isinstance(output[0], dict):
            return [f"probability_{c}" for c in output[0]]
    return []


def is_number(column):
    return column.dtype.kind == "f"


def difference(ours, theirs):
    """Largest |a - b| / (1 + |b|), and the row where it is; infinite if one is no number."""
    if len(ours) != len(theirs):
        return np.inf, 0
    if not is_number(theirs):
        if theirs.dtype.kind in "iub" and ours.dtype.kind in "iub":
            unequal = np.flatnonzero(ours.astype(np.int64) != theirs.astype(np.int64))
        else:
            unequal = np.flatnonzero(ours.astype(str) != theirs.astype(str))
        return (np.inf, int(unequal[0])) if len(unequal) else (0.0, 0)
    if ours.dtype.kind not in "fiub":
        return np.inf, 0
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(ours - theirs) / (1.0 + np.abs(theirs))
    apart[(ours == theirs) | (np.isnan(ours) & np.isnan(theirs))] = 0.0
    apart[np.isnan(apart)] = np.inf
    row = int(np.argmax(apart))
    return float(apart[row]), row


def largest(ours, theirs):
    """The largest difference of two lists of columns: (difference, column, row)."""
    found = [(*difference(a, b), i) for i, (a, b) in enumerate(zip(ours, theirs))]
    if not found:
        return 0.0, 0, 0
    apart, row, column = max(found, key=lambda f: f[0])
    return apart, column, row


# --- the three that score ---------------------------------------------------


def onnxruntime_outputs(folder):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(np.load(folder / "inputs.npz")))


def native_outputs(folder, widths, rows):
    """Columns of the native library, where its outputs are comparable, else None.

    `widths` are the numbers of columns of the exported model's outputs.
    """
    stored = np.load(folder / "native.npz")
    found = []
    for i, width in enumerate(widths):
        native = stored.get(f"output_{i}")
        if native is None:
            found += [None] * width
            continue
        if native.ndim == 3:
            # A list of arrays with a row of classes each, one for each label.
            native = np.concatenate(list(native), axis=1)
        native = native.reshape(len(native), -1)
        if native.shape[1] == 1 and width == 2:
            # Decisions of two classes: one number natively.
            native = np.column_stack([-native[:, 0], native[:, 0]])
        if len(native) != rows or native.shape[1] != width:
            found += [None] * width
            continue
        found += list(native.T)
    return found


def score(binary, folder, model, size):
    """Run batchscore; (header and columns as text) or the cause of its failure."""
    output = folder / f"out-{size}"
    command = [
        str(binary), "run", "--model", str(folder / model),
        "--input-path", str(folder / "data.csv"), "--output-path", str(output),
        "--output-file-name", "predictions.csv", "--mini-batch-size", size,
        "--csv-header", "on", "--overwrite", "--quiet", "--max-retries", "0",
    ]
    if model.endswith(".onnx"):
        # Not onnxruntime, which would be compared with itself.
        command += ["--engine", "tract"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return None, "hangs"
    if ended.returncode != 0:
        return None, refusal(folder / model, ended.returncode, ended.stderr)
    failed = (output / "predictions.errors.jsonl").read_text().splitlines()
    if failed:
        return None, f"{len(failed)} records fail: {shorten(json.loads(failed[0])['cause'])}"
    with open(output / "predictions.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return (header, list(zip(*rows))), ""


def refusal(model, code, message):
    operators = re.search(r"operators? that this version does not support: ([^;\n]*)", message)
    if operators:
        return f"unsupported {operators[1].strip()}"
    message = message.replace(str(model), "MODEL").removeprefix("error: ")
    return f"exit code {code}: {shorten(message)}"


def shorten(message):
    return " ".join(message.split())[:240]


def typed(texts, like):
    """A column of text as numbers where `like` is of numbers."""
    try:
        if is_number(like):
            return np.array([float(t) for t in texts])
        if like.dtype.kind in "iu":
            return np.array([int(t) for t in texts])
        if like.dtype.kind == "b":
            return np.array([{"true": True, "false": False}[t.lower()] for t in texts])
    except (KeyError, ValueError):
        pass
    return np.array(texts, dtype=str)


# --- one model --------------------------------------------------------------


def check(binary, folder):
    about = json.loads((folder / "about.json").read_text())
    result = Result(folder.name)
    exported = about["file"].endswith(".onnx")
    try:
        outputs = onnxruntime_outputs(folder) if exported else []
        by_row = [rows_first(output, about["rows"]) for output in outputs]
        outputs = [output for output in by_row if output is not None]
        if len(outputs) < len(by_row):
            result.broken = "onnxruntime gives not one result a row"
    except Exception as error:  # onnxruntime's own errors have many types
        outputs, result.detail = None, f"onnxruntime: {shorten(str(error))}"
        if "locale" not in str(error):
            result.broken = result.detail
    if not exported:
        outputs = None
    if about["broken"]:
        result.broken = about["broken"]
    runs = []
    for size in MINI_BATCH_SIZES:
        table, cause = score(binary, folder, about["file"], size)
        if cause:
            result.loads = not cause.startswith(("unsupported", "exit code 4"))
            result.cause = cause
            return result
        runs.append(table)
    result.same_bits = all(run == runs[0] for run in runs)
    for size, (header, texts) in zip(MINI_BATCH_SIZES, runs):
        kept = [i for i, name in enumerate(header) if name not in ("row", "file")]
        names, texts = [header[i] for i in kept], [texts[i] for i in kept]
        if len(texts[0]) != about["rows"]:
            result.cause = f"{len(texts[0])} rows of {about['rows']}"
        elif outputs is not None:
            compare(result, folder, outputs, names, texts, about, size)
        elif not about["broken"]:
            compare_native_alone(result, folder, names, texts, about)
        if result.cause:
            break
    return result


def compare(result, folder, outputs, names, texts, about, size):
    """Compare with onnxruntime, and with the native library as onnxruntime does."""
    expected = [column for output in outputs for column in columns_of(output)]
    if len(names) != len(expected):
        result.cause = f"{len(names)} columns, onnxruntime gives {len(expected)}"
        return
    wanted = wanted_names(outputs)
    if wanted and names[1:1 + len(wanted)] != wanted:
        result.cause = f"columns are named {names[1:1 + len(wanted)]}, not {wanted}"
        return
    ours = [typed(t, like) for t, like in zip(texts, expected)]
    apart, column, row = largest(ours, expected)
    result.from_onnxruntime = max(result.from_onnxruntime, apart)
    if apart > about["tolerance"]:
        result.cause = "differs from onnxruntime"
        result.detail = (
            f"mini-batch size {size}, {names[column]}, row {row}: "
            f"{ours[column][row]} instead of {expected[column][row]}, {apart:.2g}"
        )
    native = native_outputs(folder, [len(columns_of(o)) for o in outputs], about["native_rows"])
    compare_native(result, ours, expected, native, about, names)


def compare_native_alone(result, folder, names, texts, about):
    """Compare with the native library where onnxruntime is no help."""
    stored = np.load(folder / "native.npz")
    rows = about["native_rows"]
    native = [c for key in sorted(stored) for c in stored[key].reshape(len(stored[key]), -1).T]
    if native and len(native) != len(names) and not result.broken:
        result.cause = f"{len(names)} columns, the library gives {len(native)}"
    if not native or len(native) != len(names) or len(native[0]) != rows:
        return
    ours = [typed(t[:rows], like) for t, like in zip(texts, native)]
    apart, column, row = largest(ours, native)
    result.from_native = max(result.from_native or 0.0, apart)
    if apart > about["tolerance"]:
        result.cause = "differs from the native library"
        result.detail += (
            f" {names[column]}, row {row}: {ours[column][row]} instead of "
            f"{native[column][row]}, {apart:.2g}"
        )


def compare_native(result, ours, expected, native, about, header):
    """Compare with the native library, no more strictly than onnxruntime itself does."""
    rows = about["native_rows"]
    pairs = [
        (a[:rows], b[:rows], c, name)
        for a, b, c, name in zip(ours, expected, native, header) if c is not None
    ]
    if not pairs:
        return
    reached = [difference(b, c)[0] for _, b, c, _ in pairs]
    ours_reach = [difference(a, c)[0] for a, _, c, _ in pairs]
    result.onnxruntime_from_native = max(reached)
    result.from_native = max(result.from_native or 0.0, max(ours_reach))
    for (a, b, c, name), theirs, mine in zip(pairs, reached, ours_reach):
        allowed = max(about["tolerance"], theirs * 1.01)
        worse = mine > allowed
        if theirs == np.inf and not is_number(b):
            # Labels that onnxruntime gets as the native library does must be so here.
            same = b.astype(str) == c.astype(str)
            worse = bool((a.astype(str) != c.astype(str))[same].any())
        if worse and not result.cause:
            result.cause = "differs from the native library"
            result.detail = f"{name}: {mine:.2g}, onnxruntime {theirs:.2g}"
