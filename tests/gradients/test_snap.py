"""SnAp-1: what its definition gives, exact where units do not see each other, and elsewhere in the right direction."""

import numpy as np
import pytest
from conformance import RECURRENT, Problem, error

from rnnbp import Network, fit, layers, losses, optimizers
from rnnbp.gradients import BPTT, RTRL, SnAp1

TEXT = BPTT(compiled=False)
RAGGED = (3, 5, 1, 5)
H = 3
REFUSED = {name: make for name, make in RECURRENT.items() if "Jordan" in name or "layer norm" in name}
CELLS = {name: make for name, make in RECURRENT.items() if name not in REFUSED}
ONE_PRODUCT = {name: make for name, make in CELLS.items() if "before" not in name}
UNDRAWN = {name: make for name, make in CELLS.items() if "zoneout" not in name}  # which is drawn for all steps at once
MSE = losses.MeanSquaredError()

each_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)


def problem(make, algorithm, lengths=RAGGED, **options):
    return Problem([make(2, H, gradient=algorithm, **options)], lengths)


def separate_the_units(net):
    for name, weight in net.parameters.items():
        if "recurrent_weight" in name:
            weight.reshape(H, -1, H)[...] *= np.eye(H)[:, None]


# -- where it is exact -------------------------------------------------------------------------------------------------


@each_cell
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"recurrent_dropout": 0.4}], ids=str)
def test_it_is_exact_where_units_do_not_see_each_other(make, options):
    exact, sparse = problem(make, TEXT, **options), problem(make, SnAp1(), **options)
    for each in (exact, sparse):
        separate_the_units(each.net)
    expected, actual = exact.gradients(), sparse.gradients()
    for name in expected.keys() - {"x"}:
        assert np.abs(expected[name]).max() > 1e-4, f"the derivative by {name} is zero: it would show nothing"
        assert error(actual[name], expected[name]) < 1e-12, name


@pytest.mark.parametrize("make", ONE_PRODUCT.values(), ids=ONE_PRODUCT)
def test_it_is_exact_for_single_steps(make):
    expected, actual = (problem(make, algorithm, (1, 1, 1)).gradients() for algorithm in (TEXT, SnAp1()))
    for name in expected:
        if not name.startswith("initial"):
            assert error(actual[name], expected[name]) < 1e-12, name


# -- what it computes --------------------------------------------------------------------------------------------------


class Masked(RTRL):
    """SnAp-1 by its definition: RTRL that forgets, at every step, what lies outside of each parameter's own unit."""

    def carry(self, step, z, previous, current, P):
        dz = super().carry(step, z, previous, current, P)
        units = np.arange(P.shape[1])[:, None] % H, np.arange(P.shape[2]) % H  # of states, and of parameters
        P *= units[0] == units[1]
        return dz


@pytest.mark.parametrize("make", ONE_PRODUCT.values(), ids=ONE_PRODUCT)
def test_it_is_rtrl_with_each_influence_kept_to_its_own_unit(make):
    expected, actual = (problem(make, algorithm).gradients() for algorithm in (Masked(), SnAp1()))
    exact = problem(make, RTRL()).gradients()
    for name in expected.keys() - {"x"}:
        assert error(actual[name], expected[name]) < 1e-12, name
    assert error(actual["0.recurrent_weight"], exact["0.recurrent_weight"]) > 1e-4


def test_of_a_reset_before_gru_it_is_what_the_formula_says():
    """P(t) = D(t) P(t-1) + M_d(t), written out for each parameter of unit j, of which only h_j is followed."""
    net = Network([layers.GRU(2, H, reset="before", gradient=SnAp1())], dtype="float64", seed=3)
    rng = np.random.default_rng(0)
    x, d_output = rng.normal(size=(5, 1, 2)), rng.normal(size=(5, 1, H))
    names = {"W": "0.input_weight", "U": "0.recurrent_weight", "b": "0.bias"}
    net.parameters[names["b"]][...] = rng.normal(size=3 * H)
    W, U, b = (net.parameters[name] for name in names.values())
    (W_r, W_z, W_n), (U_r, U_z, U_n) = (np.split(weight, 3, axis=1) for weight in (W, U))
    b_r, b_z, b_n = np.split(b, 3)
    d = [np.diag(weight) for weight in (U_r, U_z, U_n)]

    def sigmoid(value):
        return 1 / (1 + np.exp(-value))

    h, P = np.zeros(H), {name: np.zeros_like(net.parameters[full]) for name, full in names.items()}
    expected = {name: np.zeros_like(each) for name, each in P.items()}
    for x_t, dy in zip(x[:, 0], d_output[:, 0], strict=True):
        r, z = sigmoid(x_t @ W_r + h @ U_r + b_r), sigmoid(x_t @ W_z + h @ U_z + b_z)
        n = np.tanh(x_t @ W_n + (r * h) @ U_n + b_n)
        dn = (1 - z) * (1 - n**2)  # dh/dz_n, then dh/dz_z and, by way of the diagonal of U_n, dh/dz_r
        dz, dr = (h - n) * z * (1 - z), dn * d[2] * h * r * (1 - r)
        D = z + dz * d[1] + dr * d[0] + dn * d[2] * r
        of_gates = np.concatenate([dr, dz, dn])
        read = np.concatenate([np.outer(h, dr), np.outer(h, dz), np.outer(r * h, dn)], axis=1)
        M = {"W": np.outer(x_t, of_gates), "U": read, "b": of_gates}
        h = (1 - z) * n + z * h
        for name, each in P.items():
            P[name] = np.tile(D, 3) * each + M[name]
            expected[name] += np.tile(dy, 3) * P[name]
    run = net.run(x)
    np.testing.assert_allclose(run.output[-1, 0], h, atol=1e-12)
    found = net.unflatten(run.backward(d_output).theta)
    for name, full in names.items():
        np.testing.assert_allclose(found[full], expected[name], atol=1e-12)


