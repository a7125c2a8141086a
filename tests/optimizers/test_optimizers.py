"""Every optimizer on every problem in both precisions, and what all of them promise."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from rnnbp import optimizers
from rnnbp.optimizers import OPTIMIZERS, FullBatchOptimizer, Optimizer, schedules
from rnnbp.optimizers.rule import Rule

STEPS = 4000


@dataclass
class Problem:
    """A function to minimise, where from, the point where its minimum is, and a sum of squares' Jacobian."""

    function: Callable[[np.ndarray], tuple[float, np.ndarray]]
    start: np.ndarray
    solution: np.ndarray
    jacobian: Callable[[np.ndarray], np.ndarray] | None = None


def quadratic() -> Problem:
    scales, center = np.geomspace(1, 20, 10), np.linspace(-1, 1, 10)
    return Problem(
        lambda theta: (0.5 * float(scales @ (theta - center) ** 2), scales * (theta - center)),
        start=np.full(10, 2.0),
        solution=center,
        jacobian=lambda theta: np.diag(np.sqrt(0.5 * scales)),
    )


def rosenbrock() -> Problem:
    return Problem(
        lambda theta: (float(rosen(theta)), rosen_der(theta)),
        start=np.array([-1.2, 1.0]),
        solution=np.ones(2),
        jacobian=lambda theta: np.array([[-20.0 * theta[0], 10.0], [-1.0, 0.0]]),
    )


def logistic_regression() -> Problem:
    """Two overlapping classes; the solution is scikit-learn's."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    y = np.repeat([-1.0, 1.0], 50)
    x = random.normal(size=(100, 3)) + 0.5 * y[:, None]
    fitted = LogisticRegression(C=1.0, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(x, y)

    def function(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = y * (x @ theta)
        loss = np.logaddexp(0, -margin).sum() + 0.5 * theta @ theta
        return float(loss) / 100, (x.T @ (-y / (1 + np.exp(margin))) + theta) / 100

    return Problem(function, start=np.zeros(3), solution=fitted.coef_[0])


PROBLEMS = {make.__name__: make for make in (quadratic, rosenbrock, logistic_regression)}

NO_SQUARES = ("levenberg_marquardt", "logistic_regression")

# Settings that suit these problems; an optimizer that is not listed here is tried with its defaults.
TUNED: dict[str, dict[str, object]] = {
    "sgd": {"learning_rate": schedules.cosine(1e-3, epochs=1), "momentum": 0.99},
    "rmsprop": {"learning_rate": schedules.cosine(2e-3, epochs=1), "momentum": 0.9},
    "adam": {"learning_rate": schedules.cosine(5e-2, epochs=1)},
    "adamw": {"learning_rate": schedules.cosine(5e-2, epochs=1), "weight_decay": 0.5},
    "lbfgs": {"loss_tolerance": 0.0, "gradient_tolerance": 1e-8},
}


class Function:
    """A problem's function, as optimizers are given it."""

    n_residuals = 10

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = self.problem.function(theta)
        return loss, gradient.astype(theta.dtype)

    def gauss_newton(self, theta: np.ndarray) -> np.ndarray:
        jacobian = self.problem.jacobian(theta.astype("float64"))
        return 2 * jacobian.T @ jacobian


def run(optimizer, problem: Problem, theta: np.ndarray) -> np.ndarray:
    """Minimise from where theta is, in theta's precision and in place; no parameter decays."""
    function = Function(problem)
    if isinstance(optimizer, FullBatchOptimizer):
        optimizer.minimize(function, theta, max_iter=500)
        return theta
    state = optimizer.init(theta, decayed=np.zeros(theta.shape, bool))
    for i in range(STEPS):
        loss, gradient = function(theta)
        optimizer.update(theta, gradient, state, epoch=i / STEPS, loss=loss)
    return theta


every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)
every_stepwise_optimizer = pytest.mark.parametrize(
    "name", [name for name, kind in OPTIMIZERS.items() if issubclass(kind, Optimizer)]
)
both_precisions = pytest.mark.parametrize("dtype", ["float32", "float64"])


def tuned(name: str):
    return optimizers.get(name, **TUNED.get(name, {}))


@pytest.mark.parametrize(("name", "problem"), [pair for pair in product(OPTIMIZERS, PROBLEMS) if pair != NO_SQUARES])
@both_precisions
def test_finds_the_minimum(name, problem, dtype):
    task = PROBLEMS[problem]()
    theta = run(tuned(name), task, task.start.astype(dtype))
    np.testing.assert_allclose(theta, task.solution, atol=2e-3)


@every_optimizer
def test_changes_theta_where_it_is(name):
    buffer = np.full(14, 7.0)
    theta = buffer[2:12]
    returned = run(tuned(name), quadratic(), theta)
    assert returned is theta
    assert np.all(buffer[2:12] != 7)
    assert np.all(buffer[[0, 1, 12, 13]] == 7)


