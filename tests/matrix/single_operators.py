"""Single operators and short graphs of ai.onnx, on typical and on edge values."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node as node

from tables import Table

TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE,
         "int64": TensorProto.INT64, "string": TensorProto.STRING}


def values():
    """Finite numbers, numbers with NaN and infinities, whole numbers, words."""
    rng = np.random.default_rng(201)
    finite = np.round(rng.normal(size=(12, 4)) * 2, 2)
    ties = [[0, -0.0, 1, -1], [0.5, 1.5, 2.5, -0.5], [3, 3, 3, 3], [1, 2, 2, 1],
            [-1, -3, -1, -3], [100, -100, 0.1, 50]]
    finite = np.concatenate([finite, ties])
    nan, inf = np.nan, np.inf
    wild = np.concatenate([finite, [[nan, 1, 2, 3], [1, nan, nan, 2], [inf, -inf, 1, 0],
                                    [3e38, -3e38, 1e-40, 88.8]]])
    whole = rng.integers(-5, 6, size=(14, 4))
    whole[:2] = [[0, 0, 0, 0], [3, 3, 3, 3]]
    words = np.array([["a", "B c", ""], ["x,y", "b", "a"], ["É", "x y z", "no"]] * 3)
    return finite, wild, whole, words


class Graphs:
    """Adds graphs from the input X to the output Y (and more if named)."""

    def __init__(self, make):
        self.make = make

    def add(self, name, nodes, table, kind="float32", outputs=("Y",), opset=21, **constants):
        nodes = nodes if isinstance(nodes, list) else [nodes]
        arrays = {key: np.asarray(value) for key, value in constants.items()}

        def export():
            graph = helper.make_graph(
                nodes, name, [helper.make_tensor_value_info("X", TYPES[kind],
                                                            [None, table.shape[1]])],
                [onnx.ValueInfoProto(name=output) for output in outputs],
                [numpy_helper.from_array(array, key) for key, array in arrays.items()])
            model = helper.make_model(graph, ir_version=9,
                                      opset_imports=[helper.make_opsetid("", opset)])
            return onnx.shape_inference.infer_shapes(model)

        self.make.add(f"operator_{name}", export, None, Table(None, table, kind),
                      native=lambda test: [], probe=False)


def floats(*numbers):
    return np.array(numbers, dtype=np.float32)


def ints(*numbers):
    return np.array(numbers, dtype=np.int64)


def one_input(graphs, finite, wild, whole):
    for op in ["Abs", "Neg", "Reciprocal", "Sqrt", "Exp", "Log", "Floor", "Ceil", "Round",
               "Sign", "Sigmoid", "Tanh", "Relu", "Erf", "Softplus", "Elu", "LeakyRelu",
               "HardSigmoid", "Gelu", "IsNaN", "IsInf", "Identity"]:
        graphs.add(op.lower(), node(op, ["X"], ["Y"]), wild)
    for op in ["Abs", "Neg", "Sqrt", "Exp", "Log", "Floor", "Round", "Sign", "Sigmoid", "Tanh",
               "Relu", "IsNaN", "Softmax"]:
        graphs.add(f"{op.lower()}_float64", node(op, ["X"], ["Y"]), wild[:-1], "float64")
    for op in ["Softmax", "LogSoftmax", "Hardmax"]:
        graphs.add(f"{op.lower()}", node(op, ["X"], ["Y"], axis=1), finite * 50)
    for op in ["Abs", "Neg", "Sign"]:
        graphs.add(f"{op.lower()}_int64", node(op, ["X"], ["Y"]), whole, "int64")
    for to in ["DOUBLE", "INT64", "INT32", "BOOL", "INT8"]:
        cast = node("Cast", ["X"], ["Y"], to=getattr(TensorProto, to))
        graphs.add(f"cast_float32_{to.lower()}", cast, finite)
        graphs.add(f"cast_float64_{to.lower()}", cast, finite + 1e-9, "float64")
        graphs.add(f"cast_int64_{to.lower()}", cast, whole, "int64")
    graphs.add("cast_int64_float", node("Cast", ["X"], ["Y"], to=TensorProto.FLOAT), whole, "int64")
    graphs.add("cast_float64_float", node("Cast", ["X"], ["Y"], to=TensorProto.FLOAT),
               finite + 1e-9, "float64")
    graphs.add("cast_int64_string", node("Cast", ["X"], ["Y"], to=TensorProto.STRING), whole,
               "int64")
    graphs.add("cast_string_float", node("Cast", ["X"], ["Y"], to=TensorProto.FLOAT),
               np.array([["1.5", "-2", "1e3"], ["NaN", "inf", "-inf"]]), "string")
    graphs.add("cast_string_int64", node("Cast", ["X"], ["Y"], to=TensorProto.INT64),
               np.array([["1", "-2", "3"], ["0", "5", "7"]]), "string")


def reductions(graphs, finite, wild, whole):
    for op in ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSumExp", "SumSquare"]:
        reduce = node(f"Reduce{op}", ["X", "axes"], ["Y"], keepdims=0)
        graphs.add(f"reduce_{op.lower()}", reduce, finite, axes=ints(-1))
        graphs.add(f"reduce_{op.lower()}_float64", reduce, finite, "float64", axes=ints(1))
        graphs.add(f"reduce_{op.lower()}_opset_11", node(
            f"Reduce{op}", ["X"], ["Y"], axes=[1], keepdims=1), finite, opset=11)
        if op in ["Sum", "Max", "Min", "L1", "SumSquare"]:
            graphs.add(f"reduce_{op.lower()}_int64", reduce, whole, "int64", axes=ints(1))
        if op in ["Max", "Min", "Mean"]:
            graphs.add(f"reduce_{op.lower()}_missing", reduce, wild[:-1], axes=ints(1))
    for op in ["ArgMax", "ArgMin"]:
        for last in [0, 1]:
            graphs.add(f"{op.lower()}_last_{last}", node(
                op, ["X"], ["Y"], axis=1, keepdims=last, select_last_index=last), finite)
        graphs.add(f"{op.lower()}_int64", node(op, ["X"], ["Y"], axis=-1), whole, "int64")
    for largest in [0, 1]:
        top = node("TopK", ["X", "k"], ["V", "Y"], axis=1, largest=largest)
        graphs.add(f"top_k_{largest}", top, finite, outputs=("V", "Y"), k=ints(3))
        graphs.add(f"top_k_{largest}_int64", top, whole, "int64", outputs=("V", "Y"), k=ints(2))
    for flags in range(4):
        graphs.add(f"cum_sum_{flags}", node(
            "CumSum", ["X", "axis"], ["Y"], exclusive=flags & 1, reverse=flags >> 1), finite,
            axis=np.int64(1))


def two_inputs(graphs, finite, wild, whole):
    for op in ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Less", "LessOrEqual",
               "Greater", "GreaterOrEqual", "Equal"]:
        both = node(op, ["X", "c"], ["Y"])
        graphs.add(op.lower(), both, wild, c=floats(1.5, -2, 2, 0.5))
        graphs.add(f"{op.lower()}_float64", both, finite, "float64", c=finite[5])
        small = ints(2, 0, 1, 3) if op == "Pow" else ints(2, -3, 5, 1)
        graphs.add(f"{op.lower()}_int64", both, whole, "int64", c=small)
    graphs.add("sub_from", node("Sub", ["c", "X"], ["Y"]), wild, c=floats(1))
    graphs.add("mul_zero", node("Mul", ["X", "c"], ["Y"]), wild, c=floats(0))
    graphs.add("pow_two", node("Pow", ["X", "c"], ["Y"]), wild, c=ints(2))
    graphs.add("mod", node("Mod", ["X", "c"], ["Y"], fmod=1), finite, c=floats(2, -3, 5, 1))
    graphs.add("mod_int64", node("Mod", ["X", "c"], ["Y"]), whole, "int64", c=ints(2, -3, 5, 1))
    graphs.add("max_three", node("Max", ["X", "c", "d"], ["Y"]), finite, c=floats(1), d=floats(0))
    graphs.add("clip", node("Clip", ["X", "a", "b"], ["Y"]), wild,
               a=np.float32(-1), b=np.float32(1))
    graphs.add("clip_above", node("Clip", ["X", "", "b"], ["Y"]), finite, b=np.float32(1))
    graphs.add("clip_int64", node("Clip", ["X", "a", "b"], ["Y"]), whole, "int64",
               a=np.int64(-1), b=np.int64(1))
    for op in ["And", "Or", "Xor"]:
        graphs.add(op.lower(), [node("Less", ["X", "z"], ["p"]), node("Less", ["X", "o"], ["q"]),
                                node(op, ["p", "q"], ["Y"])], wild, z=floats(0), o=floats(1))
    graphs.add("where", [node("Less", ["X", "z"], ["p"]), node("Not", ["p"], ["q"]),
                         node("Where", ["q", "X", "z"], ["Y"])], wild, z=floats(0))


def matrices(graphs, finite, wild):
    weights = np.round(np.random.default_rng(202).normal(size=(4, 3)), 2)
    w = weights.astype(np.float32)
    graphs.add("mat_mul", node("MatMul", ["X", "w"], ["Y"]), wild[:-1], w=w)
    graphs.add("mat_mul_float64", node("MatMul", ["X", "w"], ["Y"]), finite, "float64", w=weights)
    gemm = node("Gemm", ["X", "w", "c"], ["Y"], alpha=0.5, beta=2.0)
    graphs.add("gemm", gemm, finite, w=w, c=floats(1, 2, 3))
    graphs.add("gemm_float64", gemm, finite, "float64", w=weights, c=np.array([1.0, 2.0, 3.0]))
    graphs.add("gemm_transposed", node("Gemm", ["X", "w"], ["Y"], transB=1), finite,
               w=w.T.copy())
    square = w @ w.T
    for name, equation, inputs, constant in [
        ("product", "ij,jk->ik", ["X", "w"], w), ("implicit", "ij,jk", ["X", "w"], w),
        ("rows", "ij,ij->i", ["X", "X"], None), ("outer", "bi,bj->bij", ["X", "X"], None),
        ("form", "ni,ij,nj->n", ["X", "w", "X"], square),
    ]:
        constants = {} if constant is None else {"w": constant}
        graphs.add(f"einsum_{name}", node("Einsum", inputs, ["Y"], equation=equation), finite,
                   **constants)
    graphs.add("layer_normalization", node("LayerNormalization", ["X", "s", "b"], ["Y"]), finite,
               s=floats(1, 2, 3, 4), b=floats(0, 1, 0, 1))
    graphs.add("batch_normalization", node(
        "BatchNormalization", ["X", "s", "b", "m", "v"], ["Y"]), finite, s=floats(1, 2, 3, 4),
        b=floats(0, 1, 0, 1), m=floats(1, 1, 0, 0), v=floats(1, 2, 0.5, 3))
    rng = np.random.default_rng(203)
    for op, gates in [("LSTM", 4), ("GRU", 3), ("RNN", 1)]:
        shapes = {"w": (1, 3 * gates, 2), "r": (1, 3 * gates, 3), "b": (1, 6 * gates)}
        drawn = {key: rng.normal(size=shape).astype(np.float32) for key, shape in shapes.items()}
        graphs.add(op.lower(), [
            node("Reshape", ["X", "steps"], ["rows"]),
            node("Transpose", ["rows"], ["sequence"], perm=[1, 0, 2]),
            node(op, ["sequence", "w", "r", "b"], ["", "last"], hidden_size=3),
            node("Transpose", ["last"], ["by_row"], perm=[1, 0, 2]),
            node("Reshape", ["by_row", "flat"], ["Y"]),
        ], finite, steps=ints(0, 2, 2), flat=ints(-1, 3), **drawn)


def shapes(graphs, finite, wild, whole):
    size = [node("Shape", ["X"], ["s"]), node("Gather", ["s", "first"], ["n"])]
    graphs.add("concat", node("Concat", ["X", "X"], ["Y"], axis=-1), wild)
    graphs.add("constant_of_shape", [
        *size, node("Concat", ["n", "two"], ["shape"], axis=0),
        node("ConstantOfShape", ["shape"], ["zeros"]),
        node("Concat", ["X", "zeros"], ["Y"], axis=1)], finite, first=ints(0), two=ints(2))
    graphs.add("reshape_by_shape", [
        *size, node("Concat", ["n", "two"], ["shape"], axis=0),
        node("Reshape", ["X", "shape"], ["Y"])], finite, first=ints(0), two=ints(2, 2))
    graphs.add("expand", [node("Shape", ["X"], ["s"]), node("Expand", ["c", "s"], ["e"]),
                          node("Add", ["X", "e"], ["Y"])], finite, c=floats(1, 2, 3, 4))
    graphs.add("slice", node("Slice", ["X", "a", "b", "axes", "step"], ["Y"]), finite,
               a=ints(-1), b=ints(-100), axes=ints(1), step=ints(-1))
    graphs.add("split", [node("Split", ["X", "sizes"], ["p", "q"], axis=1),
                         node("Concat", ["q", "p"], ["Y"], axis=1)], finite, sizes=ints(1, 3))
    graphs.add("gather_columns", node("Gather", ["X", "i"], ["Y"], axis=1), finite,
               i=ints(2, 0, -1))
    graphs.add("gather_table", [node("Mod", ["X", "m"], ["k"]),
                                node("Gather", ["t", "k"], ["Y"])], whole, "int64",
               m=ints(3), t=floats(10, 20, 30))
    best = node("ArgMax", ["X"], ["k"], axis=1)
    graphs.add("gather_elements", [best, node("GatherElements", ["X", "k"], ["Y"], axis=1)], finite)
    graphs.add("gather_nd", [best, node("GatherND", ["X", "k"], ["Y"], batch_dims=1)], finite)
    graphs.add("scatter_elements", [
        best, node("ReduceMin", ["X", "axes"], ["v"]),
        node("ScatterElements", ["X", "k", "v"], ["Y"], axis=1)], finite, axes=ints(1))
    graphs.add("one_hot", node("OneHot", ["X", "depth", "v"], ["Y"]), np.abs(whole), "int64",
               depth=np.int64(4), v=floats(0, 1))
    graphs.add("one_hot_negative", node("OneHot", ["X", "depth", "v"], ["Y"]), whole, "int64",
               depth=np.int64(4), v=floats(0, 1))
    graphs.add("compress", node("Compress", ["X", "c"], ["Y"], axis=1), finite,
               c=np.array([True, False, True, True]))
    graphs.add("tile", node("Tile", ["X", "r"], ["Y"]), finite, r=ints(1, 3))
    graphs.add("pad", node("Pad", ["X", "p", "v"], ["Y"]), finite, p=ints(0, 1, 0, 2),
               v=np.float32(7))


def words(graphs, table):
    text = np.array(["a", "b", "no"], dtype=object)
    same = node("Equal", ["X", "c"], ["p"])
    graphs.add("equal_string", [same, node("Identity", ["p"], ["Y"])], table, "string", c=text)
    graphs.add("where_string", [same, node("Where", ["p", "X", "d"], ["Y"])], table, "string",
               c=text, d=np.array(["?"], dtype=object))
    graphs.add("concat_string", node("Concat", ["X", "X"], ["Y"], axis=1), table, "string")
    graphs.add("slice_string", node("Slice", ["X", "a", "b", "axes"], ["Y"]), table, "string",
               a=ints(1), b=ints(3), axes=ints(1))
    graphs.add("gather_string", node("Gather", ["X", "i"], ["Y"], axis=1), table, "string",
               i=ints(2, 0))
    graphs.add("string_concat", node("StringConcat", ["X", "c"], ["Y"]), table, "string",
               c=np.array(["!"], dtype=object))


def cases(make):
    finite, wild, whole, text = values()
    graphs = Graphs(make)
    one_input(graphs, finite, wild, whole)
    reductions(graphs, finite, wild, whole)
    two_inputs(graphs, finite, wild, whole)
    matrices(graphs, finite, wild)
    shapes(graphs, finite, wild, whole)
    words(graphs, text)
