"""Lyapunov exponents, against numbers that are known without this library."""

import numpy as np
import pytest

from rnnbp import Network, layers
from rnnbp.cells import Cell, Product, Stage
from rnnbp.diagnostics import lyapunov_exponents
from rnnbp.diagnostics.lyapunov import LyapunovExponents
from rnnbp.gradients import BPTT, FixedPoint

TEXT = BPTT(compiled=False)
MULTIPLIERS = np.array([1.5, 1.1, 0.7, 0.4, 0.1])


def matrix(eigenvalues, seed=0):
    """Return a matrix that is not normal and has these eigenvalues."""
    basis = np.random.default_rng(seed).normal(size=(len(eigenvalues), len(eigenvalues)))
    return basis @ np.diag(eigenvalues) @ np.linalg.inv(basis)


def linear(weight):
    net = Network([layers.Elman(1, len(weight), activation="identity", gradient=TEXT)], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = weight
    return net


class MapCell(Cell):
    """s(t) = F(s(t-1)) + x(t), for a map F of one state or two."""

    def __init__(self, states, f, f_pullback):
        def step(blocks, inputs):
            return blocks, tuple(z + value for z, value in zip(blocks, f(*inputs), strict=True))

        def pullback(kept, inputs, outputs, d_outputs):
            return d_outputs, f_pullback(*inputs, *d_outputs)

        super().__init__(1, 1)
        self.states = self.blocks = states
        self.output = states[0]
        self.input = Product("input_weight", "x", into=states[:1])
        self.stages = (Stage((), blocks=states, outputs=states, reads=states, step=step, pullback=pullback),)


class MapLayer(layers.Recurrent):
    def __init__(self, *equations):
        self.equations = equations
        super().__init__(1, 1, gradient=TEXT, input_initializer="identity")

    def make_cell(self):
        return MapCell(*self.equations)


def logistic(h):
    return (4 * h * (1 - h),)


def henon(a, b):
    return 1 - 1.4 * a * a + b, 0.3 * a


LOGISTIC = ("h",), logistic, lambda h, dh: (dh * (4 - 8 * h),)
HENON = ("a", "b"), henon, lambda a, b, da, db: (-2.8 * a * da + 0.3 * db, da)


def kick(n_steps, size):
    """Return an input that moves the state once, and is silent from then on."""
    x = np.zeros((n_steps, 1, 1))
    x[0] = size
    return x


# -- known numbers -----------------------------------------------------------------------------------------------------


def test_a_linear_recurrence_has_the_logarithms_of_its_eigenvalues():
    result = lyapunov_exponents(linear(matrix(MULTIPLIERS)), n_steps=150, transient=120)
    np.testing.assert_allclose(result.exponents, np.log(MULTIPLIERS), atol=1e-12)


def test_a_rotation_neither_grows_nor_fades():
    net = linear(np.eye(4))
    net.parameters["0.recurrent_weight"][...] = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4))).Q
    np.testing.assert_allclose(lyapunov_exponents(net, n_steps=30).exponents, 0, atol=1e-12)


def test_the_logistic_map_has_the_logarithm_of_2():
    result = lyapunov_exponents(Network([MapLayer(*LOGISTIC)]), kick(3000, 0.3))
    assert result.exponents == pytest.approx([np.log(2)], abs=5e-3)
    assert result.entropy == pytest.approx(np.log(2), abs=5e-3)


def test_henon_s_map_has_the_published_exponents_and_dimension():
    """0.4192 and 1.2583: J. C. Sprott, Chaos and time-series analysis, 2003; the determinant is -0.3 everywhere."""
    result = lyapunov_exponents(Network([MapLayer(*HENON)]), kick(3000, 0.0))
    assert result.exponents[0] == pytest.approx(0.4192, abs=0.01)
    assert result.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-12)
    assert result.dimension == pytest.approx(1.2583, abs=0.01)


