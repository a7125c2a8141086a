"""Recurrent backpropagation at a fixed point: exact for every cell, alone or in any batch; an error where is none.

What the gradient is held against: finite differences of the relaxed output, and, for the linear network whose fixed
point and gradient can be written down, NumPy's solution of the linear equations.
"""

import pickle
from functools import partial

import numpy as np
import pytest
from conformance import RECURRENT, Problem, error, slope

import rnnbp
from rnnbp import Network, layers, losses, optimizers
from rnnbp.gradients import BPTT, ConvergenceError, FixedPoint
from rnnbp.gradients.relaxation import relax
from rnnbp.initializers import Identity

EXACT = {"tol": 1e-13, "max_iter": 5000}
RAGGED = (3, 5, 1, 5)
MSE = losses.MeanSquaredError()

CELLS = {
    name: partial(make, teacher_forcing=False) if "Jordan" in name else make
    for name, make in RECURRENT.items()
    if "zoneout" not in name
}
each_cell = pytest.mark.parametrize("cell", CELLS)
each_solver = pytest.mark.parametrize("solver", ["iteration", "gmres"])


def problem_of(cell, lengths=None, *, solver="iteration", dtype="float64", tol=1e-13, **options):
    layer = CELLS[cell](5, 3, gradient=FixedPoint(tol, 5000, solver=solver), **options)
    return Problem([layer], lengths, scale=0.2, dtype=dtype)


def relaxed(forward):
    (run,) = forward.saved[0].runs
    return run


# -- the fixed point ---------------------------------------------------------------------------------------------------


@each_cell
def test_the_output_is_that_of_bptt_after_many_steps_of_the_same_input(cell):
    problem = problem_of(cell)
    problem.initial = {}
    unrolled = Network([CELLS[cell](5, 3, gradient=BPTT(compiled=False))], dtype="float64")
    unrolled.theta[:] = problem.net.theta
    held = np.repeat(problem.x[None], 300, axis=0)
    assert error(problem.run().output, unrolled.forward(held)[-1]) < 1e-12


@each_cell
def test_another_step_changes_nothing(cell):
    problem = problem_of(cell)
    output = problem.run().output
    problem.initial = problem.run().final_states
    again = problem.run()
    assert error(again.output, output) < 1e-12
    assert len(relaxed(again).state_residuals) <= 2


def linear_network(n_hidden=4, seed=3):
    """Return h = x W + h U + b with a spectral radius of 0.8, and its x."""
    rng = np.random.default_rng(seed)
    net = Network([layers.Elman(2, n_hidden, activation="identity", gradient=FixedPoint(**EXACT))], dtype="float64")
    u = rng.normal(size=(n_hidden, n_hidden))
    net.parameters["0.recurrent_weight"][...] = 0.8 * u / np.abs(np.linalg.eigvals(u)).max()
    net.parameters["0.bias"][...] = rng.normal(size=n_hidden)
    return net, rng.normal(size=(6, 2)), rng.normal(size=(6, n_hidden))


@each_solver
def test_a_linear_network_s_fixed_point_and_gradients_solve_the_linear_equations(solver):
    net, x, dh = linear_network()
    net.layers[0].gradient.solver = solver
    w, u, b = (net.parameters[f"0.{name}"] for name in ("input_weight", "recurrent_weight", "bias"))
    inverse = np.linalg.inv(np.eye(4) - u)
    forward = net.run(x)
    h, e = (x @ w + b) @ inverse, dh @ inverse.T
    assert error(forward.output, h) < 1e-11
    gradient = forward.backward(dh)
    named = net.unflatten(gradient.theta)
    assert error(gradient.x, e @ w.T) < 1e-11
    assert error(named["0.input_weight"], x.T @ e) < 1e-11
    assert error(named["0.recurrent_weight"], h.T @ e) < 1e-11
    assert error(named["0.bias"], e.sum(axis=0)) < 1e-11


# -- the gradient ------------------------------------------------------------------------------------------------------


def check(problem):
    rng = np.random.default_rng(0)
    for name, gradient in problem.gradients().items():
        direction, scale = rng.normal(size=gradient.shape), np.linalg.norm(gradient)
        expected = slope(problem.value, problem.leaves[name], direction)
        if name.startswith("initial"):
            assert scale == 0
            assert abs(expected) < 1e-7
        else:
            assert scale > 1e-4, f"the derivative by {name} is zero: it would show nothing"
            assert abs(np.sum(gradient * direction) - expected) < 1e-7 * scale, name


