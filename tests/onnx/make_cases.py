"""Make test cases of single operators of ai.onnx.ml and of those for texts, with ONNX Runtime's answers.

usage: make_cases.py FOLDER

Each case is a folder in the form of the ONNX project's own node tests: model.onnx,
test_data_set_0/input_0.pb and so on, output_0.pb and so on. The seeds are fixed.
Combinations of attributes that ONNX Runtime refuses are left out.
"""

import itertools
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
MICROSOFT = "com.microsoft"
ROWS = 33
FEATURES = 4
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"]
# Values that comparisons may get wrong; thresholds are drawn from them too.
EDGES = np.array([-np.inf, -2.5, -1.0, -0.0, 0.0, 1e-40, 0.5, 1.0, 1.0000001, 3.0, np.inf])

FOLDER = Path(sys.argv[1])
WRITTEN = []


def onnx_type(array):
    return helper.np_dtype_to_tensor_dtype(array.dtype) if array.dtype.kind not in "OU" else TensorProto.STRING


def case(name, op, feeds, outputs, version=3, domain=ML, **attributes):
    """Write a case of a node `op` for the arrays `feeds`, if ONNX Runtime runs it."""
    if lone_probit(op, attributes):
        return
    names = [f"x{i}" for i in range(len(feeds))]
    results = [f"y{i}" for i in range(len(outputs))]
    node = helper.make_node(op, names, results, domain=domain, **attributes)
    # Rows are as many as there are, and each input has its own.
    shape = lambda name, array: [f"rows_of_{name}", *array.shape[1:]]
    graph = helper.make_graph(
        [node],
        "case",
        [helper.make_tensor_value_info(n, onnx_type(x), shape(n, x)) for n, x in zip(names, feeds)],
        [helper.make_tensor_value_info(n, t, None) for n, t in zip(results, outputs)],
    )
    model = helper.make_model(
        graph,
        ir_version=8,
        opset_imports=[
            helper.make_opsetid("", version if domain == "" else 18),
            helper.make_opsetid(ML, version if domain == ML else 3),
            helper.make_opsetid(MICROSOFT, 1),
        ],
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        answers = session.run(None, dict(zip(names, feeds)))
    except Exception:
        return
    folder = FOLDER / name
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    for kind, arrays in [("input", feeds), ("output", answers)]:
        for i, array in enumerate(arrays):
            tensor = numpy_helper.from_array(np.asarray(array))
            (data / f"{kind}_{i}.pb").write_bytes(tensor.SerializeToString())
    WRITTEN.append(op)


def lone_probit(op, attributes):
    """Whether two classes share one score and its probit, of which ONNX Runtime leaves the second unset."""
    if attributes.get("post_transform") != "PROBIT":
        return False
    if op == "LinearClassifier":
        return len(attributes["intercepts"]) == 1
    if op == "SVMClassifier":
        return "prob_a" not in attributes and len(attributes.get("vectors_per_class", [])) == 2
    if op == "TreeEnsembleClassifier":
        bases = attributes.get("base_values", [])
        if "base_values_as_tensor" in attributes:
            bases = numpy_helper.to_array(attributes["base_values_as_tensor"])
        labels = attributes.get("classlabels_int64s") or attributes["classlabels_strings"]
        return len(labels) == 2 and len(bases) < 2 and len(set(attributes["class_ids"])) == 1
    return False


def floats(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def edgy(rng, rows=ROWS, columns=FEATURES, missing=True):
    """Rows of ordinary values, edge values and missing ones."""
    values = rng.normal(size=(rows, columns))
    values = np.where(rng.random(values.shape) < 0.4, rng.choice(EDGES, size=values.shape), values)
    if missing:
        values[rng.random(values.shape) < 0.15] = np.nan
    return values.astype(np.float32)


# --- support vectors --------------------------------------------------------


def support_vectors():
    kernels = {"LINEAR": None, "POLY": [0.5, 1.0, 3.0], "RBF": [0.3, 0.0, 0.0], "SIGMOID": [0.2, -0.5, 0.0]}
    kernels["POLY2"] = [0.5, 0.25, 2.0]
    kernels["POLY1.5"] = [0.0, 2.0, 1.5]
    labels = {"ints": lambda n: [3, 7, -2, 9][:n], "strings": lambda n: ["no", "yes", "maybe", "other"][:n]}
    combinations = itertools.product(kernels.items(), [2, 3, 4], [False, True], TRANSFORMS)
    for i, ((kernel, params), classes, proba, transform) in enumerate(combinations):
        rng = np.random.default_rng(i)
        per_class = [3 + k for k in range(classes)]
        count, pairs = sum(per_class), classes * (classes - 1) // 2
        kind = "strings" if i % 2 else "ints"
        attributes = {f"classlabels_{kind}": labels[kind](classes)}
        if proba:
            attributes.update(prob_a=-np.abs(floats(rng, pairs)), prob_b=floats(rng, pairs))
        case(
            f"svm_classifier_{kernel.lower()}_{classes}_{'proba_' if proba else ''}{transform.lower()}",
            "SVMClassifier",
            [floats(rng, ROWS, FEATURES)],
            [TensorProto.INT64 if kind == "ints" else TensorProto.STRING, TensorProto.FLOAT],
            version=1,
            kernel_type=kernel.rstrip("0123456789."),
            kernel_params=params or [0.0, 0.0, 0.0],
            vectors_per_class=per_class,
            support_vectors=floats(rng, count * FEATURES),
            coefficients=floats(rng, count * (classes - 1)),
            rho=floats(rng, pairs),
            post_transform=transform,
            **attributes,
        )
    for classes, transform, positive in itertools.product([2, 3], TRANSFORMS, [False, True]):
        rng = np.random.default_rng(classes)
        weights = floats(rng, classes * FEATURES)
        case(
            f"svm_classifier_liblinear_{classes}_{transform.lower()}{'_positive' if positive else ''}",
            "SVMClassifier",
            [floats(rng, ROWS, FEATURES)],
            [TensorProto.INT64, TensorProto.FLOAT],
            version=1,
            classlabels_ints=labels["ints"](classes),
            coefficients=np.abs(weights) if positive else weights,
            kernel_params=[0.0, 0.0, 0.0],
            rho=floats(rng, 1),
            post_transform=transform,
        )
    for i, ((kernel, params), one_class) in enumerate(itertools.product(kernels.items(), [0, 1])):
        rng = np.random.default_rng(i)
        case(
            f"svm_regressor_{kernel.lower()}{'_one_class' if one_class else ''}",
            "SVMRegressor",
            [floats(rng, ROWS, FEATURES)],
            [TensorProto.FLOAT],
            version=1,
            kernel_type=kernel.rstrip("0123456789."),
            kernel_params=params or [0.0, 0.0, 0.0],
            n_supports=9,
            one_class=one_class,
            support_vectors=floats(rng, 9 * FEATURES),
            coefficients=floats(rng, 9),
            rho=floats(rng, 1),
        )
    rng = np.random.default_rng(0)
    case(
        "svm_regressor_liblinear",
        "SVMRegressor",
        [floats(rng, ROWS, FEATURES)],
        [TensorProto.FLOAT],
        version=1,
        kernel_params=[0.0, 0.0, 0.0],
        coefficients=floats(rng, FEATURES),
        rho=floats(rng, 1),
    )


# --- trees ------------------------------------------------------------------

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def random_trees(rng, trees, depth, modes):
    """Nodes of random trees as columns, and the (tree, node) pairs of the leaves."""
    nodes = {k: [] for k in ["tree", "node", "feature", "value", "mode", "true", "false", "missing"]}
    leaves = []

    def add(tree, node, level):
        leaf = level == depth or (level > 1 and rng.random() < 0.2)
        nodes["tree"].append(tree)
        nodes["node"].append(node)
        nodes["feature"].append(0 if leaf else int(rng.integers(FEATURES)))
        nodes["value"].append(0.0 if leaf else float(np.float32(rng.choice(EDGES[1:-1]))))
        nodes["mode"].append("LEAF" if leaf else str(rng.choice(modes)))
        nodes["true"].append(0 if leaf else 2 * node + 1)
        nodes["false"].append(0 if leaf else 2 * node + 2)
        nodes["missing"].append(0 if leaf else int(rng.integers(2)))
        if leaf:
            leaves.append((tree, node))
        else:
            add(tree, 2 * node + 1, level + 1)
            add(tree, 2 * node + 2, level + 1)

    for tree in range(trees):
        add(tree, 0, 0)
    return nodes, leaves


def tree_attributes(nodes, double=False):
    attributes = {
        "nodes_treeids": nodes["tree"],
        "nodes_nodeids": nodes["node"],
        "nodes_featureids": nodes["feature"],
        "nodes_modes": nodes["mode"],
        "nodes_truenodeids": nodes["true"],
        "nodes_falsenodeids": nodes["false"],
        "nodes_missing_value_tracks_true": nodes["missing"],
    }
    if double:
        attributes["nodes_values_as_tensor"] = numpy_helper.from_array(np.array(nodes["value"], np.float64))
    else:
        attributes["nodes_values"] = nodes["value"]
    return attributes


def reals(name, values, double):
    if double:
        return {f"{name}_as_tensor": numpy_helper.from_array(np.asarray(values, np.float64))}
    return {name: np.asarray(values, np.float32)}


def leaf_weights(rng, leaves, targets, which, sign):
    """Columns of weights: each leaf has one for a class, or one for each."""
    rows = []
    for tree, node in leaves:
        for target in [which] if which is not None else range(targets):
            weight = rng.normal()
            rows.append((tree, node, target, abs(weight) / 4 if sign else weight))
    return [list(column) for column in zip(*rows)]


def tree_classifiers():
    combinations = itertools.product([2, 3], [None, 0, 1], [False, True], [0, 1, 2, 3], TRANSFORMS, [False, True])
    for i, (classes, which, positive, bases, transform, double) in enumerate(combinations):
        if bases > classes or (which is not None and classes > 2 and which > 0):
            continue
        rng = np.random.default_rng(i)
        nodes, leaves = random_trees(rng, 3, 3, MODES[:1] if i % 3 else MODES)
        trees, at, targets, weights = leaf_weights(rng, leaves, classes, which, positive)
        kind = "strings" if i % 5 == 0 else "int64s"
        labels = ["b", "a", "c"][:classes] if kind == "strings" else ([0, 1, 2] if i % 2 else [5, 3, 8])[:classes]
        attributes = tree_attributes(nodes, double)
        attributes |= reals("class_weights", weights, double)
        if bases:
            attributes |= reals("base_values", rng.normal(size=bases), double)
        case(
            f"tree_classifier_{classes}_{'all' if which is None else which}_{bases}bases_{transform.lower()}"
            f"{'_positive' if positive else ''}{'_double' if double else ''}",
            "TreeEnsembleClassifier",
            [edgy(rng).astype(np.float64 if double and i % 2 else np.float32)],
            [TensorProto.INT64 if kind == "int64s" else TensorProto.STRING, TensorProto.FLOAT],
            class_treeids=trees,
            class_nodeids=at,
            class_ids=targets,
            post_transform=transform,
            **{f"classlabels_{kind}": labels},
            **attributes,
        )


def tree_regressors():
    functions = ["SUM", "AVERAGE", "MIN", "MAX"]
    combinations = itertools.product([1, 2, 3], functions, [False, True], TRANSFORMS, [False, True])
    for i, (targets, function, base, transform, double) in enumerate(combinations):
        rng = np.random.default_rng(i)
        nodes, leaves = random_trees(rng, 4, 3, MODES[i % 7 : i % 7 + 1] or MODES)
        trees, at, ids, weights = leaf_weights(rng, leaves, targets, None if i % 4 else targets - 1, False)
        attributes = tree_attributes(nodes, double)
        attributes |= reals("target_weights", weights, double)
        if base:
            attributes |= reals("base_values", rng.normal(size=targets), double)
        case(
            f"tree_regressor_{targets}_{function.lower()}_{transform.lower()}{'_base' if base else ''}"
            f"{'_double' if double else ''}",
            "TreeEnsembleRegressor",
            [edgy(rng).astype(np.float64 if double and i % 2 else np.float32)],
            [TensorProto.FLOAT],
            target_treeids=trees,
            target_nodeids=at,
            target_ids=ids,
            n_targets=targets,
            aggregate_function=function,
            post_transform=transform,
            **attributes,
        )


def tree_ensembles():
    """Version 5 of ai.onnx.ml: one operator, leaves apart from nodes, sets.

    Two places where ONNX Runtime 1.31 does not do what ONNX says are left out: it takes
    SOFTMAX for LOGISTIC and the other way round, and rounds values before it looks for
    them in a set of integers.
    """
    transforms = {0: "none", 3: "softmax_zero", 4: "probit"}
    members_of = EDGES[np.isfinite(EDGES) & (EDGES != np.round(EDGES))]
    combinations = itertools.product([1, 2], range(4), transforms, [np.float32, np.float64], [False, True])
    for i, (targets, function, transform, element, sets) in enumerate(combinations):
        rng = np.random.default_rng(i)
        columns = {k: [] for k in ["feature", "split", "mode", "true", "trueleaf", "false", "falseleaf", "missing"]}
        weights, ids, roots, members = [], [], [], []

        def leaf():
            weights.append(rng.normal())
            ids.append(int(rng.integers(targets)))
            return len(weights) - 1

        def inner(level):
            place = len(columns["mode"])
            mode = 6 if sets and rng.random() < 0.4 else int(rng.integers(6))
            if mode == 6:
                members.extend([*rng.choice(members_of, size=3), np.nan])
            columns["feature"].append(int(rng.integers(FEATURES)))
            columns["split"].append(0.0 if mode == 6 else rng.choice(EDGES[1:-1]))
            columns["mode"].append(mode)
            columns["missing"].append(int(rng.integers(2)))
            for key in ["true", "trueleaf", "false", "falseleaf"]:
                columns[key].append(0)
            for side in ["true", "false"]:
                is_leaf = level == 2 or rng.random() < 0.3
                columns[side + "leaf"][place] = int(is_leaf)
                columns[side][place] = leaf() if is_leaf else inner(level + 1)
            return place

        for _ in range(3):
            roots.append(inner(0))
        # Sets are listed in the order of the nodes, which is that of `inner`.
        tensor = lambda values, dtype=element: numpy_helper.from_array(np.array(values, dtype))
        attributes = {"membership_values": tensor(members)} if members else {}
        case(
            f"tree_ensemble_{targets}_{function}_{transforms[transform]}_{np.dtype(element).name}{'_sets' if sets else ''}",
            "TreeEnsemble",
            [edgy(rng).astype(element)],
            [helper.np_dtype_to_tensor_dtype(np.dtype(element))],
            version=5,
            aggregate_function=function,
            post_transform=transform,
            tree_roots=roots,
            n_targets=targets,
            nodes_featureids=columns["feature"],
            nodes_splits=tensor(columns["split"]),
            nodes_modes=tensor(columns["mode"], np.uint8),
            nodes_truenodeids=columns["true"],
            nodes_trueleafs=columns["trueleaf"],
            nodes_falsenodeids=columns["false"],
            nodes_falseleafs=columns["falseleaf"],
            nodes_missing_value_tracks_true=columns["missing"],
            leaf_targetids=ids,
            leaf_weights=tensor(weights),
            **attributes,
        )


# --- the rest ---------------------------------------------------------------


def linear():
    for i, (scores, transform) in enumerate(itertools.product([1, 2, 3], TRANSFORMS)):
        for kind, labels in [("ints", [4, 2, 9]), ("strings", ["x", "y", "z"])]:
            rng = np.random.default_rng(i)
            case(
                f"linear_classifier_{scores}_{transform.lower()}_{kind}",
                "LinearClassifier",
                [floats(rng, ROWS, FEATURES) if kind == "ints" else rng.integers(-3, 4, (ROWS, FEATURES))],
                [TensorProto.INT64 if kind == "ints" else TensorProto.STRING, TensorProto.FLOAT],
                version=1,
                coefficients=floats(rng, scores * FEATURES),
                intercepts=floats(rng, scores),
                post_transform=transform,
                **{f"classlabels_{kind}": labels[: max(scores, 2)]},
            )
        rng = np.random.default_rng(i)
        case(
            f"linear_regressor_{scores}_{transform.lower()}",
            "LinearRegressor",
            [floats(rng, ROWS, FEATURES)],
            [TensorProto.FLOAT],
            version=1,
            coefficients=floats(rng, scores * FEATURES),
            intercepts=floats(rng, scores),
            targets=scores,
            post_transform=transform,
        )


def features():
    rng = np.random.default_rng(0)
    tables = {
        "float32": edgy(rng, missing=False),
        "float64": rng.normal(size=(ROWS, FEATURES)),
        "int64": rng.integers(-4, 5, (ROWS, FEATURES)),
        "int32": rng.integers(-4, 5, (ROWS, FEATURES)).astype(np.int32),
    }
    for name, table in tables.items():
        for length in [1, FEATURES]:
            case(
                f"scaler_{name}_{length}",
                "Scaler",
                [table],
                [TensorProto.FLOAT],
                version=1,
                offset=floats(rng, length),
                scale=floats(rng, length),
            )
        finite = np.where(np.isfinite(table.astype(np.float64)), table, 0).astype(table.dtype)
        for norm in ["MAX", "L1", "L2"]:
            case(f"normalizer_{norm.lower()}_{name}", "Normalizer", [finite], [TensorProto.FLOAT], version=1, norm=norm)
        case(f"binarizer_{name}", "Binarizer", [table], [onnx_type(table)], version=1, threshold=0.5)
    case("binarizer_default", "Binarizer", [tables["float32"]], [TensorProto.FLOAT], version=1)
    for length in [1, FEATURES]:
        for replaced in [float("nan"), 1.0]:
            case(
                f"imputer_float_{length}_{replaced}",
                "Imputer",
                [edgy(rng)],
                [TensorProto.FLOAT],
                version=1,
                imputed_value_floats=floats(rng, length),
                replaced_value_float=replaced,
            )
        case(
            f"imputer_int_{length}",
            "Imputer",
            [tables["int64"]],
            [TensorProto.INT64],
            version=1,
            imputed_value_int64s=[100 + i for i in range(length)],
            replaced_value_int64=-1,
        )
    words = np.array(["red", "green", "blue", "Ünïcode", ""], dtype=object)
    texts = rng.choice(words, size=(ROWS, 2))
    known = ["blue", "red", "green"]
    for zeros in [0, 1]:
        only = texts if zeros else rng.choice(np.array(known, dtype=object), size=(ROWS, 1))
        case(f"one_hot_strings_{zeros}", "OneHotEncoder", [only], [TensorProto.FLOAT], version=1, cats_strings=known, zeros=zeros)
        for name in ["int64", "int32", "float32", "float64"]:
            table = rng.integers(0, 4 if zeros else 3, (ROWS, 2)).astype(name)
            case(f"one_hot_{name}_{zeros}", "OneHotEncoder", [table], [TensorProto.FLOAT], version=1, cats_int64s=[2, 0, 1], zeros=zeros)
    keys = {
        "strings": (known, texts),
        "int64s": ([3, -1, 0], tables["int64"]),
        "floats": ([0.5, float("nan"), 1.0], edgy(rng)),
    }
    values = {
        "strings": (["one", "two", "three"], {"default_string": "none"}, TensorProto.STRING),
        "int64s": ([10, 20, 30], {"default_int64": -7}, TensorProto.INT64),
        "floats": ([1.5, -0.0, 2.5], {"default_float": 9.5}, TensorProto.FLOAT),
    }
    for (key, (of, table)), (value, (to, default, element)) in itertools.product(keys.items(), values.items()):
        for suffix, chosen in [("", default), ("_no_default", {})]:
            case(
                f"label_encoder_{key}_{value}{suffix}",
                "LabelEncoder",
                [table],
                [element],
                version=2,
                **{f"keys_{key}": of, f"values_{value}": to},
                **chosen,
            )
    for dtype in [np.float64, np.int16, np.int32]:
        case(
            f"label_encoder_tensors_{np.dtype(dtype).name}",
            "LabelEncoder",
            [rng.integers(0, 4, (ROWS, 1)).astype(np.float64)],
            [helper.np_dtype_to_tensor_dtype(np.dtype(dtype))],
            version=4,
            keys_tensor=numpy_helper.from_array(np.array([0.0, 1.0, 2.0])),
            values_tensor=numpy_helper.from_array(np.array([7, 8, 9], dtype)),
            default_tensor=numpy_helper.from_array(np.array([-1], dtype)),
        )
    mapping = {"cats_strings": known, "cats_int64s": [5, 6, 7]}
    case("category_mapper_strings", "CategoryMapper", [texts], [TensorProto.INT64], version=1, **mapping)
    case(
        "category_mapper_ints",
        "CategoryMapper",
        [rng.integers(4, 9, (ROWS, 1))],
        [TensorProto.STRING],
        version=1,
        default_string="other",
        **mapping,
    )
    case(
        "feature_vectorizer",
        "FeatureVectorizer",
        [tables["float32"], tables["int64"][:, :2], tables["float64"]],
        [TensorProto.FLOAT],
        version=1,
        inputdimensions=[FEATURES, 3, 2],
    )
    for name, table in {**tables, "string": texts}.items():
        columns = np.array([1, 0, 1]) % table.shape[1]
        case(f"array_feature_extractor_{name}", "ArrayFeatureExtractor", [table, columns], [onnx_type(table)], version=1)


# --- texts ------------------------------------------------------------------

TEXTS = np.array(
    [
        "The quick brown fox, the lazy dog",
        "",
        "Übung macht den Meister: naïve Straße",
        "a,b;;c  d",
        "x1_y2 #hash 3.14 -7 e-mail\tline\nbreak",
        "#",
        "ΑΒΓ δεζ ПРИВЕТ мир 漢字 \U0001f600!",
    ],
    dtype=object,
)


def tokenizers():
    expressions = [r"[a-zA-Z0-9_]+", r"\b\w\w+\b", r"\w+", ".", "..", r"\S+", "t|th|the", "[^ ]+?", r"(?i)the|Ü\w", r"\pL+"]
    expressions += [r"\d+(\.\d+)?", "x*", r"[^\W\d]+", r"[[:alpha:]&&-]+", r"\Q3.1\E|a{,2}", r"[\s,;]"]
    ways = [("expression", {"tokenexp": e}) for e in expressions]
    separators = [[" "], [""], [",", ";", " "], [r"\s+"], ["[,;]"], ["the", "a|an"], [":", "é"]]
    ways += [("separators", {"separators": s}) for s in separators]
    for i, ((kind, way), mark, least) in enumerate(itertools.product(ways, [0, 1], [1, 2])):
        texts = TEXTS.reshape(-1, 1) if i % 3 else TEXTS
        case(
            f"tokenizer_{kind}_{ways.index((kind, way))}{'_mark' if mark else ''}_{least}",
            "Tokenizer",
            [texts],
            [TensorProto.STRING],
            domain=MICROSOFT,
            mark=mark,
            mincharnum=least,
            pad_value="#",
            **way,
        )
    nothing = np.array([["", " "], [" ", ""]], dtype=object)
    case(
        "tokenizer_nothing",
        "Tokenizer",
        [nothing],
        [TensorProto.STRING],
        domain=MICROSOFT,
        mark=1,
        mincharnum=1,
        pad_value="#",
        tokenexp=r"\w+",
    )


def vectorizers():
    rng = np.random.default_rng(0)
    words = np.array(["a", "b", "c", "d", "e"], dtype=object)
    pools = {
        "strings": (rng.choice(words, size=(ROWS, 9)), [*"abd"] + [*"ab", *"bb", *"ca"] + [*"abc", *"bba"]),
        "int64s": (rng.integers(0, 5, (ROWS, 9)), [0, 1, 3] + [0, 1, 1, 1, 2, 0] + [0, 1, 2, 1, 1, 0]),
    }
    lengths = [(1, 1), (1, 2), (2, 2), (1, 3), (2, 3)]
    combinations = itertools.product(pools.items(), ["TF", "IDF", "TFIDF"], lengths, [0, 1, 5, 20], [False, True])
    for (kind, (table, pool)), mode, (shortest, longest), skips, weighted in combinations:
        case(
            f"tf_idf_{kind}_{mode.lower()}_{shortest}_{longest}_{skips}{'_weighted' if weighted else ''}",
            "TfIdfVectorizer",
            [table.astype(np.int32) if kind == "int64s" and weighted else table],
            [TensorProto.FLOAT],
            version=9,
            domain="",
            mode=mode,
            min_gram_length=shortest,
            max_gram_length=longest,
            max_skip_count=skips,
            ngram_counts=[0, 3, 9],
            ngram_indexes=[5, 2, 0, 1, 3, 4, 7, 6],
            **({"weights": floats(rng, 8)} if weighted else {}),
            **{f"pool_{kind}": pool},
        )
    # Two n-grams of one column.
    for mode in ["TF", "IDF", "TFIDF"]:
        case(
            f"tf_idf_shared_{mode.lower()}",
            "TfIdfVectorizer",
            [pools["int64s"][0]],
            [TensorProto.FLOAT],
            version=9,
            domain="",
            mode=mode,
            min_gram_length=1,
            max_gram_length=1,
            max_skip_count=0,
            ngram_counts=[0],
            ngram_indexes=[1, 1, 3],
            weights=floats(rng, 3),
            pool_int64s=[0, 1, 3],
        )


def strings():
    letters = np.array(["Straße", "ÉCOLE", "αβΓ", "ПРИВЕТ", "Monday", "mONDAY", "ß", "ﬁ", "Ǆ", "ǅ", "ı", "K", ""], dtype=object)
    for change, sensitive, locale in itertools.product(["NONE", "LOWER", "UPPER"], [0, 1], ["C", "C.UTF-8"]):
        for stop_words in [[], ["MONDAY"], ["Monday", "ÉCOLE"]]:
            name = f"string_normalizer_{change.lower()}_{sensitive}_{locale.lower()}_{len(stop_words)}"
            attributes = {"stopwords": stop_words} if stop_words else {}
            case(
                name,
                "StringNormalizer",
                [letters],
                [TensorProto.STRING],
                version=10,
                domain="",
                case_change_action=change,
                is_case_sensitive=sensitive,
                locale=locale,
                **attributes,
            )
    only = {"stopwords": ["a"], "locale": "C", "is_case_sensitive": 1}
    nothing = np.array(["a", "a"], dtype=object)
    case("string_normalizer_nothing", "StringNormalizer", [nothing], [TensorProto.STRING], version=10, domain="", **only)
    table = np.array([["a", "ü"], ["", "c d"], ["e", ""]], dtype=object)
    for name, other in {"table": table[::-1], "row": table[:1], "column": table[:, :1]}.items():
        case(f"string_concat_{name}", "StringConcat", [table, other], [TensorProto.STRING], version=20, domain="")
    for i, pattern in enumerate(["a|ab", ".*", r"\w+", "[^ ]*", "a.*d", r"(?i)Ü", "", "a+?"]):
        case(f"regex_full_match_{i}", "RegexFullMatch", [table], [TensorProto.BOOL], version=20, domain="", pattern=pattern)
    splits = [{}, {"delimiter": " "}, {"delimiter": "b"}, {"maxsplit": 2}, {"delimiter": ",", "maxsplit": 1}]
    for i, attributes in enumerate(splits):
        elements = [TensorProto.STRING, TensorProto.INT64]
        case(f"string_split_{i}", "StringSplit", [TEXTS], elements, version=20, domain="", **attributes)


def distances():
    for metric, element, columns in itertools.product(["euclidean", "sqeuclidean"], [np.float32, np.float64], [3, 12]):
        rng = np.random.default_rng(columns)
        tables = [rng.normal(size=(rows, columns)).astype(element) for rows in [ROWS, 7]]
        name = f"cdist_{metric}_{np.dtype(element).name}_{columns}"
        case(name, "CDist", tables, [onnx_type(tables[0])], domain=MICROSOFT, metric=metric)


shutil.rmtree(FOLDER, ignore_errors=True)
support_vectors()
tree_classifiers()
tree_regressors()
tree_ensembles()
linear()
features()
tokenizers()
vectorizers()
strings()
distances()
for op in sorted(set(WRITTEN)):
    print(f"{op}: {WRITTEN.count(op)} cases")