def test_the_exponents_of_gated_cells_add_up_to_the_logarithm_of_the_determinant():
    net = Network([layers.LSTM(2, 3, gradient=TEXT), layers.GRU(3, 2, gradient=TEXT)], dtype="float64")
    x = np.random.default_rng(0).normal(size=(12, 1, 2))
    names, widths = ["0.h", "0.c", "1.h"], [3, 3, 2]

    def after(state, frame):
        split = dict(zip(names, np.split(state[None], np.cumsum(widths)[:-1], axis=1), strict=True))
        final = net.run(frame[None], initial_states=split).final_states
        return np.concatenate([final[name][0] for name in names])

    state, total, step = np.zeros(8), 0.0, 1e-6
    for frame in x:
        pairs = [(after(state + step * v, frame), after(state - step * v, frame)) for v in np.eye(8)]
        jacobian = np.array([(above - below) / (2 * step) for above, below in pairs])
        total += np.log(abs(np.linalg.det(jacobian)))
        state = after(state, frame)
    result = lyapunov_exponents(net, x, transient=0)
    assert result.exponents.sum() * len(x) == pytest.approx(total, rel=1e-5)


def test_the_largest_is_how_fast_neighbouring_trajectories_part():
    net = Network([layers.GRU(2, 4, gradient=TEXT)], dtype="float64")
    net.theta[...] *= 2
    x = np.random.default_rng(0).normal(size=(250, 1, 2))
    near, far, distance = np.zeros((1, 4)), np.full((1, 4), 1e-6), 2e-6
    parting = []
    for frame in x:
        near, far = (net.run(frame[None], initial_states={"0.h": h}).final_states["0.h"] for h in (near, far))
        parting.append(np.log(np.linalg.norm(far - near) / distance))
        distance = 1e-6
        far = near + distance * (far - near) / np.linalg.norm(far - near)
    growth = lyapunov_exponents(net, x, transient=0).growth[:, 0, 0]
    np.testing.assert_allclose(growth[-20:], parting[-20:], atol=1e-4)


def test_layers_in_a_stack_have_the_exponents_of_each():
    stack = [layers.Elman(1, 2, activation="identity", gradient=TEXT), layers.Elman(2, 2, activation="identity")]
    net = Network(stack, dtype="float64")
    net.parameters["0.recurrent_weight"][...] = matrix([0.9, 0.3])
    net.parameters["1.recurrent_weight"][...] = matrix([0.6, 0.1])
    exponents = lyapunov_exponents(net, n_steps=100, transient=80).exponents
    np.testing.assert_allclose(exponents, np.log([0.9, 0.6, 0.3, 0.1]), atol=1e-10)


def test_in_closed_loop_the_way_through_the_output_counts():
    net = Network([layers.Elman(2, 3, activation="identity", gradient=TEXT), layers.Dense(3, 2)], dtype="float64")
    p = net.parameters
    p["0.recurrent_weight"][...] = matrix([0.8, 0.4, 0.2])
    p["0.input_weight"][...] *= 0.1  # little enough for real eigenvalues
    whole = p["0.recurrent_weight"] + p["1.weight"] @ p["0.input_weight"]
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(whole))))[::-1]
    result = lyapunov_exponents(net, np.ones((3, 1, 2)), n_steps=300, transient=250)
    np.testing.assert_allclose(result.exponents, expected, atol=1e-6)


def test_in_closed_loop_each_sequence_goes_on_from_its_own_end():
    net = Network([layers.GRU(1, 3, gradient=TEXT), layers.Dense(3, 1)], dtype="float64")
    x, lengths = np.random.default_rng(0).normal(size=(6, 3, 1)), [2, 6, 3]
    together = lyapunov_exponents(net, x, lengths, n_steps=4, transient=1).growth.sum(axis=2)
    for i, length in enumerate(lengths):  # the volume's growth is the same for any frame
        alone = lyapunov_exponents(net, x[:length, [i]], n_steps=4, transient=1).growth.sum(axis=2)
        np.testing.assert_allclose(together[:, i], alone[:, 0])


def test_the_largest_come_first_however_short_the_run_is():
    net = linear(matrix(MULTIPLIERS))
    for seed in range(10):
        result = lyapunov_exponents(net, n_steps=1, seed=seed)
        assert (np.diff(result.exponents) <= 0).all()
        np.testing.assert_array_equal(result.growth[0, 0], result.exponents)


