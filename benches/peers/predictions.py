"""What the models of the peers' jobs give, as columns with names."""

import numpy as np
import onnxruntime


def session(model, threads=None):
    """A session of onnxruntime, with as many threads as there are cores unless told."""
    options = onnxruntime.SessionOptions()
    if threads:
        options.intra_op_num_threads = threads
    # It would warn of each batch that a classifier's declared shapes are wrong.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )


def names(session):
    """A regression has one output; a classifier has a label and two probabilities."""
    if len(session.get_outputs()) == 1:
        return ["prediction"]
    return ["label", "probability_0", "probability_1"]


def predict(session, values):
    """The columns of `names` for the rows of a float32 table."""
    outputs = session.run(None, {session.get_inputs()[0].name: values})
    if len(outputs) == 1:
        return [outputs[0].reshape(-1)]
    label, probabilities = outputs
    return [label, *np.ascontiguousarray(probabilities.T)]