@pytest.mark.parametrize("make", UNDRAWN.values(), ids=UNDRAWN)
def test_the_input_s_gradient_is_that_of_each_step_alone(make):
    """Which is that of sequences of one step, begun where the step before has ended."""
    whole = problem(make, SnAp1(), (4,))
    whole.d_final = {}
    dx, states = whole.gradients()["x"], whole.initial
    for t in range(4):
        step = whole.net.run(whole.x[t : t + 1], initial_states=states, training=True)
        expected = step.backward(whole.d_output[t : t + 1])
        np.testing.assert_allclose(dx[t], expected.x[0], rtol=0, atol=1e-14)
        states = step.final_states


@pytest.mark.parametrize("n_steps", [10, 100])
@pytest.mark.parametrize(
    ("make", "least"), [(layers.Elman, 0.6), (layers.LSTM, 0.6), (layers.GRU, 0.85)], ids=["Elman", "LSTM", "GRU"]
)
def test_it_points_in_the_direction_of_the_gradient(make, least, n_steps):
    """At the start of training, of networks of 24 units that are to sum up their input; by default initialisation."""
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=(n_steps, 8, 3))
        target = np.cumsum(x, axis=0)[..., :1] / np.sqrt(n_steps)
        recurrent = []
        for algorithm in (TEXT, SnAp1()):
            net = Network([make(3, 24, gradient=algorithm), layers.Dense(24, 1)], dtype="float64", seed=seed)
            _, gradient = net.loss_and_gradient(x, target, MSE)
            recurrent.append(
                np.concatenate([d.ravel() for name, d in net.unflatten(gradient).items() if name[0] == "0"])
            )
        exact, sparse = recurrent
        assert least < exact @ sparse / np.linalg.norm(exact) / np.linalg.norm(sparse) < 0.9999


def test_a_network_learns_by_it():
    """To recall, after 5 steps, the sign of its first input. Without any influence of the past it came to 0.79."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 200, 1))
    target = (x[0, :, 0] > 0).astype(int)
    net = Network([layers.LSTM(1, 16, gradient=SnAp1()), layers.LastStep(), layers.Dense(16, 2)], seed=0)
    fit(net, x, target, loss=losses.CrossEntropy(), optimizer=optimizers.Adam(0.03), max_epochs=30, progress=False)
    assert np.mean(net.forward(x).argmax(axis=1) == target) > 0.9


# -- what it cannot do, and what it costs -----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [*REFUSED.values(), lambda *a, **o: layers.Elman(*a, activation="softmax", **o)])
def test_cells_whose_units_have_no_states_of_their_own_are_an_error(make):
    net = Network([make(2, H, gradient=SnAp1())])
    with pytest.raises(ValueError, match=r"the units of a \w+ have none of their own: take RTRL\(\) or BPTT\(\)"):
        net.loss_and_gradient(np.zeros((2, 1, 2)), np.zeros((2, 1, net.n_outputs)), MSE)


def test_it_carries_two_numbers_for_each_parameter_of_an_lstm():
    from rnnbp.data.packing import Packing
    from rnnbp.gradients import Recurrence

    layer = layers.LSTM(5, 7, gradient=SnAp1())
    net, x = Network([layer]), np.zeros((3, 5), np.float32)
    recurrence = Recurrence(layer.cell, net.parameters.within("0."), x, Packing.full(1, 3), initial={})
    assert SnAp1().start(recurrence).shape == (3, 2, 2 * 7 + net.theta.size)


def test_a_batch_that_would_not_fit_is_an_error_that_says_its_size():
    net = Network([layers.LSTM(4, 6, gradient=SnAp1(max_bytes=10_000))])
    with pytest.raises(
        ValueError, match=r"SnAp1's influence matrix .* 51\.8 KiB: 8 sequences x 2 states .* or BPTT\(\)"
    ):
        net.loss_and_gradient(np.zeros((2, 8, 4)), np.zeros((2, 8, 6)), MSE)


def test_a_saved_network_learns_by_it_again(tmp_path):
    net = Network([layers.GRU(4, 3, gradient=SnAp1(max_bytes=123_456))])
    net.save(tmp_path / "net.rnnbp")
    algorithm = Network.load(tmp_path / "net.rnnbp").layers[0].gradient
    assert isinstance(algorithm, SnAp1)
    assert algorithm.max_bytes == 123_456


def test_a_stream_gives_the_outputs_of_the_whole():
    net = Network([layers.GRU(4, 3, gradient=SnAp1()), layers.Dense(3, 2)], dtype="float64")
    x = np.random.default_rng(0).normal(size=(9, 1, 4))
    np.testing.assert_allclose(net.stream().push(x[:, 0]), net.forward(x)[:, 0], rtol=0, atol=1e-14)
