"""Make the test models, their inputs, their expected results and README.md.

Use the pinned packages of sample-data/requirements.txt. The seeds are fixed, so
the same packages give the same files.
"""

import csv
import random
import string
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

HERE = Path(__file__).resolve().parent
TRAINING_ROWS = 400
ROWS = 40
FEATURES = 5
FIXED_BATCH = 16

TABLE = []


# --- data ---------------------------------------------------------------


def to_float32(values):
    return np.asarray(values).astype(np.float32)


def make_features(rng, rows, missing=0.0):
    """Draw features on different scales, with 3 decimals, and empty cells."""
    scale = np.array([1.0, 10.0, 0.5, 3.0, 100.0])
    shift = np.array([0.0, 40.0, -1.0, 2.0, 300.0])
    values = np.round(rng.normal(size=(rows, FEATURES)) * scale + shift, 3)
    if missing:
        values[rng.random(values.shape) < missing] = np.nan
    return values


def signal(rng, values):
    """A noisy number that depends on the features, missing ones counted as 0."""
    scale = np.array([1.0, 10.0, 0.5, 3.0, 100.0])
    shift = np.array([0.0, 40.0, -1.0, 2.0, 300.0])
    z = np.nan_to_num((values - shift) / scale)
    clean = z[:, 0] - 0.8 * z[:, 1] + 0.6 * z[:, 2] * z[:, 3] + 0.5 * z[:, 4]
    return clean + rng.normal(scale=1.5, size=len(values))


def pick_classes(score, classes):
    """Cut a score into classes of about the same size."""
    cuts = np.quantile(score, np.arange(1, len(classes)) / len(classes))
    return np.array(classes)[np.searchsorted(cuts, score)]


# --- writing ------------------------------------------------------------


