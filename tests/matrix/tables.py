"""Data to train on and to score, made up from fixed seeds."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

TRAINING_ROWS = 300
# Rows drawn like the training data. The native library is compared on these;
# further rows probe the edges, where float32 and float64 part.
SAMPLE_ROWS = 60
FEATURES = 6


def to_float32(values):
    """Round to float32, and keep the values as float64 for training."""
    return np.asarray(values).astype(np.float32).astype(np.float64)


@dataclass
class Table:
    """Rows to train on and to score; `columns` of one table, or named inputs."""

    train: object
    test: object
    # Names of element types, one for a table or one for each column.
    types: object
    targets: dict = field(default_factory=dict)

    @property
    def several(self):
        return isinstance(self.types, dict)


def targets(rng, signal):
    """Things to predict: numbers, counts, classes."""
    noisy = signal + rng.normal(scale=0.7, size=len(signal))
    third = np.quantile(noisy, [1 / 3, 2 / 3])
    three = np.searchsorted(third, noisy)
    other = np.roll(noisy, 1) * 0.2 + noisy * 0.8
    return {
        "number": noisy,
        "count": np.floor(np.exp(np.clip(noisy, -3, 3) / 2)),
        "positive": np.exp(np.clip(noisy, -3, 3)) + 0.1,
        "two numbers": np.column_stack([noisy, 3.0 - 2.0 * other]),
        "binary": (noisy > 0).astype(np.int64),
        "signs": np.where(noisy > 0, 1, -1),
        "two words": np.where(noisy > 0, "yes", "no"),
        "three": three,
        "gaps": np.array([-7, 2, 40])[three],
        "words": np.array(["low", "middle", "high, or more"])[three],
        "two labels": np.column_stack([noisy > 0, other > 0.3]).astype(np.int64),
        "two classes": np.column_stack([three, (other > 0).astype(np.int64)]),
        "grades": np.searchsorted(np.quantile(noisy, [0.3, 0.6, 0.85]), noisy),
    }


def numbers(seed, missing=0.0, scale=None, positive=False, ints=False):
    """A table of numbers on different scales; the last column is constant."""
    rng = np.random.default_rng(seed)
    rows = TRAINING_ROWS + SAMPLE_ROWS
    z = rng.normal(size=(rows, FEATURES))
    signal = z[:, 0] - 0.8 * z[:, 1] + 0.6 * z[:, 2] * z[:, 3] + 0.3 * np.abs(z[:, 4])
    if scale is None:
        scale = np.array([1.0, 10.0, 0.5, 3.0, 0.02, 1.0])
    shift = np.array([0.0, 4.0, -1.0, 2.0, 0.3, 1.0])
    values = z * scale + shift
    values[:, 5] = 1.5
    if positive:
        values = np.abs(values)
    if ints:
        values = np.round(values * 2)
    else:
        values = to_float32(np.round(values, 3))
    if missing:
        values[rng.random(values.shape) < missing] = np.nan
        values[:, 5] = 1.5
    made = targets(rng, signal)
    made = {name: target[:TRAINING_ROWS] for name, target in made.items()}
    train, test = values[:TRAINING_ROWS], values[TRAINING_ROWS:]
    if ints:
        return Table(train.astype(np.int64), test.astype(np.int64), "int64", made)
    return Table(train, test, "float32", made)


def doubles(seed):
    """Numbers that float32 does not hold, for inputs of float64."""
    table = numbers(seed)
    rng = np.random.default_rng(seed + 1)
    for values in (table.train, table.test):
        values[:, :5] += rng.normal(scale=1e-9, size=values[:, :5].shape)
    table.types = "float64"
    return table


def codes(seed):
    """Small whole numbers, which stand for categories."""
    rng = np.random.default_rng(seed)
    rows = TRAINING_ROWS + SAMPLE_ROWS
    values = rng.integers(0, 5, size=(rows, FEATURES))
    signal = (values[:, 0] - 2) + (values[:, 1] == 3) - 0.5 * (values[:, 2] > 2)
    made = targets(rng, signal.astype(float))
    made = {name: target[:TRAINING_ROWS] for name, target in made.items()}
    return Table(values[:TRAINING_ROWS], values[TRAINING_ROWS:], "int64", made)


def people(seed, missing=0.0):
    """Named columns of words, whole numbers and numbers."""
    rng = np.random.default_rng(seed)
    rows = TRAINING_ROWS + SAMPLE_ROWS
    frame = pd.DataFrame({
        "age": to_float32(np.round(rng.uniform(18, 80, rows), 1)),
        "income": to_float32(np.round(rng.lognormal(10, 1, rows), 2)),
        "visits": rng.integers(0, 6, rows),
        "city": rng.choice(["Oslo", "São Paulo", "Paris", "New York, NY"], rows),
        "plan": rng.choice(["free", "basic", "plus"], rows),
    })
    signal = (
        (frame.age - 49) / 18 + frame.visits / 3 - 1.0 * (frame.city == "Oslo")
        + 0.8 * (frame["plan"] == "plus")
    ).to_numpy()
    if missing:
        frame.loc[rng.random(rows) < missing, "age"] = np.nan
        frame.loc[rng.random(rows) < missing, "income"] = np.nan
    made = targets(rng, signal)
    made = {name: target[:TRAINING_ROWS] for name, target in made.items()}
    types = {
        "age": "float32", "income": "float32", "visits": "int64",
        "city": "string", "plan": "string",
    }
    train = frame[:TRAINING_ROWS].reset_index(drop=True)
    test = frame[TRAINING_ROWS:].reset_index(drop=True)
    return Table(train, test, types, made)


def remarks(seed):
    """One column of text."""
    rng = np.random.default_rng(seed)
    good = ["good", "great", "fine", "Quick", "works", "love it"]
    bad = ["bad", "slow", "broken", "Never", "again", "hate it"]
    both = ["the", "service", "was", "and", "I", "it", "day-to-day", "café"]
    rows = TRAINING_ROWS + SAMPLE_ROWS
    is_good = rng.random(rows) < 0.5
    texts = [
        " ".join(rng.choice((good if g else bad) + both, size=rng.integers(3, 9)))
        for g in is_good
    ]
    frame = pd.DataFrame({"text": texts})
    signal = np.where(is_good, 1.0, -1.0)
    made = targets(rng, signal)
    made = {name: target[:TRAINING_ROWS] for name, target in made.items()}
    train = frame[:TRAINING_ROWS].reset_index(drop=True)
    test = frame[TRAINING_ROWS:].reset_index(drop=True)
    return Table(train, test, {"text": "string"}, made)


def select(table, names):
    """Some of the named columns of a table."""
    return Table(
        table.train[names], table.test[names],
        {name: table.types[name] for name in names}, table.targets,
    )


# --- probes ---------------------------------------------------------------


def probes(table, wild=False, missing=False, unknown=None):
    """Rows at the edges: zeros, -0.0, tiny, large; NaN and infinities if asked."""
    if table.several:
        return frame_probes(table, missing, unknown)
    base = np.array(table.test[0])
    if table.types == "int64":
        low, high = table.train.min(axis=0), table.train.max(axis=0)
        rows = [low, high, np.minimum(low + 1, high), np.median(table.train, axis=0)]
        return np.array(rows).astype(np.int64)
    rows = [base * 0.0, -np.abs(base) * 0.0, base * 1e-6, base * 1e3, np.ones(len(base))]
    rows.append(np.nanmean(table.train, axis=0))
    for value in [1e-40, 1e6, -1e6] if not wild else [1e-45, 3e38, -3e38, np.inf, -np.inf]:
        row = base.copy()
        row[len(rows) % len(base)] = value
        rows.append(row)
    if missing:
        for column in range(len(base)):
            row = np.array(table.test[1])
            row[column] = np.nan
            rows.append(row)
        rows.append(np.full(len(base), np.nan))
    rows = np.array(rows)
    return rows if table.types == "float64" else to_float32(rows)


def frame_probes(table, missing, unknown):
    rows = table.test.iloc[[0, 0, 1, 1]].copy().reset_index(drop=True)
    for name, kind in table.types.items():
        if kind == "float32":
            rows.loc[0, name] = 0.0
            rows.loc[1, name] = -0.0
            if missing:
                rows.loc[2, name] = np.nan
        if kind == "string" and unknown is not None:
            rows.loc[3, name] = unknown
    return rows


def threshold_rows(model, table, most=12):
    """Rows that lie exactly at, just below and just above trees' thresholds."""
    if table.several or table.types == "int64" or len(model.graph.input) != 1:
        return np.empty((0, np.shape(table.test)[1]))
    given = model.graph.input[0].name
    base = np.array(table.test[2])
    rows = []
    for node in model.graph.node:
        if not node.op_type.startswith("TreeEnsemble") or given not in node.input:
            continue
        found = {item.name: item for item in node.attribute}
        modes = [mode.decode() for mode in found["nodes_modes"].strings]
        values = list(found["nodes_values"].floats) if "nodes_values" in found else []
        splits = [
            (feature, value)
            for feature, value, mode in zip(found["nodes_featureids"].ints, values, modes)
            if mode != "LEAF"
        ]
        for feature, value in splits[:: max(1, len(splits) // most)][:most]:
            value = np.float32(value)
            for at in (value, np.nextafter(value, np.float32(-np.inf)),
                       np.nextafter(value, np.float32(np.inf))):
                row = base.copy()
                row[feature] = at
                rows.append(row)
    return np.array(rows) if rows else np.empty((0, len(base)))