@each_cell
@each_solver
def test_the_gradient_of_static_examples_is_that_of_finite_differences(cell, solver):
    check(problem_of(cell, solver=solver))


@each_cell
def test_the_gradient_of_ragged_sequences_is_that_of_finite_differences(cell):
    check(problem_of(cell, (1, 3, 2)))


@pytest.mark.parametrize("cell", ["Jordan, closed loop", "LSTM with peepholes", "GRU, reset before"])
def test_the_gradient_of_both_directions_with_recurrent_dropout_is_that_of_finite_differences(cell):
    check(problem_of(cell, (2, 1), bidirectional=True, recurrent_dropout=0.4))


@each_solver
def test_the_gradient_of_stacked_layers_is_that_of_finite_differences(solver):
    gradient = FixedPoint(**EXACT, solver=solver)
    stack = [layers.Elman(3, 4, gradient=gradient), layers.GRU(4, 3, gradient=gradient), layers.Dense(3, 2)]
    check(Problem(stack, scale=0.3))


def test_the_gradient_of_a_layer_after_pooling_is_that_of_finite_differences():
    settle = layers.Elman(3, 4, gradient=FixedPoint(**EXACT))
    check(Problem([layers.Dense(2, 3), layers.MeanOverTime(), settle], RAGGED, scale=0.3))


@each_cell
@each_solver
def test_float32_agrees_with_float64(cell, solver):
    exact, single = problem_of(cell), problem_of(cell, dtype="float32", tol=1e-6, solver=solver)
    assert single.run().output.dtype == np.float32
    assert error(single.run().output, exact.run().output) < 1e-5
    expected = exact.gradients()
    for name, gradient in single.gradients().items():
        assert gradient.dtype == np.float32
        if not name.startswith("initial"):
            assert error(gradient, expected[name]) < 1e-4, name


@each_cell
def test_the_input_s_gradient_is_computed_only_if_it_is_wanted(cell):
    problem = problem_of(cell)
    expected = np.concatenate([problem.gradients()[name].ravel() for name in problem.net.parameters])
    gradient = problem.run().backward_rows(problem.d_output, problem.d_final, input_gradient=False)
    assert gradient.x is None
    np.testing.assert_array_equal(gradient.theta, expected)


# -- examples and batches ----------------------------------------------------------------------------------------------


@each_cell
def test_a_static_example_is_a_sequence_of_one_step(cell):
    static = problem_of(cell)
    x, d, d_final = static.x, static.d_output, static.d_final
    expected = static.gradients()
    forward = static.net.run(x[None], initial_states=static.initial)
    np.testing.assert_array_equal(forward.output[0], static.run().output)
    gradient = static.net.run(x[None], initial_states=static.initial).backward(d[None], d_final_states=d_final)
    np.testing.assert_array_equal(gradient.x[0], expected["x"])


@each_cell
def test_an_example_has_the_same_output_in_any_batch(cell):
    """At a tolerance at which one more iteration, for others in the batch, would show."""
    problem = problem_of(cell, tol=1e-2)
    forward = problem.run()
    output, final = forward.output, forward.final_states
    slow_and_fast = len(relaxed(forward).state_residuals)
    alone, counts = [], []
    for i in range(4):
        initial = {name: state[i : i + 1] for name, state in problem.initial.items()}
        forward = problem.net.run(problem.x[i : i + 1], initial_states=initial)
        alone.append(forward.output)
        counts.append(len(relaxed(forward).state_residuals))
        for name, state in forward.final_states.items():
            np.testing.assert_allclose(state[0], final[name][i], rtol=0, atol=1e-14)
    np.testing.assert_allclose(np.concatenate(alone), output, rtol=0, atol=1e-14)
    assert max(counts) == slow_and_fast
    assert min(counts) < max(counts), "all converge together: it would show nothing"


def test_each_frame_of_a_sequence_settles_as_a_static_example_does():
    problem = problem_of("GRU, reset after", RAGGED)
    output = problem.run().output
    for i, length in enumerate(RAGGED):
        alone = problem.net.forward(problem.x[:length, i])  # from a state of 0, and not from where the last one settled
        assert error(output[:length, i], alone) < 1e-11