def test_the_largest_can_be_had_alone():
    net = linear(matrix(MULTIPLIERS))
    result = lyapunov_exponents(net, n_steps=150, n_exponents=2, transient=120)
    np.testing.assert_allclose(result.exponents, np.log(MULTIPLIERS[:2]), atol=1e-12)


def test_a_direction_that_is_lost_has_minus_infinity():
    exponents = lyapunov_exponents(linear(np.diag([0.5, 0.0])), n_steps=20).exponents
    assert exponents.tolist() == [pytest.approx(np.log(0.5)), -np.inf]


def spectrum(*exponents, n_states=None):
    """Return what was measured with these exponents, over 2 steps of a sequence and 1 of another."""
    exponents = np.array(exponents)
    growth = np.broadcast_to(exponents, (2, 2, len(exponents))).copy()
    growth[1, 1] = np.nan
    return LyapunovExponents(exponents, growth, n_states or len(exponents))


@pytest.mark.parametrize(
    ("exponents", "n_states", "dimension", "entropy"),
    [
        ([-1.0, -2.0], 2, 0.0, 0.0),
        ([0.0, -1.0], 2, 1.0, 0.0),  # a cycle
        ([0.5, -1.0], 2, 1.5, 0.5),
        ([1.5, 0.5, -1.0, -4.0], 4, 3.25, 2.0),
        ([0.5, 0.5, -1.0, -1.0], 4, 3.0, 1.0),
        ([1.0, 0.5], 2, 2.0, 1.5),
        ([1.0, 0.5], 3, np.nan, 1.5),  # too few of them are known
    ],
)
def test_the_dimension_is_where_the_sum_of_the_exponents_becomes_negative(exponents, n_states, dimension, entropy):
    found = spectrum(*exponents, n_states=n_states)
    assert found.dimension == pytest.approx(dimension, nan_ok=True)
    assert found.entropy == pytest.approx(entropy)


def test_the_exponents_are_shown_unless_they_are_many():
    assert repr(spectrum(0.5, -0.25)) == (
        "LyapunovExponents(0.5, -0.25) in nats a step, over 3 steps; entropy 0.5, dimension 2"
    )
    assert "(-0.5) in nats a step, over 3 steps; entropy 0, dimension 0" in repr(spectrum(-0.5))
    assert spectrum(0.5, -0.25) != spectrum(0.5, -0.25)  # one measurement is not another
    assert "(1, 1, 1, 1, 1, 1) in" in repr(spectrum(*[1.0] * 6))
    assert "(1, 1, 1, 1, 1, 1, ... (7 in all)) in" in repr(spectrum(*[1.0] * 7))


# -- how it is measured ------------------------------------------------------------------------------------------------


def test_several_sequences_count_with_their_steps():
    net = Network([layers.GRU(2, 3, gradient=TEXT), layers.LastStep()], dtype="float64")
    x, lengths = np.random.default_rng(0).normal(size=(9, 3, 2)), np.array([4, 9, 6])
    result = lyapunov_exponents(net, x, lengths, transient=2)
    np.testing.assert_array_equal(np.isnan(result.growth[..., 0]), np.arange(2, 9)[:, None] >= lengths)
    np.testing.assert_allclose(result.exponents, np.nanmean(result.growth.reshape(-1, 3), axis=0))
    np.testing.assert_allclose(result.running[-1], result.exponents)


@pytest.mark.parametrize(("n_steps", "counted"), [(9, 9), (10, 9), (29, 27), (40, 36)])
def test_the_first_tenth_does_not_count(n_steps, counted):
    net = Network([layers.GRU(2, 3, gradient=TEXT)])
    assert lyapunov_exponents(net, n_steps=n_steps).growth.shape == (counted, 1, 3)
    assert lyapunov_exponents(net, n_steps=n_steps, n_exponents=3, transient=0).growth.shape == (n_steps, 1, 3)


