"""BPTT with checkpoints: BPTT's gradients, in a fraction of its memory."""

import tracemalloc

import numpy as np
import pytest
from conformance import RECURRENT, Problem, error

from rnnbp import layers
from rnnbp.gradients import BPTT, CheckpointedBPTT
from rnnbp.gradients.compiled import layout
from rnnbp.kernels import threads
from rnnbp.networks.network import Network

RAGGED = (23, 40, 1, 40, 7)

each_cell = pytest.mark.parametrize("cell", RECURRENT)


def assert_same(algorithm, other, cell, lengths, build=None, **options):
    """Check that two algorithms agree on outputs, final states and gradients, from initial states that are not zero."""
    problem, reference = (
        Problem(build(cell, g) if build else [RECURRENT[cell](3, 4, gradient=g, **options)], lengths)
        for g in (algorithm, other)
    )
    assert error(problem.run().output, reference.run().output) < 1e-13
    for name, state in reference.run().final_states.items():
        assert error(problem.run().final_states[name], state) < 1e-13, name
    expected = reference.gradients()
    for name, gradient in problem.gradients().items():
        assert np.abs(expected[name]).max() > 1e-6, f"the derivative by {name} is zero: it would show nothing"
        assert error(gradient, expected[name]) < 1e-10, name


def stacked(cell, algorithm):
    first = RECURRENT[cell](3, 4, gradient=algorithm, recurrent_dropout=0.3)
    return [first, RECURRENT[cell](first.output_width(3), 4, gradient=algorithm)]


@each_cell
@pytest.mark.parametrize("every", [None, 1, 7, 100])
def test_gradients_of_ragged_sequences_are_bptt_s(cell, every):
    assert_same(CheckpointedBPTT(every, compiled=False), BPTT(compiled=False), cell, RAGGED)


@each_cell
def test_gradients_of_single_steps_are_bptt_s(cell):
    assert_same(CheckpointedBPTT(compiled=False), BPTT(compiled=False), cell, (1, 1, 1))


@each_cell
def test_gradients_in_a_stack_are_bptt_s(cell):
    assert_same(CheckpointedBPTT(5, compiled=False), BPTT(compiled=False), cell, RAGGED, stacked)


@pytest.mark.parametrize("cell", [cell for cell in RECURRENT if "taught" not in cell])
def test_gradients_of_both_directions_are_bptt_s(cell):
    options = {"bidirectional": True, "recurrent_dropout": 0.3}
    assert_same(CheckpointedBPTT(5, compiled=False), BPTT(compiled=False), cell, RAGGED, **options)


def test_cells_that_are_not_elementwise_are_run_too():
    algorithms = (CheckpointedBPTT(5), BPTT())
    problem, reference = (Problem([layers.Elman(3, 4, activation="softmax", gradient=g)], RAGGED) for g in algorithms)
    for name, gradient in reference.gradients().items():
        assert error(problem.gradients()[name], gradient) < 1e-12, name


# -- the compiled run --------------------------------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch):
    """Divide short sequences as long ones are divided: among threads, and into many chunks and segments."""
    monkeypatch.setattr(layout, "BLOCK_ROWS", 16)
    monkeypatch.setattr(threads, "MIN_OPERATIONS", 1)


def assert_same_bits(cell, algorithm, lengths, dtype="float64"):
    options = {"recurrent_dropout": 0.3, "bidirectional": "taught" not in cell}
    problem, reference = (
        Problem([RECURRENT[cell](3, 4, gradient=g, **options)], lengths, dtype=dtype) for g in (algorithm, BPTT())
    )
    expected = reference.gradients()
    for name, gradient in problem.gradients().items():
        np.testing.assert_array_equal(gradient, expected[name], name)


COMPILED = [cell for cell in RECURRENT if "norm" not in cell and "zoneout" not in cell]  # the others run as NumPy


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("cell", COMPILED)
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("lengths", [RAGGED, (40,) * 4], ids=["ragged", "equal"])
def test_compiled_gradients_are_bptt_s_to_the_last_bit(cell, n_threads, lengths):
    with threads.limit(n_threads):
        assert_same_bits(cell, CheckpointedBPTT(), lengths)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("every", [1, 3, 16, 39, 1000])
def test_they_are_for_any_distance_of_checkpoints(every):
    with threads.limit(2):
        assert_same_bits("LSTM", CheckpointedBPTT(every), RAGGED)


@pytest.mark.usefixtures("small_chunks")
def test_they_are_in_float32():
    assert_same_bits("LSTM", CheckpointedBPTT(), RAGGED, "float32")


def test_outputs_are_the_same_bits_whether_checkpoints_are_kept_or_not(small_chunks):
    problem = Problem([layers.LSTM(3, 4, gradient=CheckpointedBPTT(5))], RAGGED)
    light = problem.net.run(problem.x, problem.lengths, keep=False, initial_states=problem.initial)
    np.testing.assert_array_equal(light.output, problem.run().output)


# -- memory ------------------------------------------------------------------------------------------------------------


def peak_memory(algorithm, n_steps):
    """Return the bytes that a pass there and back takes beyond its input and output and their gradients."""
    net = Network([layers.LSTM(1, 32, gradient=algorithm)])
    x, dy = np.zeros((n_steps, 8, 1), np.float32), np.zeros((n_steps * 8, 32), np.float32)
    batch = net.batch(x)
    tracemalloc.start()
    forward = net.run(batch)
    forward.backward_rows(dy, input_gradient=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - forward.rows.nbytes


def test_memory_is_a_small_fraction_of_bptt_s():
    peak_memory(BPTT(), 100)  # what is imported and compiled on first use is not counted
    assert peak_memory(CheckpointedBPTT(), 16_000) < peak_memory(BPTT(), 16_000) / 25


def test_memory_grows_like_the_square_root_of_the_number_of_steps():
    peak_memory(CheckpointedBPTT(), 100)
    assert peak_memory(CheckpointedBPTT(), 64_000) < 6 * peak_memory(CheckpointedBPTT(), 4_000)


@pytest.mark.parametrize("algorithm", [BPTT(), CheckpointedBPTT()], ids=repr)
def test_a_run_that_keeps_nothing_takes_memory_for_its_output_only(algorithm):
    net = Network([layers.LSTM(1, 32, gradient=algorithm)])
    batch = net.batch(np.zeros((16_000, 8, 1), np.float32))
    tracemalloc.start()
    forward = net.run(batch, keep=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.1 * forward.rows.nbytes  # of which it is a copy


# -- as a setting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [0, -3, 2.5, "7", True])
def test_a_distance_that_is_no_number_of_steps_is_refused(every):
    with pytest.raises(ValueError, match=f"every must be a whole number of at least 1, but {every!r} was given"):
        CheckpointedBPTT(every)


def test_a_saved_network_keeps_it(tmp_path):
    Network([layers.GRU(2, 3, gradient=CheckpointedBPTT(50))]).save(tmp_path / "net.rnnbp")
    (layer,) = Network.load(tmp_path / "net.rnnbp").layers
    assert repr(layer) == "GRU(2, 3, gradient=CheckpointedBPTT(every=50))"


def test_a_stream_gives_what_the_whole_sequence_gives():
    x = np.random.default_rng(0).normal(size=(9, 2))
    net = Network([layers.GRU(2, 3, gradient=CheckpointedBPTT(2))], dtype="float64")
    np.testing.assert_allclose(net.stream().push(x), net.forward(x[:, None])[:, 0], rtol=1e-13)
