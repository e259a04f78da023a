"""Networks of random weights: how fast they are does not depend on what they learned.

Each takes a table, a row for each item, so that all of it can be columns: a picture and a
sequence are given their shape inside.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TOKENS = 64


def make_networks(folder):
    for make in (make_cnn, make_resnet50, make_transformer, make_lstm):
        name = make.__name__.removeprefix("make_")
        onnx.save_model(make(Network(name)), folder / f"{name}.onnx")


class Network:
    """A graph that grows node by node; what makes a node gives the name of its output."""

    def __init__(self, name):
        self.name = name
        self.rng = np.random.default_rng(20240517)
        self.nodes = []
        self.weights = []

    def weight(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def floats(self, *shape, fan_in):
        """He's initialisation keeps values in range through many layers."""
        values = self.rng.normal(size=shape) * np.sqrt(2 / fan_in)
        return self.weight(values.astype(np.float32))

    def node(self, operator, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def dense(self, x, inputs, outputs):
        product = self.node("MatMul", x, self.floats(inputs, outputs, fan_in=inputs))
        return self.node("Add", product, self.floats(outputs, fan_in=100))

    def conv(self, x, inputs, outputs, size, stride=1, relu=True):
        weights = self.floats(outputs, inputs, size, size, fan_in=inputs * size * size)
        bias = self.floats(outputs, fan_in=100)
        y = self.node(
            "Conv",
            *(x, weights, bias),
            kernel_shape=[size, size],
            pads=[size // 2] * 4,
            strides=[stride, stride],
        )
        return self.node("Relu", y) if relu else y

    def reshape(self, x, *shape):
        return self.node("Reshape", x, self.weight(np.array(shape, np.int64)))

    def model(self, element, width, y):
        """The rows `x` of `width` values go in, and `y` comes out."""
        given = helper.make_tensor_value_info("x", element, ["N", width])
        result = helper.make_tensor_value_info(y, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, self.name, [given], [result], self.weights)
        opset = helper.make_opsetid("", 17)
        return helper.make_model(graph, opset_imports=[opset], ir_version=8)


def make_cnn(net):
    """Pictures of 28 x 28 points, two convolutions, two dense layers."""
    y = net.reshape("x", -1, 1, 28, 28)
    for inputs, outputs in [(1, 32), (32, 64)]:
        y = net.conv(y, inputs, outputs, 3)
        y = net.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = net.reshape(y, -1, 64 * 7 * 7)
    y = net.node("Relu", net.dense(y, 64 * 7 * 7, 128))
    y = net.node("Softmax", net.dense(y, 128, 10), axis=1)
    return net.model(TensorProto.FLOAT, 28 * 28, y)


def make_resnet50(net):
    """ResNet-50 (v1.5, arXiv:1512.03385) as exported: its normalisations are part of the weights."""
    y = net.reshape("x", -1, 3, 224, 224)
    y = net.conv(y, 3, 64, 7, stride=2)
    y = net.node("MaxPool", y, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inputs = 64
    for stage, blocks in enumerate([3, 4, 6, 3]):
        width = 64 << stage
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            short = y
            if block == 0:
                short = net.conv(y, inputs, 4 * width, 1, stride, relu=False)
            y = net.conv(y, inputs, width, 1)
            y = net.conv(y, width, width, 3, stride)
            y = net.conv(y, width, 4 * width, 1, relu=False)
            # Sums of random branches would grow without end.
            half = net.weight(np.float32(0.5))
            y = net.node("Relu", net.node("Mul", net.node("Add", y, short), half))
            inputs = 4 * width
    y = net.reshape(net.node("GlobalAveragePool", y), -1, inputs)
    return net.model(TensorProto.FLOAT, 3 * 224 * 224, net.dense(y, inputs, 1000))


def make_transformer(net, layers=6, width=384, heads=12, vocabulary=30522):
    """An encoder of MiniLM's size over 64 tokens; the mean over them comes out."""

    def normalised(y):
        scale = net.weight(np.ones(width, np.float32))
        bias = net.weight(np.zeros(width, np.float32))
        return net.node("LayerNormalization", y, scale, bias, axis=-1)

    def split(y, order):
        y = net.reshape(y, -1, TOKENS, heads, width // heads)
        return net.node("Transpose", y, perm=order)

    y = net.node("Gather", net.floats(vocabulary, width, fan_in=2), "x")
    y = normalised(net.node("Add", y, net.floats(TOKENS, width, fan_in=2)))
    for _ in range(layers):
        query = split(net.dense(y, width, width), [0, 2, 1, 3])
        key = split(net.dense(y, width, width), [0, 2, 3, 1])
        value = split(net.dense(y, width, width), [0, 2, 1, 3])
        scores = net.node("MatMul", query, key)
        scores = net.node("Div", scores, net.weight(np.float32(np.sqrt(width // heads))))
        mixed = net.node("MatMul", net.node("Softmax", scores, axis=-1), value)
        mixed = net.node("Transpose", mixed, perm=[0, 2, 1, 3])
        mixed = net.dense(net.reshape(mixed, -1, TOKENS, width), width, width)
        y = normalised(net.node("Add", y, mixed))
        inner = net.dense(y, width, 4 * width)
        # GELU by the error function, as exporters write it.
        gate = net.node("Erf", net.node("Div", inner, net.weight(np.float32(np.sqrt(2)))))
        gate = net.node("Add", gate, net.weight(np.float32(1)))
        inner = net.node("Mul", net.node("Mul", inner, gate), net.weight(np.float32(0.5)))
        y = normalised(net.node("Add", y, net.dense(inner, 4 * width, width)))
    y = net.node("ReduceMean", y, axes=[1], keepdims=0)
    return net.model(TensorProto.INT64, TOKENS, y)


def make_lstm(net, steps=32, features=16, hidden=128):
    """A series of 32 steps of 16 values; the last state goes through a dense layer."""
    y = net.node("Transpose", net.reshape("x", -1, steps, features), perm=[1, 0, 2])
    weights = [
        net.floats(1, 4 * hidden, features, fan_in=8 * hidden),
        net.floats(1, 4 * hidden, hidden, fan_in=8 * hidden),
        net.floats(1, 8 * hidden, fan_in=100),
    ]
    name = f"v{len(net.nodes)}"
    lstm = helper.make_node("LSTM", [y, *weights], ["", name], hidden_size=hidden)
    net.nodes.append(lstm)
    y = net.node("Squeeze", name, net.weight(np.array([0], np.int64)))
    return net.model(TensorProto.FLOAT, steps * features, net.dense(y, hidden, 1))
