"""What L-BFGS promises beyond finding a minimum: theta in place, a word at every iteration, a safe end."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from rnnbp import Network, fit, layers
from rnnbp.optimizers import LBFGS
from rnnbp.optimizers.lbfgs import _Run

START = np.array([-1.2, 1.0, 0.8, -0.5])


def rosenbrock(theta):
    return rosen(theta), rosen_der(theta)


def test_takes_the_steps_that_scipy_takes():
    theta = START.copy()
    LBFGS(memory=5).minimize(rosenbrock, theta, max_iter=7)
    expected = minimize(rosen, START, jac=rosen_der, method="L-BFGS-B", options={"maxcor": 5, "maxiter": 7}).x
    np.testing.assert_array_equal(theta, expected)


def test_evaluates_the_function_at_theta_itself():
    theta = START.copy()

    def function(point):
        assert point is theta
        return rosenbrock(point)

    assert LBFGS().minimize(function, theta, max_iter=50).converged


def test_reports_every_iteration_at_the_point_reached():
    theta, reports = START.copy(), []

    def callback(progress):
        assert progress.loss == rosen(theta)
        assert progress.gradient_norm == pytest.approx(np.linalg.norm(rosen_der(theta)))
        reports.append(progress)

    result = LBFGS().minimize(rosenbrock, theta, max_iter=9, callback=callback)
    assert [report.iteration for report in reports] == list(range(1, 10))
    assert all(later.loss < earlier.loss for earlier, later in pairwise(reports))
    assert (result.iteration, result.loss, result.evaluations) == (
        9,
        reports[-1].loss,
        reports[-1].evaluations,
    )


def test_stops_after_max_iter_and_says_so():
    result = LBFGS().minimize(rosenbrock, START.copy(), max_iter=2)
    assert not result.converged
    assert result.iteration == 2
    assert "ITERATIONS" in result.message


def test_a_callback_may_stop_it():
    def callback(progress):
        if progress.iteration == 3:
            raise StopIteration

    result = LBFGS().minimize(rosenbrock, START.copy(), max_iter=50, callback=callback)
    assert result.iteration == 3
    assert not result.converged


def test_an_interruption_leaves_theta_at_the_best_point_so_far():
    theta, accepted, calls = START.copy(), [START.copy()], []

    def function(point):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return rosenbrock(point)

    with pytest.raises(KeyboardInterrupt):
        LBFGS().minimize(function, theta, max_iter=50, callback=lambda _: accepted.append(theta.copy()))
    assert len(accepted) > 3
    np.testing.assert_array_equal(theta, accepted[-1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_turns_back_where_the_loss_is_not_finite(bad):
    """A barrier at |theta| = 1, which the first trial step jumps over."""
    theta, tried = np.zeros(3), []

    def function(point):
        inside = 1 - point @ point
        tried.append(inside > 0)
        if inside <= 0:
            return bad, np.full(3, bad)
        return -np.log(inside) - 9 * point.sum(), 2 * point / inside - 9

    assert LBFGS().minimize(function, theta, max_iter=100).converged
    assert not all(tried)
    np.testing.assert_allclose(2 * theta / (1 - theta @ theta), 9, rtol=1e-3)


def test_a_loss_that_is_not_finite_at_the_start_is_an_error():
    with pytest.raises(ValueError, match="not finite at the start"):
        LBFGS().minimize(lambda theta: (np.nan, theta), np.ones(2), max_iter=5)


def test_an_optimum_at_the_start_is_left_alone():
    theta = np.ones(4)
    result = LBFGS().minimize(rosenbrock, theta, max_iter=5)
    assert result.converged
    assert result.iteration == 0
    np.testing.assert_array_equal(theta, 1)


def test_a_max_iter_of_zero_is_an_error():
    with pytest.raises(ValueError, match="max_iter must be a whole number of at least 1, but 0"):
        LBFGS().minimize(rosenbrock, START.copy(), max_iter=0)


def test_a_loss_that_is_not_finite_is_a_wall_as_steep_as_the_fall_was():
    theta = np.array([2.0, 1.0])
    run = _Run(lambda t: (np.inf, t) if t[0] < 0 else (t @ t, 2 * t), theta, None)
    loss, gradient = run.evaluate(theta.copy())
    move = np.array([-3.0, -0.5])
    risen, slope = run.evaluate(theta + move)
    assert risen - loss == slope @ move == -gradient @ move == 13.0
    assert slope[0] * move[1] == slope[1] * move[0]  # along the move


def test_it_takes_losses_that_are_no_sums_of_squares():
    net = Network([layers.Dense(2, 2)], dtype="float64")
    history = fit(net, np.eye(2), [0, 1], loss="cross_entropy", optimizer=LBFGS(), max_epochs=5)
    assert history.loss[-1] < 0.1 * history.loss[0]


def test_one_of_everything_is_enough():
    theta = np.array([-1.2, 1.0])
    before, _ = rosenbrock(theta)
    LBFGS(memory=1, max_line_search=1).minimize(rosenbrock, theta, max_iter=1)
    assert rosenbrock(theta)[0] <= before