def test_a_frame_begins_where_the_one_before_has_settled():
    net = Network([layers.LSTM(3, 5, gradient=FixedPoint(1e-9))], dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 2, 3))
    forward = net.run(x)
    once, final = net.forward(x), forward.final_states
    again = net.run(x, initial_states=final)
    assert len(relaxed(again).state_residuals) == 1 < len(relaxed(forward).state_residuals)
    twice = net.forward(np.repeat(x, 2, axis=0))
    np.testing.assert_allclose(twice[1], once[0], rtol=0, atol=1e-8)


def test_of_two_fixed_points_the_initial_state_decides():
    net = Network([layers.Elman(1, 1, gradient=FixedPoint(1e-12))], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = 2.0
    starts = np.array([[0.1], [-0.1]])
    up, down = net.forward(np.zeros((2, 1)), initial_states={"0.h": starts})
    np.testing.assert_allclose([up[0], -down[0]], 0.9575040240772687, rtol=1e-11)  # of h = tanh(2 h)


def test_a_stream_gives_what_the_whole_sequence_does():
    net = Network([layers.GRU(3, 5, gradient=FixedPoint(1e-9)), layers.Dense(5, 2)], dtype="float64")
    x = np.random.default_rng(0).normal(size=(6, 1, 3))
    np.testing.assert_allclose(net.stream().push(x[:, 0]), net.forward(x)[:, 0], rtol=0, atol=1e-14)


@each_solver
def test_an_example_that_the_loss_does_not_ask_for_has_no_gradient(solver):
    problem = problem_of("LSTM", solver=solver)
    problem.d_output[1], problem.d_final = 0.0, {}
    assert not problem.gradients()["x"][1].any()
    assert problem.gradients()["x"][[0, 2, 3]].all()


# -- training ----------------------------------------------------------------------------------------------------------


def test_a_network_of_static_examples_is_trained_by_fit():
    x, target = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])
    stack = [layers.Elman(2, 6, recurrent_initializer=Identity(0.5), gradient=FixedPoint()), layers.Dense(6, 2)]
    net = Network(stack)
    assert not net.is_recurrent
    rnnbp.fit(net, x, target, loss="cross_entropy", optimizer=optimizers.Adam(0.03), max_epochs=100, progress=False)
    assert rnnbp.evaluate(net, x, target, "cross_entropy")[0] < 0.01
    np.testing.assert_array_equal(rnnbp.predict(net, x).argmax(axis=1), target)


def amplifier():
    """Return y = w x + u y, asked for a gain of 10: it diverges where u reaches 1."""
    options = {"activation": "identity", "recurrent_initializer": Identity(0.5), "gradient": FixedPoint(1e-12, 2000)}
    net = Network([layers.Elman(1, 1, **options)], dtype="float64")
    net.parameters["0.input_weight"][...] = 1.0
    x = np.array([[1.0], [2.0]])
    return net, x, 10 * x


@pytest.mark.parametrize("optimizer", [optimizers.LBFGS(), optimizers.LevenbergMarquardt()], ids=repr)
def test_a_full_batch_search_turns_back_where_the_network_would_not_settle(optimizer):
    net, x, target = amplifier()
    history = rnnbp.fit(net, x, target, loss=MSE, optimizer=optimizer, max_epochs=50, progress=False)
    assert history.loss[-1] < 1e-9


def test_training_that_loses_the_fixed_point_says_so_and_keeps_the_parameters():
    net, x, target = amplifier()
    seen = []

    def remember(net, history):
        seen.append(net.theta.copy())

    with pytest.raises(ConvergenceError, match="a lower learning rate"):
        rnnbp.fit(
            net, x, target, loss=MSE, optimizer=optimizers.SGD(0.5), max_epochs=50, callbacks=[remember], progress=False
        )
    np.testing.assert_array_equal(net.theta, seen[-1])


def test_it_is_saved_with_the_network(tmp_path):
    net = Network([layers.Elman(2, 3, gradient=FixedPoint(1e-5, 70, solver="gmres"))])
    net.save(tmp_path / "model.rnnbp")
    loaded = Network.load(tmp_path / "model.rnnbp")
    assert repr(loaded.layers[0].gradient) == "FixedPoint(tol=1e-05, max_iter=70, solver='gmres')"
    np.testing.assert_array_equal(loaded.forward(np.ones((1, 2))), net.forward(np.ones((1, 2))))


def test_the_residuals_of_both_relaxations_can_be_seen():
    net, x, dh = linear_network()
    forward = net.run(x)
    forward.backward(dh)
    for name in ("state_residuals", "error_residuals"):
        residuals = np.array(getattr(relaxed(forward), name))
        assert residuals[-1] <= 1e-13 < residuals[-2]
        rate = (residuals[-10] / residuals[-60]) ** (1 / 50)
        assert 0.75 < rate < 0.85  # the spectral radius is 0.8