@every_optimizer
def test_same_start_same_bits(name):
    task = rosenbrock()
    first, second = (run(tuned(name), task, task.start.astype("float32")) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def trained(optimizer: Optimizer, theta: np.ndarray, state, steps: range) -> None:
    task = quadratic()
    for i in steps:
        loss, gradient = task.function(theta)
        optimizer.update(theta, gradient.astype(theta.dtype), state, epoch=i / 20, loss=loss)


@every_stepwise_optimizer
@both_precisions
def test_state_is_arrays_in_the_precision_of_theta(name, dtype):
    theta = quadratic().start.astype(dtype)
    state = tuned(name).init(theta)
    trained(tuned(name), theta, state, range(3))
    assert all(isinstance(array, np.ndarray) for array in state.values())
    for array in state.values():
        assert array.ndim == 0 or array.dtype in (theta.dtype, np.bool_)


@every_stepwise_optimizer
def test_state_changes_in_place(name):
    theta = quadratic().start.copy()
    state = tuned(name).init(theta)
    before = dict(state)
    trained(tuned(name), theta, state, range(3))
    assert state.keys() == before.keys()
    assert all(state[key] is before[key] for key in before)


@every_stepwise_optimizer
def test_goes_on_from_a_saved_state_with_the_same_bits(name):
    unbroken, broken = quadratic().start.copy(), quadratic().start.copy()
    optimizer = tuned(name)
    trained(optimizer, unbroken, optimizer.init(unbroken), range(20))

    state = optimizer.init(broken)
    trained(optimizer, broken, state, range(8))
    saved = {key: array.copy() for key, array in state.items()}
    trained(tuned(name), broken, saved, range(8, 20))
    np.testing.assert_array_equal(broken, unbroken)


@every_stepwise_optimizer
def test_one_optimizer_trains_two_networks(name):
    alone, first, second = quadratic().start.copy(), quadratic().start.copy(), np.zeros(10)
    optimizer = tuned(name)
    trained(optimizer, alone, optimizer.init(alone), range(10))

    states = optimizer.init(first), optimizer.init(second)
    for i in range(10):
        trained(optimizer, first, states[0], range(i, i + 1))
        trained(optimizer, second, states[1], range(i, i + 1))
    np.testing.assert_array_equal(first, alone)


@every_stepwise_optimizer
def test_leaves_the_gradient_as_it_is_without_clipping(name):
    theta, gradient = np.ones(5), np.linspace(-1, 1, 5)
    optimizer = tuned(name)
    optimizer.update(theta, gradient, optimizer.init(theta), loss=1.0)
    np.testing.assert_array_equal(gradient, np.linspace(-1, 1, 5))


@every_stepwise_optimizer
def test_a_zero_gradient_from_the_start_moves_nothing(name):
    theta = np.linspace(-1, 1, 5)
    optimizer = tuned(name)
    state = optimizer.init(theta, decayed=np.zeros(5, bool))
    for _ in range(3):
        optimizer.update(theta, np.zeros(5), state, loss=1.0)
    np.testing.assert_array_equal(theta, np.linspace(-1, 1, 5))


@every_optimizer
def test_repr_shows_every_setting(name):
    optimizer = optimizers.get(name)
    copy = eval(repr(optimizer), vars(optimizers))
    assert copy.settings() == optimizer.settings() != {}


def test_a_rule_may_do_without_numbers():
    class Signs(Optimizer):
        def rule(self):
            return Rule(lambda vectors, numbers: (vectors[0] - vectors[1],), (), 0)

    theta = np.array([1.0, 2.0])
    Signs(1.0).update(theta, np.array([0.5, 3.0]), {})
    np.testing.assert_array_equal(theta, [0.5, -1.0])


def test_adamw_decays_only_what_is_marked():
    theta = np.ones(4)
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    state = optimizer.init(theta, decayed=np.array([True, False, True, False]))
    optimizer.update(theta, np.zeros(4), state)
    np.testing.assert_allclose(theta, [0.95, 1.0, 0.95, 1.0])


def test_the_schedule_sets_the_size_of_the_step():
    theta = np.zeros(1)
    optimizer = optimizers.SGD(schedules.step(1.0, every=0.5, factor=0.1))
    for epoch in (0.0, 0.49, 0.5, 1.0):
        optimizer.update(theta, np.ones(1), {}, epoch=epoch)
    np.testing.assert_allclose(-theta, [1 + 1 + 0.1 + 0.01])


def test_a_plateau_shrinks_the_step_by_way_of_the_state():
    optimizer = optimizers.SGD(schedules.reduce_on_plateau(1.0, factor=0.5, patience=0))
    state = optimizer.init(np.zeros(1))
    for metric in (3.0, 2.0, 2.0):
        optimizer.observe(metric, state)
    assert optimizer.rate(3.0, state) == 0.5
    assert optimizer.rate(3.0, optimizer.init(np.zeros(1))) == 1.0


def test_clipping_limits_the_step():
    theta = np.zeros(2)
    optimizers.SGD(1.0, clip_norm=1.0).update(theta, np.array([30.0, 40.0]), {})
    np.testing.assert_allclose(theta, [-0.6, -0.8])
    optimizers.SGD(1.0, clip_value=5.0).update(theta, np.array([30.0, -1.0]), {})
    np.testing.assert_allclose(theta, [-5.6, 0.2])


def test_centered_rmsprop_survives_a_constant_gradient():
    """Its variance is then zero but for rounding, which must not leave a negative number under the root."""
    theta = np.zeros(50, np.float32)
    optimizer = optimizers.RMSprop(1e-3, rho=0.5, centered=True)
    state, gradient = optimizer.init(theta), np.geomspace(1e-3, 1e3, 50, dtype=np.float32)
    for _ in range(200):
        optimizer.update(theta, gradient, state)
    assert np.all(np.isfinite(theta))


@pytest.mark.parametrize("broken", [lambda state: state.pop("v"), lambda state: state.update(m=np.zeros(3))])
def test_a_state_of_other_parameters_is_refused(broken):
    """Compiled code would read what lies beside it."""
    adam, theta = optimizers.Adam(), np.zeros(1000)
    state = adam.init(theta)
    broken(state)
    with pytest.raises(
        ValueError, match=r"the state must hold '[mv]' of shape \(1000,\), as the optimizer's init makes"
    ):
        adam.update(theta, np.ones(1000), state)
