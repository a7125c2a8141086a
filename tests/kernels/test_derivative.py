"""Pullbacks derived from a step, against finite differences and against those written by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rnnbp import cells
from rnnbp.activations import ACTIVATIONS
from rnnbp.kernels.derivative import derive, pullback_graph
from rnnbp.kernels.elementwise import (
    absolute,
    erf,
    exp,
    expm1,
    log1p,
    maximum,
    minimum,
    sigmoid,
    softplus,
    sqrt,
    tanh,
    where,
)
from rnnbp.kernels.trace import TraceError, trace

ELEMENTWISE = [name for name, activation in ACTIVATIONS.items() if activation.elementwise]

# ------------------------------------------------------------------------------------- random steps, finite differences

# functions of three values that neither grow nor jump where two values that are equal meet
PIECES = [
    lambda a, b, c: a + b,
    lambda a, b, c: a - 0.5 * b,
    lambda a, b, c: tanh(a) * b,
    lambda a, b, c: a / (1.0 + b * b),
    lambda a, b, c: -a,
    lambda a, b, c: exp(-absolute(a)) * b,
    lambda a, b, c: expm1(minimum(a, 1.0)),
    lambda a, b, c: log1p(exp(-a * a)) + c,
    lambda a, b, c: sigmoid(a) * b + (1.0 - sigmoid(a)) * c,
    lambda a, b, c: erf(a) + 0.1 * b,
    lambda a, b, c: sqrt(1.0 + a**2),
    lambda a, b, c: maximum(a, b),
    lambda a, b, c: minimum(a, 0.3) * tanh(c),
    lambda a, b, c: where((tanh(a) > 0.3) | (tanh(b) < -0.4), b, c),
    lambda a, b, c: softplus(a),
    lambda a, b, c: 1.0 / (1.0 + exp(-tanh(a) - tanh(b))),
    lambda a, b, c: 0.7,
]


@st.composite
def steps(draw):
    """Draw a random step, with its numbers of blocks, inputs and outputs."""
    n_blocks, n_inputs, n_outputs = draw(st.integers(1, 3)), draw(st.integers(0, 2)), draw(st.integers(1, 3))
    pieces = draw(st.lists(st.tuples(st.integers(0, len(PIECES) - 1), *[st.integers(0, 99)] * 3), max_size=8))
    results = draw(st.lists(st.integers(0, 99), min_size=n_outputs, max_size=n_outputs))

    def step(blocks, inputs):
        values = [*blocks, *inputs]
        for piece, *operands in pieces:
            values.append(PIECES[piece](*(values[-1 - k % len(values)] for k in operands)))
        return tuple(values[-1 - k % len(values)] for k in results)

    return step, n_blocks, n_inputs, n_outputs


def drawn(n, seed=0, shape=(4, 5), dtype="float64"):
    return tuple(np.random.default_rng([seed, k]).normal(size=shape).astype(dtype) for k in range(n))


@given(steps())
def test_a_derived_pullback_agrees_with_finite_differences(drawn_step):
    step, n_blocks, n_inputs, n_outputs = drawn_step
    full_step, pullback = derive(step, n_blocks, n_inputs, n_outputs)
    operands, d_outputs = drawn(n_blocks + n_inputs), drawn(n_outputs, seed=1)
    blocks, inputs = operands[:n_blocks], operands[n_blocks:]
    kept, outputs = full_step(blocks, inputs)
    assert len(kept) == n_blocks
    for output, expected in zip(outputs, step(blocks, inputs), strict=True):
        assert_allclose(output, np.broadcast_to(expected, output.shape), rtol=1e-13, atol=1e-15)
    d_blocks, d_inputs = pullback(kept, inputs, outputs, d_outputs)
    assert (len(d_blocks), len(d_inputs)) == (n_blocks, n_inputs)

    def loss(k, change):
        changed = [x + change if j == k else x for j, x in enumerate(operands)]
        results = step(changed[:n_blocks], changed[n_blocks:])
        return sum(d * result for d, result in zip(d_outputs, results, strict=True))

    for k, d in enumerate((*d_blocks, *d_inputs)):
        assert d.shape == operands[k].shape
        assert_allclose(d, (loss(k, 1e-5) - loss(k, -1e-5)) / 2e-5, rtol=1e-5, atol=1e-6)


@given(steps())
def test_step_and_pullback_can_be_traced_and_agree_with_their_run_on_arrays(drawn_step):
    step, *n = drawn_step
    n_blocks, n_inputs, n_outputs = n
    full_step, pullback = derive(step, *n)
    operands, d_outputs = drawn(n_blocks + n_inputs), drawn(n_outputs, seed=1)
    blocks, inputs = operands[:n_blocks], operands[n_blocks:]
    kept, outputs = full_step(blocks, inputs)
    by_graph = trace(full_step, (n_blocks, n_inputs), (n_blocks, n_outputs)).run(*blocks, *inputs)
    for value, expected in zip(by_graph, (*kept, *outputs), strict=True):
        assert_array_equal(np.broadcast_to(value, expected.shape), expected)
    graph = trace(pullback, (n_blocks, n_inputs, n_outputs, n_outputs), (n_blocks, n_inputs))
    d_blocks, d_inputs = pullback(kept, inputs, outputs, d_outputs)
    by_graph = graph.run(*kept, *inputs, *outputs, *d_outputs)
    for value, expected in zip(by_graph, (*d_blocks, *d_inputs), strict=True):
        assert_array_equal(np.broadcast_to(value, expected.shape), expected)


@given(steps())
def test_the_same_step_gives_the_same_graphs(drawn_step):
    step, n_blocks, n_inputs, n_outputs = drawn_step

    def fingerprints():
        full_step, pullback = derive(step, n_blocks, n_inputs, n_outputs)
        saving = trace(full_step, (n_blocks, n_inputs), (n_blocks, n_outputs))
        pulling = trace(pullback, (n_blocks, n_inputs, n_outputs, n_outputs), (n_blocks, n_inputs))
        return saving.fingerprint, pulling.fingerprint

    assert fingerprints() == fingerprints()


# ------------------------------------------------------------------------------------------------------ shipped stages


def shipped():
    """Return all stages of all shipped cells, by a name."""
    made = {
        "lstm": cells.LSTMCell(2, 3),
        "gru": cells.GRUCell(2, 3),
        "reset_before_gru": cells.ResetBeforeGRUCell(2, 3),
        "peephole_lstm": cells.PeepholeLSTMCell(2, 3),
        "layer_norm_gru": cells.LayerNormGRUCell(2, 3),
        "layer_norm_lstm": cells.LayerNormLSTMCell(2, 3),
        "zoneout": cells.ZoneoutCell(cells.LSTMCell(2, 3), {"h": 0.1, "c": 0.2}),
        **{f"elman_{name}": cells.ElmanCell(2, 3, activation=name) for name in ELEMENTWISE},
        **{f"jordan_{name}": cells.JordanCell(2, 3, 4, feedback_activation=name) for name in ELEMENTWISE},
    }
    return {f"{name}_{k}": stage for name, cell in made.items() for k, stage in enumerate(cell.stages)}


STAGES = shipped()


def derived(stage):
    """Derive the pullback of a stage from what its step puts out; return the counts too."""
    n = len(stage.blocks), len(stage.reads) + len(stage.uses), len(stage.outputs)
    return *derive(lambda blocks, inputs: stage.step(blocks, inputs)[1], *n), n


@pytest.mark.parametrize("name", STAGES)
def test_a_derived_pullback_agrees_with_the_one_by_hand(name):
    stage = STAGES[name]
    full_step, pullback, (n_blocks, n_inputs, n_outputs) = derived(stage)
    operands, d_outputs = drawn(n_blocks + n_inputs), drawn(n_outputs, seed=1)
    blocks, inputs = operands[:n_blocks], operands[n_blocks:]
    for block in blocks:
        block[0, :2] = 0.0, -0.0  # corners
    kept_by_hand, outputs_by_hand = stage.step(blocks, inputs)
    by_hand = stage.pullback(kept_by_hand, inputs, outputs_by_hand, d_outputs)
    kept, outputs = full_step(blocks, inputs)
    assert len(kept) <= len(kept_by_hand)
    for output, expected in zip(outputs, outputs_by_hand, strict=True):
        assert_array_equal(output, expected)
    for part, part_by_hand in zip(pullback(kept, inputs, outputs, d_outputs), by_hand, strict=True):
        for d, expected in zip(part, part_by_hand, strict=True):
            assert np.any(d)
            assert_allclose(d, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    "name", [name for name in STAGES if not name.startswith(("elman", "jordan", "zoneout_1", "zoneout_2"))]
)
def test_what_is_saved_is_what_the_hand_written_cells_save(name):
    stage = STAGES[name]
    full_step, _, (n_blocks, n_inputs, _) = derived(stage)
    operands = drawn(n_blocks + n_inputs)
    blocks, inputs = operands[:n_blocks], operands[n_blocks:]
    for kept, by_hand in zip(full_step(blocks, inputs)[0], stage.step(blocks, inputs)[0], strict=True):
        assert_array_equal(kept, by_hand)


@pytest.mark.parametrize(("name", "expected"), [("lstm_0", 1), ("gru_0", 0), ("elman_tanh_0", 0), ("elman_gelu_0", 2)])
def test_a_pullback_computes_no_more_transcendental_functions_than_by_hand(name, expected):
    _, pullback, (n_blocks, n_inputs, n_outputs) = derived(STAGES[name])
    graph = trace(pullback, (n_blocks, n_inputs, n_outputs, n_outputs), (n_blocks, n_inputs))
    assert sum(node.op in ("exp", "expm1", "log1p", "tanh", "erf") for node in graph.order) == expected


# ---------------------------------------------------------------------------------------------------------- conventions


def gradient(function, *operands):
    graph = pullback_graph(trace(function, (None,) * len(operands), (None,)))
    return tuple(map(float, graph.run(*operands, 1.0)))


def test_at_a_corner_one_side_is_taken():
    assert gradient(lambda z: maximum(z, 0.0), 0.0) == (0.0,)
    assert gradient(lambda z: minimum(z, 0.0), 0.0) == (1.0,)
    assert gradient(maximum, 2.0, 2.0) == (0.0, 1.0)
    assert gradient(minimum, 2.0, 2.0) == (1.0, 0.0)
    assert gradient(absolute, 0.0) == gradient(lambda z: maximum(z, -z), 0.0) == (-1.0,)
    assert gradient(softplus, 0.0) == (0.5,)


def test_comparisons_have_no_gradient():
    assert gradient(lambda x, y: where(x > y, 2.0 * y, y), 1.0, 0.0) == (0.0, 2.0)
    assert gradient(lambda x: (x > 0.0) * 3.0, 1.0) == (0.0,)


def test_the_pullback_of_a_graph_takes_one_cotangent_for_each_output():
    graph = pullback_graph(trace(lambda x, y: (x * y, x, 2.0), (None, None), (None, None, None)))
    assert graph.run(3.0, 5.0, 1.0, 10.0, 100.0) == (15.0, 3.0)


def test_an_output_that_is_put_out_twice_gets_both_gradients():
    graph = pullback_graph(trace(lambda x: (x * x, x * x), (None,), (None, None)))
    assert graph.run(3.0, 1.0, 10.0) == (66.0,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_that_are_constant_are_arrays_all_the_same(dtype):
    full_step, pullback = derive(lambda blocks, inputs: (1.0, 2.0 * inputs[0]), 2, 1, 2)
    blocks, inputs, d_outputs = drawn(2, dtype=dtype), drawn(1, dtype=dtype), drawn(2, seed=1, dtype=dtype)
    kept, outputs = full_step(blocks, inputs)
    d_blocks, d_inputs = pullback(kept, inputs, outputs, d_outputs)
    for array in (*kept, *outputs, *d_blocks, *d_inputs):
        assert array.shape == (4, 5)
        assert array.dtype == dtype
    assert_array_equal(outputs[0], 1.0)
    assert_array_equal(d_blocks, np.zeros((2, 4, 5)))
    assert_array_equal(d_inputs[0], 2 * d_outputs[1])


def test_an_output_that_is_an_input_or_a_block_is_passed_through():
    full_step, pullback = derive(lambda blocks, inputs: (inputs[0], blocks[0], blocks[0]), 1, 1, 3)
    (z,), (s,), d = drawn(1), drawn(1, seed=2), drawn(3, seed=1)
    kept, outputs = full_step((z,), (s,))
    (dz,), (ds,) = pullback(kept, (s,), outputs, d)
    assert_array_equal(ds, d[0])
    assert_allclose(dz, d[1] + d[2])


def test_a_step_that_cannot_be_traced_is_named():
    def step(blocks, inputs):
        return (np.tanh(blocks[0]),)

    with pytest.raises(TraceError, match=rf"^step \({__file__}, line \d+: return \(np.tanh.*use tanh of rnnbp.kernels"):
        derive(step, 1, 0, 1)


def test_a_step_with_another_number_of_outputs_is_refused():
    with pytest.raises(TraceError, match="what it returns must be a tuple of 2, as the stage declares, but one of 1"):
        derive(lambda blocks, inputs: (blocks[0],), 1, 0, 2)