# -- where there is no fixed point -------------------------------------------------------------------------------------


def exploding(weight, activation="identity", **settings):
    net = Network([layers.Elman(1, 1, activation=activation, gradient=FixedPoint(**settings))], dtype="float64")
    net.parameters["0.recurrent_weight"][...] = weight
    net.parameters["0.input_weight"][...] = 1.0
    return net


def test_a_network_that_diverges_is_an_error_before_nan_spreads():
    with pytest.raises(ConvergenceError, match="the state's relaxation diverges: in iteration 10") as caught:
        exploding(2.0, max_iter=5000).forward(np.ones((3, 1)))
    assert caught.value.relaxation == "state"
    assert caught.value.n_iterations > 1000
    assert not np.isfinite(caught.value.residual)
    assert "smaller recurrent weights" in str(caught.value)


def test_a_network_that_oscillates_is_an_error_with_the_residual():
    message = (
        r"has not converged: after 50 iterations the residual is above tol=1e-06 in 2 of 3 examples, and 1\.\d+ at"
    )
    with pytest.raises(ConvergenceError, match=message) as caught:
        exploding(-3.0, "tanh", max_iter=50).forward(np.array([[0.1], [9.0], [0.2]]))
    assert caught.value.residual > 1
    assert caught.value.n_iterations == 50


@each_solver
@pytest.mark.parametrize("max_iter", [1, 2])
def test_an_error_that_does_not_converge_says_so(solver, max_iter):
    net, x, dh = linear_network()
    forward = net.run(x)
    net.layers[0].gradient.solver, net.layers[0].gradient.max_iter = solver, max_iter
    with pytest.raises(ConvergenceError, match="the error's relaxation has not converged: after") as caught:
        forward.backward(dh)
    assert caught.value.relaxation == "error"
    assert caught.value.n_iterations == max_iter
    assert caught.value.residual > 1e-3
    assert 'Try solver="gmres"' in str(caught.value)


def test_gmres_needs_no_more_iterations_than_there_are_states():
    net, x, dh = linear_network()
    net.layers[0].gradient.solver = "gmres"
    forward = net.run(x)
    forward.backward(dh)
    assert len(relaxed(forward).error_residuals) <= 4


def test_a_residual_of_just_tol_is_small_enough():
    calls = []

    def update(rows):
        calls.append(rows.tolist())
        return np.array([0.25, 0.5, 1.0])[rows] / len(calls)

    assert relax("state", update, 3, tol=0.5, max_iter=2) == [1.0, 0.5]
    assert calls == [[0, 1, 2], [2]]


def test_the_error_has_the_residual_of_the_end():
    residuals = iter([0.5, 0.25, 0.125, 0.0625])
    with pytest.raises(ConvergenceError, match=r"after 3 iterations .* in 1 of 2 examples, and 0\.125 at") as caught:
        relax("state", lambda rows: np.array([next(residuals), 0.0])[: rows.size], 2, tol=0.1, max_iter=3)
    assert (caught.value.residual, caught.value.n_iterations) == (0.125, 3)


def test_the_error_can_be_pickled():
    error = pickle.loads(pickle.dumps(ConvergenceError("state", 0.5, 10, "diverges")))
    assert (error.relaxation, error.residual, error.n_iterations) == ("state", 0.5, 10)
    assert str(error) == str(ConvergenceError("state", 0.5, 10, "diverges"))


def test_teacher_forcing_is_refused():
    net = Network([layers.Jordan(2, 3, gradient=FixedPoint())])
    with pytest.raises(ValueError, match="teacher_forcing=False"):
        rnnbp.fit(net, np.ones((4, 2)), np.ones((4, 3)), loss=MSE, progress=False)


def test_zoneout_is_refused():
    with pytest.raises(ValueError, match="zoneout holds units at their values of the step before"):
        layers.LSTM(2, 3, zoneout=0.1, gradient=FixedPoint())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tol": 0.0}, r"tol must be a number in \(0, inf\), but 0.0 was given"),
        ({"tol": "1e-6"}, "tol must be a number"),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1, but 0 was given"),
        ({"solver": "newton"}, "solver must be one of 'iteration', 'gmres', but 'newton' was given"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FixedPoint(**settings)
