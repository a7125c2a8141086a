"""Truncated BPTT: each chunk's errors go back through a window that begins in a state that is taken for a constant."""

import numpy as np
import pytest
from conformance import RECURRENT, Problem, error

from rnnbp import layers
from rnnbp.gradients import BPTT, TruncatedBPTT
from rnnbp.networks.network import Network

RAGGED = (13, 20, 1, 20, 7)
EXACT = BPTT(compiled=False)

each_cell = pytest.mark.parametrize("cell", RECURRENT)


def truncated(k1, k2):
    return TruncatedBPTT(k1, k2, compiled=False)


def assert_all_close(actual, expected):
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        assert error(actual[name], values) < 1e-10, name


# -- nothing is cut off ------------------------------------------------------------------------------------------------


def stacked(cell, algorithm):
    first = RECURRENT[cell](3, 4, gradient=algorithm, recurrent_dropout=0.3)
    return [first, RECURRENT[cell](first.output_width(3), 4, gradient=algorithm)]


def both_ways(cell, algorithm):
    return [RECURRENT[cell](3, 4, gradient=algorithm, bidirectional="taught" not in cell)]


@each_cell
@pytest.mark.parametrize("k1", [1, 6, 20])
@pytest.mark.parametrize("build", [both_ways, stacked])
def test_windows_as_long_as_the_sequences_give_bptt_s_gradients(cell, build, k1):
    problem, reference = (Problem(build(cell, g), RAGGED) for g in (truncated(k1, 20), EXACT))
    assert_all_close(problem.gradients(), reference.gradients())


@each_cell
def test_gradients_of_single_steps_are_bptt_s(cell):
    problem, reference = (Problem(both_ways(cell, g), (1, 1, 1)) for g in (truncated(1, 1), EXACT))
    assert_all_close(problem.gradients(), reference.gradients())


@pytest.mark.parametrize("cell", ["LSTM with peepholes", "GRU, reset before"])
def test_the_compiled_run_gives_the_same(cell):
    runs = (truncated(6, 9), TruncatedBPTT(6, 9))
    text, loops = (Problem([RECURRENT[cell](3, 4, recurrent_dropout=0.3, gradient=g)], RAGGED) for g in runs)
    assert_all_close(loops.gradients(), text.gradients())


# -- what is cut off ---------------------------------------------------------------------------------------------------


class Rerun:
    """The definition, by plain runs of a network on one sequence and window at a time.

    From each window's start, where the network is put into the state that it comes to on what lies before, it is run by
    BPTT to the chunk's end. The gradients of these runs are added up.
    """

    def __init__(self, problem, stack, k1, k2):
        self.problem, self.net = problem, Network(stack, dtype="float64")
        self.net.theta = problem.net.theta
        totals = {name: np.zeros_like(leaf) for name, leaf in problem.leaves.items()}
        for i, length in enumerate(problem.lengths):
            for start in range(0, length, k1):
                stop = min(start + k1, length)
                self.add_window(totals, i, max(0, stop - k2), start, stop)
        self.gradients = totals

    def run(self, i, first, stop, states):
        teacher = self.problem.teacher
        if teacher is not None:
            teacher = self.problem.net.batch(self.problem.x, self.problem.lengths).packing.unpack(teacher)[
                first:stop, i
            ]
        return self.net.run(self.problem.x[first:stop, [i]], initial_states=states, teacher=teacher)

    def add_window(self, totals, i, first, start, stop):
        problem = self.problem
        states = {name: state[[i]] for name, state in problem.initial.items()}
        if first > 0:
            states = self.run(i, 0, first, states).final_states
        forward = self.run(i, first, stop, states)
        dy = np.zeros(forward.output.shape)
        dy[start - first :] = problem.d_output[start:stop, [i]]
        at_the_end = stop == problem.lengths[i]
        d_final = {name: d[[i]] for name, d in problem.d_final.items()} if at_the_end else {}
        computed = forward.backward(dy, d_final_states=d_final)
        for name, gradient in self.net.unflatten(computed.theta).items():
            totals[name] += gradient
        totals["x"][first:stop, i] += computed.x[:, 0]
        if first == 0:
            for name, d in computed.initial_states.items():
                totals[f"initial {name}"][i] += d[0]


def gradients_in_use(problem):
    """Return the gradients of a pass without dropout, so that runs in parts can be compared to it."""
    forward = problem.net.run(problem.x, problem.lengths, initial_states=problem.initial, teacher=problem.teacher)
    computed = forward.backward(np.nan_to_num(problem.d_output), d_final_states=problem.d_final)
    states = {f"initial {name}": d for name, d in computed.initial_states.items()}
    return {**problem.net.unflatten(computed.theta), "x": computed.x, **states}


def assert_reruns(problem, stack, k1, k2):
    problem.x = np.nan_to_num(problem.x)
    assert_all_close(gradients_in_use(problem), Rerun(problem, stack, k1, k2).gradients)