def save(name, model):
    """Write a model so that the same model always gives the same bytes."""
    versions = sorted((item.domain, item.version) for item in model.opset_import)
    del model.opset_import[:]
    for domain, version in versions:
        model.opset_import.add(domain=domain, version=version)
    path = HERE / f"{name}.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def cell(value):
    """Text of one value; float32 values are written out exactly, as float64."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else repr(float(value))
    return str(value)


def write_csv(name, header, rows):
    with open(HERE / name, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([cell(value) for value in row] for row in rows)


def operators(model):
    """The operators of a graph, each once, in order of first use."""
    names = []
    for node in model.graph.node:
        name = f"{node.domain}:{node.op_type}" if node.domain else node.op_type
        if name not in names:
            names.append(name)
    return names


def describe(name, text, model):
    TABLE.append((name, text, ", ".join(f"`{op}`" for op in operators(model))))


def run(path, feed):
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed)


def result_columns(outputs, classes):
    """Turn the outputs of a run into (header, rows)."""
    if classes is None:
        values = np.asarray(outputs[0])
        values = values.reshape(len(values), -1)
        if values.shape[1] == 1:
            header = ["prediction"]
        else:
            header = [f"prediction_{i}" for i in range(values.shape[1])]
        return header, [list(row) for row in values]
    labels = outputs[0]
    if len(outputs) > 2:  # One output per class.
        probabilities = np.column_stack([np.ravel(o) for o in outputs[1:]])
    elif isinstance(outputs[1], list):  # ZipMap: one dictionary per row.
        assert list(outputs[1][0]) == list(classes)
        probabilities = np.array([list(row.values()) for row in outputs[1]])
    else:
        probabilities = outputs[1]
    header = ["prediction"] + [f"probability_{c}" for c in classes]
    return header, [
        [label, *map(np.float32, line)] for label, line in zip(labels, probabilities)
    ]


def write_expected(name, header, rows):
    numbered = [[i, *row] for i, row in enumerate(rows)]
    write_csv(f"{name}.expected.csv", ["row", *header], numbered)


def compare(name, rows, estimator, values, classes):
    """Check that the exported model says what scikit-learn says."""
    if isinstance(values, np.ndarray):
        values = values.astype(np.float64)
    predicted = estimator.predict(values)
    if classes is None:
        got = np.array(rows, dtype=np.float64)
        want = np.asarray(predicted, dtype=np.float64).reshape(got.shape)
    else:
        assert [row[0] for row in rows] == list(predicted), f"{name}: labels differ"
        got = np.array([row[1:] for row in rows], dtype=np.float64)
        want = estimator.predict_proba(values)
    difference = np.max(np.abs(got - want) / (np.abs(want) + 1e-6))
    smallest = np.min(np.abs(want))
    print(f"{name}: difference {difference:.1e}, smallest number {smallest:.1e}")
    assert difference < 2e-5, f"{name}: numbers differ"


# --- scikit-learn models ------------------------------------------------


def export(name, text, estimator, frame, types, classes, options, patch=None):
    """Convert a fitted estimator, run it, and write its three files."""
    model = convert_sklearn(estimator, name, types, options=options)
    if patch:
        patch(model)
    path = save(name, model)
    values = frame if len(types) > 1 else to_float32(frame)
    batch = types[0][1].shape[0]
    if batch and batch > 0:
        pieces = []
        for start in range(0, len(values), batch):
            piece = values[start : start + batch]
            padded = np.zeros((batch, piece.shape[1]), np.float32)
            padded[: len(piece)] = piece
            pieces.append([o[: len(piece)] for o in run(path, {"X": padded})])
        outputs = [
            sum(part, []) if isinstance(part[0], list) else np.concatenate(part)
            for part in zip(*pieces)
        ]
    elif len(types) > 1:
        kinds = {FloatTensorType: np.float32, Int64TensorType: np.int64}
        feed = {
            column: frame[[column]].to_numpy().astype(kinds.get(type(kind), object))
            for column, kind in types
        }
        outputs = run(path, feed)
    else:
        outputs = run(path, {"X": values})
    header, rows = result_columns(outputs, classes)
    compare(name, rows, estimator, values, classes)
    write_csv(
        f"{name}.input.csv", list(frame), frame.itertuples(index=False, name=None)
    )
    write_expected(name, header, rows)
    describe(name, text, model)
    return model


def tabular(
    name,
    text,
    estimator,
    classes=None,
    zipmap=None,
    seed=1,
    missing=0.0,
    targets=1,
    batch=None,
    patch=None,
    spread=1.0,
):
    """Train on made-up data and export with one float input called X."""
    rng = np.random.default_rng(seed)
    training = make_features(rng, TRAINING_ROWS, missing)
    score = signal(rng, training)
    values = np.round(make_features(rng, ROWS, missing) * spread, 3)
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(FEATURES)])
    if classes is not None:
        target = pick_classes(score, classes)
    elif targets == 1:
        target = np.round(score * 3 + 5, 3)
    else:
        target = np.column_stack([score * 3 + 5, training[:, 0] * 2 - score])
    estimator.fit(to_float32(training), target)
    options = None
    if zipmap is not None:
        options = {"zipmap": zipmap}
    return export(
        name,
        text,
        estimator,
        frame,
        [("X", FloatTensorType([batch, FEATURES]))],
        None if classes is None else sorted(classes),
        options,
        patch,
    )


def set_batch(**dimension):
    """Replace the first dimension of the tensor inputs and outputs."""

    def patch(model):
        for value in [*model.graph.input, *model.graph.output]:
            first = value.type.tensor_type.shape.dim[0]
            first.Clear()
            for key, setting in dimension.items():
                setattr(first, key, setting)

    return patch


def make_linear():
    tabular("linear_regression", "One regression target.", LinearRegression())
    tabular(
        "ridge_multi_output",
        "Two regression targets in one output of shape [N, 2].",
        Ridge(),
        targets=2,
    )
    three = ["blue", "green", "red"]
    scaled = lambda: make_pipeline(StandardScaler(), LogisticRegression())  # noqa: E731
    tabular(
        "logistic_regression_3class",
        "String labels and ZipMap.",
        LogisticRegression(max_iter=5000),
        classes=three,
    )
    tabular(
        "logistic_regression_multinomial",
        "Labels 1, 2 and 5, which are not the class positions. No ZipMap.",
        scaled(),
        classes=[1, 2, 5],
        zipmap=False,
    )
    tabular(
        "logistic_regression_ovr",
        "One model per class, integer labels. No ZipMap.",
        OneVsRestClassifier(scaled()),
        classes=[1, 2, 5],
        zipmap=False,
    )
    tabular(
        "logistic_regression_zipmap_columns",
        "One output per class (ZipMap option `columns`).",
        scaled(),
        classes=three,
        zipmap="columns",
    )
    for suffix, text, extra in [
        ("fixed_batch", "Fixed batch: input of shape [16, 5].", {"batch": FIXED_BATCH}),
        ("unnamed_batch", "Batch dimension with neither name nor value.", {}),
        (
            "minus_one_batch",
            "Batch dimension with the value -1.",
            {"patch": set_batch(dim_value=-1)},
        ),
        (
            "named_batch",
            "Batch dimension with the name N.",
            {"patch": set_batch(dim_param="N")},
        ),
    ]:
        tabular(
            f"scaler_logistic_{suffix}", text, scaled(), [0, 1], zipmap=False, **extra
        )
    tabular(
        "scaler_logistic_zipmap",
        "Binary, integer labels and ZipMap.",
        scaled(),
        [0, 1],
    )
    tabular(
        "imputer_mean_logistic",
        "Empty cells (NaN), filled with the mean.",
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        [0, 1],
        missing=0.15,
    )
    tabular(
        "imputer_constant_logistic",
        "Empty cells (NaN), filled with a constant.",
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value=-1.5),
            StandardScaler(),
            LogisticRegression(),
        ),
        [0, 1],
        missing=0.15,
    )
    tabular(
        "min_max_scaler_ridge",
        "MinMaxScaler.",
        make_pipeline(MinMaxScaler(), Ridge()),
    )
    tabular(
        "min_max_scaler_clip_ridge",
        "MinMaxScaler that clips to its range. Some rows are outside of it.",
        make_pipeline(MinMaxScaler(clip=True), Ridge()),
        spread=2.0,
    )
    for norm in ["l1", "l2", "max"]:
        tabular(
            f"normalizer_{norm}_logistic",
            f"Normalizer with norm {norm}.",
            make_pipeline(Normalizer(norm), LogisticRegression()),
            [0, 1],
        )


def make_trees():
    three = ["high", "low", "middle"]
    tabular(
        "decision_tree_classifier",
        "One tree, labels -1 and 1, ZipMap.",
        DecisionTreeClassifier(max_depth=5, random_state=0),
        [-1, 1],
    )
    tabular(
        "decision_tree_3class",
        "One tree, string labels. No ZipMap.",
        DecisionTreeClassifier(max_depth=5, random_state=0),
        three,
        zipmap=False,
    )
    forest = {"n_estimators": 10, "max_depth": 5, "random_state": 0}
    tabular(
        "random_forest_binary",
        "Forest of 10 trees, integer labels, ZipMap.",
        RandomForestClassifier(**forest),
        [0, 1],
    )
    tabular(
        "random_forest_3class",
        "Forest of 10 trees, string labels. No ZipMap.",
        RandomForestClassifier(**forest),
        three,
        zipmap=False,
    )
    tabular("random_forest_regressor", "Average of trees.", RandomForestRegressor(**forest))
    tabular("extra_trees_regressor", "Average of trees.", ExtraTreesRegressor(**forest))
    boosting = {"n_estimators": 15, "max_depth": 3, "random_state": 0}
    tabular(
        "gradient_boosting_binary",
        "Boosted trees, one score per row. No ZipMap.",
        GradientBoostingClassifier(**boosting),
        [0, 1],
        zipmap=False,
    )
    tabular(
        "gradient_boosting_3class",
        "Boosted trees, one score per class, ZipMap.",
        GradientBoostingClassifier(**boosting),
        [0, 1, 2],
    )
    tabular(
        "gradient_boosting_regressor",
        "Sum of trees with a base value.",
        GradientBoostingRegressor(**boosting),
    )
    hist = {"max_iter": 12, "max_leaf_nodes": 8, "random_state": 0}
    tabular(
        "hist_gradient_boosting_binary",
        "Empty cells (NaN), sent left or right by each node.",
        HistGradientBoostingClassifier(**hist),
        [0, 1],
        zipmap=False,
        missing=0.15,
    )
    tabular(
        "hist_gradient_boosting_3class",
        "Empty cells (NaN), three classes.",
        HistGradientBoostingClassifier(**hist),
        [0, 1, 2],
        zipmap=False,
        missing=0.15,
    )
    tabular(
        "hist_gradient_boosting_regressor",
        "Empty cells (NaN), sent left or right by each node.",
        HistGradientBoostingRegressor(**hist),
        missing=0.15,
    )


def make_networks():
    network = {"max_iter": 800, "solver": "lbfgs", "alpha": 5.0, "random_state": 0}
    tabular(
        "mlp_binary",
        "Neural network with relu, integer labels, ZipMap.",
        make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(8,), **network)),
        [0, 1],
    )
    tabular(
        "mlp_3class",
        "Neural network with tanh and two hidden layers, integer labels.",
        make_pipeline(
            StandardScaler(), MLPClassifier(hidden_layer_sizes=(8, 6), activation="tanh", **network)
        ),
        [0, 1, 2],
        zipmap=False,
    )
    tabular(
        "mlp_regressor",
        "Neural network with the logistic activation, one regression target.",
        make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), activation="logistic", **network)
        ),
    )


def make_neighbours():
    tabular(
        "nearest_neighbours_regressor",
        "Average of the nearest 4 of the training rows, gone through by Scan.",
        KNeighborsRegressor(4),
    )


# --- several inputs -----------------------------------------------------


def make_visitors(rng, rows):
    return pd.DataFrame(
        {
            "age": np.round(rng.uniform(18, 80, rows), 1),
            "income": np.round(rng.lognormal(10, 0.5, rows), 2),
            "visits": rng.integers(0, 30, rows),
            "city": rng.choice(["Bergen", "Lima", "Osaka"], rows),
        }
    )


def make_several_inputs():
    rng = np.random.default_rng(5)
    training = make_visitors(rng, TRAINING_ROWS)
    frame = make_visitors(rng, ROWS)
    score = (
        (training["age"] - 50) / 20
        + (training["visits"] - 15) / 10
        - training["income"] / 40000
        + (training["city"] == "Lima")
        + rng.normal(scale=1.3, size=TRAINING_ROWS)
    )
    target = pick_classes(score.to_numpy(), [0, 1])
    types = [
        ("age", FloatTensorType([None, 1])),
        ("income", FloatTensorType([None, 1])),
        ("visits", Int64TensorType([None, 1])),
    ]
    numbers = [
        ("float", StandardScaler(), ["age", "income"]),
        ("whole", StandardScaler(), ["visits"]),
    ]
    columns = ["age", "income", "visits"]
    model = make_pipeline(ColumnTransformer(numbers), LogisticRegression())
    model.fit(training[columns], target)
    export(
        "several_inputs",
        "One input per column: two of float, one of int64.",
        model,
        frame[columns],
        types,
        [0, 1],
        None,
    )
    encoded = [*numbers, ("word", OneHotEncoder(handle_unknown="ignore"), ["city"])]
    model = make_pipeline(ColumnTransformer(encoded), LogisticRegression())
    model.fit(training, target)
    export(
        "several_inputs_string",
        "One input per column, one of them a string that is one-hot encoded.",
        model,
        frame,
        [*types, ("city", StringTensorType([None, 1]))],
        [0, 1],
        None,
    )


# --- graphs written by hand ---------------------------------------------


def build(name, nodes, inputs, outputs, weights, domains=()):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(w.astype(np.float32), n) for n, w in weights.items()],
    )
    versions = [helper.make_opsetid("", 17)]
    versions += [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(graph, opset_imports=versions, ir_version=8)


def plain_input(name):
    rng = np.random.default_rng(9)
    values = np.round(rng.normal(size=(ROWS, 4)), 3)
    write_csv(f"{name}.input.csv", ["x0", "x1", "x2", "x3"], values)
    return to_float32(values)


def make_plain():
    rng = np.random.default_rng(8)
    weights = {
        "fc1.weight": rng.normal(scale=0.7, size=(8, 4)),
        "fc1.bias": rng.normal(scale=0.3, size=8),
        "fc2.weight": rng.normal(scale=0.7, size=(1, 8)),
        "fc2.bias": rng.normal(scale=0.3, size=1),
    }
    hidden = [
        helper.make_node("Gemm", ["input", "fc1.weight", "fc1.bias"], ["/fc1"], transB=1),
        helper.make_node("Relu", ["/fc1"], ["/relu"]),
        helper.make_node("Gemm", ["/relu", "fc2.weight", "fc2.bias"], ["/fc2"], transB=1),
    ]

    name = "plain_network"
    nodes = [*hidden, helper.make_node("Sigmoid", ["/fc2"], ["output"])]
    model = build(
        name, nodes, [("input", ["batch", 4])], [("output", ["batch", 1])], weights
    )
    onnx.checker.check_model(model)
    values = plain_input(name)
    header, rows = result_columns(run(save(name, model), {"input": values}), None)
    write_expected(name, header, rows)
    describe(name, "A plain network of ai.onnx operators, one output.", model)

    name = "plain_network_two_outputs"
    weights = {
        **weights,
        "head.weight": rng.normal(scale=0.7, size=(3, 8)),
        "head.bias": rng.normal(scale=0.3, size=3),
    }
    nodes = [
        *hidden,
        helper.make_node("Sigmoid", ["/fc2"], ["score"]),
        helper.make_node("Gemm", ["/relu", "head.weight", "head.bias"], ["levels"], transB=1),
    ]
    model = build(
        name,
        nodes,
        [("input", ["batch", 4])],
        [("score", ["batch", 1]), ("levels", ["batch", 3])],
        weights,
    )
    onnx.checker.check_model(model)
    values = plain_input(name)
    score, levels = run(save(name, model), {"input": values})
    write_expected(
        name,
        ["score", "levels_0", "levels_1", "levels_2"],
        [[*a, *b] for a, b in zip(score, levels)],
    )
    describe(name, "The same network with two outputs, of 1 and 3 columns.", model)


def make_convolution():
    rng = np.random.default_rng(9)
    weights = {
        "conv.weight": rng.normal(scale=0.5, size=(6, 1, 3)),
        "conv.bias": rng.normal(scale=0.3, size=6),
        "fc.weight": rng.normal(scale=0.7, size=(2, 6)),
        "fc.bias": rng.normal(scale=0.3, size=2),
    }
    axes = helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Constant", [], ["axes"], value=axes),
        helper.make_node("Unsqueeze", ["input", "axes"], ["/series"]),
        helper.make_node(
            "Conv", ["/series", "conv.weight", "conv.bias"], ["/conv"], pads=[1, 1]
        ),
        helper.make_node("Relu", ["/conv"], ["/relu"]),
        helper.make_node("GlobalMaxPool", ["/relu"], ["/pool"]),
        helper.make_node("Flatten", ["/pool"], ["/flat"]),
        helper.make_node("Gemm", ["/flat", "fc.weight", "fc.bias"], ["output"], transB=1),
    ]
    name = "convolution"
    model = build(
        name, nodes, [("input", ["batch", 4])], [("output", ["batch", 2])], weights
    )
    onnx.checker.check_model(model)
    values = plain_input(name)
    header, rows = result_columns(run(save(name, model), {"input": values}), None)
    write_expected(name, header, rows)
    describe(name, "A convolution over the columns.", model)


def make_map():
    words = ["age", "city=Lima", "city=Osaka"]
    nodes = [
        helper.make_node(
            "DictVectorizer", ["x"], ["/x"], domain="ai.onnx.ml", string_vocabulary=words
        ),
        helper.make_node(
            "LinearRegressor",
            ["/x"],
            ["y"],
            domain="ai.onnx.ml",
            coefficients=[0.25, -3.0, 1.5],
            intercepts=[0.5],
        ),
    ]
    numbers = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    given = helper.make_value_info("x", helper.make_map_type_proto(TensorProto.STRING, numbers))
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    name = "map"
    graph = helper.make_graph(nodes, name, [given], [result])
    versions = [helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=8)
    onnx.checker.check_model(model)
    path = save(name, model)
    rng = np.random.default_rng(10)
    values = np.round(rng.normal(size=(ROWS, len(words))), 3)
    results = [
        run(path, {"x": dict(zip(words, map(float, row)))})[0].ravel() for row in values
    ]
    write_csv(f"{name}.input.csv", words, values)
    write_expected(name, ["prediction"], results)
    describe(name, "A map of words to numbers goes in.", model)


def make_determinant():
    shapes = {"matrix": [-1, 2, 2], "column": [-1, 1]}
    nodes = [
        helper.make_node(
            "Constant",
            [],
            [shape],
            value=helper.make_tensor(shape, onnx.TensorProto.INT64, [len(dims)], dims),
        )
        for shape, dims in shapes.items()
    ]
    nodes += [
        helper.make_node("Reshape", ["input", "matrix"], ["/matrix"]),
        helper.make_node("Det", ["/matrix"], ["/det"]),
        helper.make_node("Reshape", ["/det", "column"], ["output"]),
    ]
    name = "determinant"
    model = build(name, nodes, [("input", ["batch", 4])], [("output", ["batch", 1])], {})
    onnx.checker.check_model(model)
    save(name, model)
    plain_input(name)
    text = "An operator that only onnxruntime has. The results are easy to work out."
    describe(name, text, model)


def make_broken():
    for name, domain in [
        ("unsupported_operator", "ai.onnx.ml"),
        ("unsupported_domain", "com.example"),
    ]:
        nodes = [
            helper.make_node("Relu", ["input"], ["/relu"]),
            helper.make_node("NoSuchOp", ["/relu"], ["output"], domain=domain),
        ]
        model = build(
            name,
            nodes,
            [("input", ["batch", 4])],
            [("output", ["batch", 4])],
            {},
            [domain],
        )
        save(name, model)
        plain_input(name)
        describe(name, "An operator that does not exist. It has no results.", model)

    rng = random.Random(3)
    letters = string.ascii_lowercase + "     \n"
    text = "".join(rng.choice(letters) for _ in range(600))
    (HERE / "not_a_model.onnx").write_text(text + "\n", encoding="utf-8")
    TABLE.append(("not_a_model", "Random text. It cannot be read.", ""))

    whole = (HERE / "random_forest_regressor.onnx").read_bytes()
    (HERE / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    text = "The first half of random_forest_regressor.onnx. It cannot be read."
    TABLE.append(("truncated", text, ""))
    for name in ["not_a_model", "truncated"]:
        try:
            onnx.load(HERE / f"{name}.onnx")
        except Exception:
            continue
        raise AssertionError(f"{name}.onnx can be read")


README = """# Test models

