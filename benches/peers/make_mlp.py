"""Make the network of the peers' job: 32 columns through layers of 128, 128 and 1.

Its weights are random, from a fixed seed.

    make_mlp.py FILE
"""

import sys

import onnx
from onnx import TensorProto

from make_networks import Network

LAYERS = [32, 128, 128, 1]


def main():
    net = Network("mlp_32")
    y = "x"
    for inputs, outputs in zip(LAYERS, LAYERS[1:]):
        y = net.dense(y, inputs, outputs)
        if outputs > 1:
            y = net.node("Relu", y)
    onnx.save_model(net.model(TensorProto.FLOAT, LAYERS[0], y), sys.argv[1])


if __name__ == "__main__":
    main()