@each_cell
@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (1, 4), (5, 5), (5, 7), (4, 12)])
def test_a_window_is_bptt_run_again_from_a_frozen_state(cell, k1, k2):
    problem = Problem([RECURRENT[cell](3, 4, gradient=truncated(k1, k2))], RAGGED)
    assert_reruns(problem, [RECURRENT[cell](3, 4, gradient=EXACT)], k1, k2)


def test_a_stack_of_layers_is_run_again_as_a_whole_if_windows_do_not_overlap():
    stack, reference = ([layers.LSTM(3, 4, gradient=g), layers.GRU(4, 5, gradient=g)] for g in (truncated(5, 5), EXACT))
    assert_reruns(Problem(stack, (15, 20, 5, 20, 10)), reference, 5, 5)


def test_in_a_stack_each_layer_cuts_off_its_own_way_through_time():
    stack = [layers.LSTM(3, 4, gradient=truncated(2, 5)), layers.GRU(4, 5, gradient=truncated(2, 5))]
    net, *single = (Network(part, dtype="float64") for part in (stack, stack[:1], stack[1:]))
    lower, upper = single
    net.theta = np.concatenate([lower.theta, upper.theta])
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(20, 2, 3)), rng.normal(size=(20, 2, 5))
    from_above = upper.run(lower.forward(x)).backward(dy)
    from_below = lower.run(x).backward(from_above.x)
    together = net.run(x).backward(dy)
    np.testing.assert_allclose(together.theta, np.concatenate([from_below.theta, from_above.theta]), rtol=1e-12)
    np.testing.assert_allclose(together.x, from_below.x, rtol=1e-12)


def test_a_reversed_layer_has_its_chunks_counted_from_the_sequence_s_end():
    forwards, backwards = (
        Network([layers.GRU(3, 4, gradient=truncated(3, 5), reverse=reverse)], dtype="float64")
        for reverse in (False, True)
    )
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(20, 2, 3)), rng.normal(size=(20, 2, 4))
    expected, computed = forwards.run(x).backward(dy), backwards.run(x[::-1]).backward(dy[::-1])
    np.testing.assert_allclose(computed.theta, expected.theta, rtol=1e-12)
    np.testing.assert_allclose(computed.x, expected.x[::-1], rtol=1e-12)


def test_an_error_goes_back_k2_steps_and_no_further():
    net = Network([layers.GRU(3, 4, gradient=truncated(2, 6))], dtype="float64")
    dy = np.zeros((20, 1, 4))
    dy[-1] = 1.0
    reached = np.abs(net.run(np.ones((20, 1, 3))).backward(dy).x).max(axis=(1, 2)) > 0
    assert reached.tolist() == [False] * 14 + [True] * 6


def test_learning_chunk_by_chunk_with_states_carried_over_is_truncation_to_the_chunk():
    stack, whole = ([layers.LSTM(3, 4, gradient=g)] for g in (EXACT, truncated(5, 5)))
    net, reference = Network(stack, dtype="float64"), Network(whole, dtype="float64")
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(20, 2, 3)), rng.normal(size=(20, 2, 4))
    total, states = np.zeros_like(net.theta), {}
    for start in range(0, 20, 5):
        forward = net.run(x[start : start + 5], initial_states=states)
        states = forward.final_states
        total += forward.backward(dy[start : start + 5]).theta
    np.testing.assert_allclose(reference.run(x).backward(dy).theta, total, rtol=1e-11)


# -- as a setting ------------------------------------------------------------------------------------------------------


def test_windows_shorter_than_chunks_are_refused():
    with pytest.raises(ValueError, match=r"k2 must be at least k1, but k1=10 and k2=4.*first 6 .*never be learnt from"):
        TruncatedBPTT(10, 4)


@pytest.mark.parametrize(("k1", "k2", "name"), [(0, 5, "k1"), (1.5, 5, "k1"), (1, 0, "k2"), (1, "all", "k2")])
def test_what_is_no_number_of_steps_is_refused(k1, k2, name):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1"):
        TruncatedBPTT(k1, k2)


def test_a_saved_network_keeps_it(tmp_path):
    Network([layers.LSTM(2, 3, gradient=TruncatedBPTT(10, 20))]).save(tmp_path / "net.rnnbp")
    (layer,) = Network.load(tmp_path / "net.rnnbp").layers
    assert repr(layer) == "LSTM(2, 3, gradient=TruncatedBPTT(10, 20))"


def test_a_stream_gives_what_the_whole_sequence_gives():
    x = np.random.default_rng(0).normal(size=(9, 2))
    net = Network([layers.LSTM(2, 3, gradient=TruncatedBPTT(2, 4))], dtype="float64")
    np.testing.assert_allclose(net.stream().push(x), net.forward(x[:, None])[:, 0], rtol=1e-13)