Small ONNX models, each with these files:

- `<name>.onnx` is the model.
- `<name>.input.csv` holds the rows to score. An empty cell is a missing value (NaN).
- `<name>.expected.csv` holds the results of onnxruntime for these rows.

The column `row` counts from 0. A classifier has the columns `prediction` and
`probability_<class>`. A regressor has `prediction`, or `prediction_0`,
`prediction_1` and so on for several targets. The model with two outputs has columns
named after its outputs. The numbers are float32 values written in full.

The data is made up by the script. To make all files and this page again, install
`sample-data/requirements.txt` and run `python tests/models/make_models.py`. The
script also checks each scikit-learn model against scikit-learn itself.

For the model with the fixed batch, the last batch was filled up with zeros, and the
results of these extra rows were dropped.

Operators without a domain are of the domain `ai.onnx`.

| Model | What it exercises | Operators |
| --- | --- | --- |
"""


def write_readme():
    lines = [f"| {name} | {text} | {ops} |\n" for name, text, ops in TABLE]
    (HERE / "README.md").write_text(README + "".join(lines), encoding="utf-8")


def main():
    make_linear()
    make_trees()
    make_networks()
    make_neighbours()
    make_several_inputs()
    make_plain()
    make_convolution()
    make_map()
    make_determinant()
    make_broken()
    write_readme()


if __name__ == "__main__":
    main()
