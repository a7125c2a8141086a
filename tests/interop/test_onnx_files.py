"""What is read of an ONNX file: which versions, which nodes, and which values are the file's own."""

import numpy as np
import pytest
from onnx_models import H, I, helper, model, node, onnx, weights

from rnnbp import layers
from rnnbp.interop import InteropError
from rnnbp.interop.onnx import load


def with_input(described):
    """Return a model that has one more input."""
    made = model([node("Relu", "x", "y")], {})
    made.graph.input.append(described)
    return made


@pytest.mark.parametrize(("versions", "found"), [([], 1), ([6], 6), ([7], None)])
def test_operators_of_version_7_and_later_are_read(versions, found):
    made = model([node("Relu", "x", "y")], {})
    del made.opset_import[:]
    made.opset_import.extend(helper.make_opsetid("", version) for version in versions)
    made.ir_version = 8 if versions else 2  # of whose time the version is 1
    if found is None:
        assert load(made).layers == (layers.Activation("relu"),)
    else:
        with pytest.raises(InteropError, match=rf"its operators are of version {found}, and those from 7 on"):
            load(made)


def test_a_node_that_no_output_needs_is_not_looked_at():
    made = model([node("Erf", "x", "nothing"), node("Relu", "x", "y")], {})
    assert load(made).layers == (layers.Activation("relu"),)


def test_an_input_that_is_no_tensor_is_refused():
    made = with_input(helper.make_tensor_sequence_value_info("s", onnx.TensorProto.FLOAT, None))
    with pytest.raises(InteropError, match="its input 's' is no tensor of known type"):
        load(made)


def test_peepholes_of_zero_that_an_old_file_lists_among_its_inputs_are_weights():
    w, r, _, p = weights(4, peepholes=True)
    lstm = helper.make_node("LSTM", ["x", "w", "r", "", "", "", "", "p"], ["y"], hidden_size=H)
    made = model([lstm], {"w": w, "r": r, "p": np.zeros_like(p)})
    for tensor in made.graph.initializer:
        made.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    made.ir_version = 3
    assert load(made).layers == (layers.LSTM(I, H, peepholes=True),)