def test_the_running_exponents_are_those_of_the_steps_so_far():
    found = spectrum(0.5, -0.25)
    found.growth[0, 1] = [0.75, 0.5]
    np.testing.assert_allclose(found.running, [[0.625, 0.125], [1.75 / 3, 0.0]])


def test_same_seed_same_numbers():
    net = Network([layers.GRU(2, 3, gradient=TEXT)])
    first, second, other = (lyapunov_exponents(net, n_steps=20, seed=seed).growth for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_an_embedding_is_driven_by_symbols():
    net = Network([layers.Embedding(5, 2), layers.Elman(2, 3, gradient=TEXT)])
    assert lyapunov_exponents(net, np.array([[0], [1], [4], [2]])).exponents.shape == (3,)


def test_it_says_what_it_found():
    text = repr(lyapunov_exponents(Network([MapLayer(*HENON)]), kick(200, 0.0), transient=100))
    assert text.startswith("LyapunovExponents(0.")
    assert "in nats a step, over 100 steps; entropy 0." in text


def test_the_network_is_left_as_it_is():
    net = Network([layers.GRU(2, 3, gradient=TEXT)])
    forward = net.run(np.zeros((4, 1, 2)))
    lyapunov_exponents(net, n_steps=5)
    forward.backward(forward.output)


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", [[layers.Dense(2, 2)], [layers.Elman(2, 2, gradient=FixedPoint())]])
def test_a_network_without_time_has_no_exponents(stack):
    with pytest.raises(
        ValueError, match="measuring Lyapunov exponents looks along time, but this network has no recurrent layer"
    ):
        lyapunov_exponents(Network(stack), n_steps=10)


@pytest.mark.parametrize("options", [{"reverse": True}, {"bidirectional": True}])
def test_a_layer_that_runs_backwards_is_an_error(options):
    with pytest.raises(ValueError, match=r"layer 0, GRU.* runs backwards"):
        lyapunov_exponents(Network([layers.GRU(2, 3, **options)]), n_steps=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give x to drive the network with, or n_steps to leave it alone for, or both"),
        ({"n_steps": 0}, "n_steps must be a whole number of at least 1"),
        ({"n_steps": 5, "transient": 5}, "of 5 steps, 5 are transient: none is left"),
        ({"n_steps": 5, "transient": -1}, "transient must be a whole number of at least 0"),
        ({"n_steps": 5, "n_exponents": 0}, "n_exponents must be a whole number of at least 1"),
        ({"n_steps": 5, "n_exponents": 4}, "4 exponents were asked for, but the network has 3 states"),
        ({"x": np.zeros((4, 1, 3))}, "expected 2 features"),
        ({"x": np.zeros((0, 1, 2))}, "the input is empty"),
        ({"x": np.zeros((4, 1, 2)), "n_steps": 5}, "there are 2 inputs and 3 outputs; leave out x or n_steps"),
    ],
)
def test_what_has_no_meaning_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        lyapunov_exponents(Network([layers.GRU(2, 3, gradient=TEXT)]), **arguments)


def test_symbols_cannot_be_left_alone():
    with pytest.raises(ValueError, match="symbols have no zero"):
        lyapunov_exponents(Network([layers.Embedding(5, 2), layers.Elman(2, 3)]), n_steps=4)


def test_a_pooled_output_cannot_be_fed_back():
    net = Network([layers.Elman(2, 2), layers.LastStep()])
    with pytest.raises(ValueError, match="there are 2 inputs and 2 outputs a sequence"):
        lyapunov_exponents(net, np.zeros((3, 1, 2)), n_steps=4)


def test_dynamics_that_diverges_is_an_error():
    with pytest.raises(ArithmeticError, match="the dynamics diverges: at step"):
        lyapunov_exponents(Network([MapLayer(*LOGISTIC)]), kick(60, 3.0))
    with pytest.raises(ArithmeticError, match=r"the dynamics diverges: at step 10[23] its states are no longer finite"):
        lyapunov_exponents(linear(np.diag([1000.0])), kick(110, 10.0))  # whose Jacobian stays as it is
