"""Levenberg-Marquardt: SciPy's minima, few iterations, and errors before work starts."""

from types import SimpleNamespace

import numpy as np
import pytest
from conformance import numerical_gradient
from scipy.optimize import least_squares

from rnnbp import Network, evaluate, fit, layers, losses, optimizers
from rnnbp.data.training_set import TrainingSet
from rnnbp.gradients import BPTT, FixedPoint
from rnnbp.initializers import Identity
from rnnbp.training.least_squares import LeastSquares

MSE = losses.MeanSquaredError()
LM = optimizers.LevenbergMarquardt
TEXT = BPTT(compiled=False)
TIGHT = LM(gradient_tolerance=1e-12, loss_tolerance=1e-14)
LENGTHS = (3, 6, 1, 5, 4, 6, 2, 6)


def mlp(dtype="float64"):
    return Network([layers.Dense(2, 2), layers.Activation("tanh"), layers.Dense(2, 1)], dtype=dtype)


def regression(n=40):
    """Return points, and what a network makes of them, with noise."""
    rng, teacher = np.random.default_rng(0), away(mlp(), 1.0)
    x = rng.normal(size=(n, 2))
    return x, teacher.forward(x) + 0.05 * rng.normal(size=(n, 1))


def away(net, distance):
    """Return a network with parameters so far from where they are."""
    net.theta += distance * np.random.default_rng(0).normal(size=net.theta.size)
    return net


def recurrent():
    return Network([layers.Elman(2, 2, gradient=TEXT), layers.Dense(2, 1)], dtype="float64")


def identification():
    """Return ragged sequences, and what a recurrent network makes of them at each step, with noise."""
    rng = np.random.default_rng(1)
    x, teacher = [rng.normal(size=(n, 2)) for n in LENGTHS], away(recurrent(), 0.5)
    return x, [teacher.forward([s])[:, 0] + 0.02 * rng.normal(size=(len(s), 1)) for s in x]


def train(net, x, target, optimizer=TIGHT, *, max_epochs=300, **options):
    options = {"loss": MSE, "progress": False} | options
    return fit(net, x, target, optimizer=optimizer, max_epochs=max_epochs, **options)


# -- where it leads ----------------------------------------------------------------------------------------------------


def scipy_minimum(net, x, target):
    """Return the loss that SciPy's Levenberg-Marquardt (MINPACK) reaches from where the network is."""
    twin = Network(net.layers, dtype="float64")

    def residuals(theta):
        twin.theta = theta
        outputs = [twin.forward([s])[:, 0] for s in x] if isinstance(x, list) else [twin.forward(x)]
        return (np.concatenate(outputs) - np.concatenate(target if isinstance(x, list) else [target])).ravel()

    found = least_squares(residuals, net.theta.copy(), method="lm", xtol=1e-12, ftol=1e-12, gtol=1e-12)
    return 2 * found.cost / found.fun.size


@pytest.mark.parametrize(("make", "problem"), [(mlp, regression), (recurrent, identification)])
def test_it_comes_to_scipy_s_minimum(make, problem):
    x, target = problem()
    net = away(make(), 0.8)
    expected, before = scipy_minimum(net, x, target), evaluate(net, x, target, MSE)[0]
    assert before > 10 * expected
    history = train(net, x, target)
    assert history.stopped == "converged"
    np.testing.assert_allclose(evaluate(net, x, target, MSE)[0], expected, rtol=1e-9)


def test_it_needs_far_fewer_iterations_than_lbfgs():
    x, target = regression()
    ours = train(away(mlp(), 0.8), x, target).loss
    theirs = train(away(mlp(), 0.8), x, target, optimizers.LBFGS(loss_tolerance=0.0)).loss
    there = 1.0001 * ours[-1]
    assert 3 * np.argmax(np.array(ours) < there) < np.argmax(np.array(theirs) < there)


def test_the_loss_falls_in_every_iteration():
    history = train(mlp(), *regression(), max_epochs=10)
    assert len(history) == 10
    assert all(np.diff(history.loss) < 0)
    assert history.stopped == "max_epochs"


def test_a_linear_network_is_solved_at_once():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    net = Network([layers.Dense(3, 2)], dtype="float64")
    history = train(net, x, target, LM(damping=1e-12))
    assert len(history) <= 2
    expected = np.linalg.lstsq(np.column_stack([x, np.ones(30)]), target, rcond=None)[0]
    np.testing.assert_allclose(net.parameters["0.weight"], expected[:3], rtol=0, atol=1e-10)


def test_an_l2_penalty_makes_it_ridge_regression():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    net = Network([layers.Dense(3, 2)], dtype="float64")
    history = train(net, x, target, LM(damping=1e-12), l2=5.0, batch_size=7)
    assert len(history) <= 2
    # 1/2 |y - t|^2 + 5/2 |W|^2, and no penalty of the bias: the loss, times N = 30, with its mean over 2 features
    centred = x - x.mean(axis=0)
    expected = np.linalg.solve(centred.T @ centred + 5.0 * np.eye(3), centred.T @ target)
    np.testing.assert_allclose(net.parameters["0.weight"], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("target", ["static", "sequences"])
def test_a_weight_is_a_number_of_copies(target):
    x, y = regression(30) if target == "static" else identification()
    make = mlp if target == "static" else recurrent
    weight = np.arange(len(x)) % 3
    copies = np.repeat(np.arange(len(x)), weight)
    repeated = (x[copies], y[copies]) if target == "static" else ([x[i] for i in copies], [y[i] for i in copies])
    weighted, copied = make(), make()
    losses_of = [
        train(weighted, x, y, max_epochs=5, sample_weight=weight).loss,
        train(copied, *repeated, max_epochs=5).loss,
    ]
    np.testing.assert_allclose(losses_of[0], losses_of[1], rtol=1e-6)


def test_float32_comes_to_the_minimum_of_float64():
    x, target = regression()
    exact, single = away(mlp(), 0.8), away(mlp("float32"), 0.8)
    history = train(single, x, target, LM())
    train(exact, x, target)
    assert single.theta.dtype == np.float32
    assert history.stopped == "converged"
    np.testing.assert_allclose(history.loss[-1], evaluate(exact, x, target, MSE)[0], rtol=1e-4)


def test_a_network_that_relaxes_to_a_fixed_point_is_trained():
    x, target = regression(10)
    settle = layers.Elman(2, 2, recurrent_initializer=Identity(0.2), gradient=FixedPoint(1e-8))
    net = Network([settle, layers.Dense(2, 1)], dtype="float64")
    history = train(net, x, target, max_epochs=6)
    assert history.loss[-1] < 0.1 * np.var(target)


# -- the Gauss-Newton matrix -------------------------------------------------------------------------------------------


def objective(net, x, target, *, batch_size=100, weight=None):
    data = TrainingSet(net.interface, x, target=target, loss=MSE, sample_weight=weight)
    return LeastSquares(net, data, MSE, list(data.batches(batch_size)), lambda theta: (0.0, theta))


def outer(rows):
    return 2 * rows.T @ rows


def test_the_matrix_is_that_of_finite_differences_with_weights():
    x, target = regression(7)
    net, weight = mlp(), np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0, 3.0])
    rows = np.array([numerical_gradient(lambda i=i: net.forward(x)[i, 0], net.theta) for i in range(7)])
    expected = outer(rows * np.sqrt(weight / weight.sum())[:, None])
    np.testing.assert_allclose(objective(net, x, target, weight=weight).gauss_newton(net.theta), expected, atol=1e-9)


def test_a_taught_network_is_taught_in_the_matrix_too():
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2))
    net = Network([layers.Jordan(2, 3, n_outputs=2, gradient=TEXT)], dtype="float64")

    def outputs():
        return net.run(x, training=True, teacher=target.reshape(12, 2)).output.ravel()

    rows = np.array([numerical_gradient(lambda i=i: outputs()[i], net.theta) for i in range(24)])
    least_squares = objective(net, x, target)
    np.testing.assert_allclose(least_squares.gauss_newton(net.theta), outer(rows / np.sqrt(24)), rtol=0, atol=1e-9)
    assert least_squares.n_residuals == 24


def test_the_matrix_is_that_of_the_network_in_training():
    class Halving(layers.Dropout):
        """Halves its input in training, and draws nothing."""

        def forward(self, parameters, x, context):
            return (0.5 * x, np.full_like(x, 0.5)) if context.training else (x, None)

    x, target = regression(5)
    net = Network([layers.Dense(2, 1), Halving(0.5)], dtype="float64", compiled=False)
    expected = outer(0.5 * np.column_stack([x, np.ones(5)]) / np.sqrt(5))
    np.testing.assert_allclose(objective(net, x, target).gauss_newton(net.theta), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_pieces_change_nothing(batch_size):
    x, target = identification()
    net = recurrent()
    whole = objective(net, x, target).gauss_newton(net.theta)
    cut = objective(net, x, target, batch_size=batch_size)
    np.testing.assert_allclose(cut.gauss_newton(net.theta), whole, rtol=0, atol=1e-13)
    assert cut.n_residuals == {1: 6, 3: 18, 100: sum(LENGTHS)}[batch_size]


# -- by itself ---------------------------------------------------------------------------------------------------------


class Curve:
    """Residuals of one parameter: a loss (f(a))^2, and `beyond` where a is above `wall`, with no gradient."""

    n_residuals = 1

    def __init__(self, f, slope, wall=np.inf, beyond=np.nan):
        self.f, self.slope, self.wall, self.beyond = f, slope, wall, beyond
        self.visited = []

    def __call__(self, theta):
        a = float(theta[0])
        self.visited.append(a)
        if a > self.wall:
            return self.beyond, np.full_like(theta, np.nan)
        return self.f(a) ** 2, np.array([2 * self.f(a) * self.slope(a), 0.0])

    def gauss_newton(self, theta):
        return 2 * np.diag([self.slope(float(theta[0])) ** 2, 0.0])


def test_a_parameter_that_nothing_depends_on_stays_where_it_is():
    theta = np.array([3.0, 7.0])
    LM().minimize(Curve(lambda a: a - 1, lambda a: 1.0), theta, max_iter=50)
    np.testing.assert_allclose(theta, [1.0, 7.0], atol=1e-4)


@pytest.mark.parametrize("beyond", [np.nan, np.inf, 0.0])
def test_it_turns_back_where_the_loss_or_its_gradient_is_not_finite(beyond):
    curve, theta = Curve(lambda a: np.exp(-a), lambda a: -np.exp(-a), wall=5.0, beyond=beyond), np.zeros(2)
    result = LM(gradient_tolerance=0.0, loss_tolerance=0.0).minimize(curve, theta, max_iter=100)
    assert max(curve.visited) > 5.0
    assert 4.9 < theta[0] <= 5.0
    assert result.converged
    assert result.message == "the step is within step_tolerance"


def test_it_gives_up_where_no_step_lowers_the_loss():
    """From 0, so that no step is short in comparison."""
    curve, theta = Curve(lambda a: 1 - a, lambda a: -1.0, wall=0.0), np.zeros(2)
    result = LM().minimize(curve, theta, max_iter=10)
    assert result.iteration == 0
    assert not theta.any()


def test_a_matrix_that_is_not_definite_is_damped_until_it_is():
    """As rounding may leave it: there is no step from this one by less than 1 of damping."""
    curve, theta = Curve(lambda a: a - 1, lambda a: 1.0), np.array([3.0, 0.0])
    curve.gauss_newton = lambda theta: np.diag([2.0, -1.0])
    result = LM().minimize(curve, theta, max_iter=100)
    assert result.converged
    np.testing.assert_allclose(theta, [1.0, 0.0], atol=1e-3)


def test_a_gradient_just_within_its_tolerance_is_within_it():
    curve, theta = Curve(lambda a: a - 1, lambda a: 1.0), np.array([3.0, 0.0])
    result = LM(gradient_tolerance=4.0).minimize(curve, theta, max_iter=9)
    assert (result.iteration, result.message) == (0, "the gradient is within gradient_tolerance")


@pytest.mark.parametrize(("target", "converged"), [(90.0, True), (88.0, False)])
def test_a_step_is_short_as_a_share_of_theta(target, converged):
    """From 100: a step of 10 is within a tolerance of 0.11, and one of 12 is not."""
    curve, theta = Curve(lambda a: a - target, lambda a: 1.0), np.array([100.0, 0.0])
    result = LM(step_tolerance=0.11, gradient_tolerance=0.0, loss_tolerance=0.0).minimize(curve, theta, max_iter=1)
    assert (result.iteration == 0) is result.converged is converged


@pytest.mark.parametrize(("tolerance", "converged"), [(0.025, True), (0.015, False)])
def test_a_fall_is_small_as_a_share_of_the_loss(tolerance, converged):
    """With this damping a step goes from 1000 to 990: the loss falls by 0.0203 of it, as A says it would."""
    curve, theta = Curve(lambda a: a, lambda a: 1.0), np.array([1000.0, 0.0])
    result = LM(damping=99.0, loss_tolerance=tolerance).minimize(curve, theta, max_iter=1)
    assert theta[0] == pytest.approx(990.0)
    assert result.converged is converged


def test_it_gives_up_where_the_jacobian_is_not_finite():
    theta = np.array([3.0, 0.0])
    curve = Curve(np.arctan, lambda a: 1 / (1 + a * a))
    curve.gauss_newton = lambda theta: np.full((2, 2), np.nan)
    result = LM().minimize(curve, theta, max_iter=10)
    assert (result.converged, result.message) == (False, "the Jacobian is not finite")


@pytest.mark.parametrize(("ratio", "factor"), [(0.25, 1.125), (0.5, 1.0), (0.75, 0.875), (1.0, 1 / 3), (1.5, 1 / 3)])
def test_damping_follows_how_good_the_model_was(ratio, factor):
    """As H. B. Nielsen has it: max(1/3, 1 - (2 ratio - 1)^3) of what it was; twice, four times, ... after a failure."""
    ratios = [-1.0, 0.0, ratio]
    run = SimpleNamespace(point=np.ones(2), gradient=np.ones(2), trust_ratio=lambda step, damping: ratios.pop(0))
    found = optimizers.LevenbergMarquardt()._search(run, np.eye(2), np.ones(2), 0.1)
    assert found == pytest.approx(0.1 * 2 * 4 * factor)


def test_steps_are_damped_where_the_model_is_wrong():
    """Gauss-Newton alone leaves arctan's zero further and further behind from here."""
    theta = np.array([3.0, 0.0])
    LM().minimize(Curve(np.arctan, lambda a: 1 / (1 + a * a)), theta, max_iter=50)
    assert abs(theta[0]) < 1e-3


def test_theta_is_the_best_point_when_the_callback_raises():
    theta, seen = np.array([3.0, 0.0]), []

    def callback(progress):
        seen.append((progress.loss, theta.copy()))
        if progress.iteration == 3:
            raise KeyError

    with pytest.raises(KeyError):
        LM().minimize(Curve(np.arctan, lambda a: 1 / (1 + a * a)), theta, max_iter=50, callback=callback)
    np.testing.assert_array_equal(theta, seen[-1][1])
    assert seen[-1][0] == np.arctan(theta[0]) ** 2


def test_a_callback_may_stop_it():
    def callback(progress):
        raise StopIteration

    curve = Curve(np.arctan, lambda a: 1 / (1 + a * a))
    result = LM().minimize(curve, np.array([3.0, 0.0]), max_iter=50, callback=callback)
    assert (result.iteration, result.converged, result.message) == (1, False, "the callback stopped it")


def test_progress_counts_iterations_and_evaluations():
    seen = []
    curve, theta = Curve(np.arctan, lambda a: 1 / (1 + a * a)), np.array([3.0, 0.0])
    result = LM().minimize(curve, theta, max_iter=4, callback=seen.append)
    assert [progress.iteration for progress in seen] == [1, 2, 3, 4]
    assert result.evaluations == len(curve.visited) > 5
    assert (result.converged, result.message) == (False, "max_iter was reached")
    np.testing.assert_allclose(result.gradient_norm, abs(2 * np.arctan(theta[0]) / (1 + theta[0] ** 2)))


# -- what it refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_a_loss_that_is_not_a_sum_of_squares_is_refused(loss):
    net = Network([layers.Dense(2, 2)])
    target = [0, 1] if loss == "cross_entropy" else [[0, 1], [1, 0]]
    before = net.theta.copy()
    with pytest.raises(ValueError, match=r"CrossEntropy\(\) is none: take losses.MeanSquaredError\(\)"):
        train(net, np.ones((2, 2)), target, loss=loss)
    np.testing.assert_array_equal(net.theta, before)


@pytest.mark.parametrize(
    "stack",
    [
        [layers.Dense(2, 2), layers.Dropout(0.5), layers.Dense(2, 1)],
        [layers.Elman(2, 2, recurrent_dropout=0.5, gradient=TEXT), layers.Dense(2, 1)],
        [layers.Elman(2, 2, zoneout=0.5, gradient=TEXT), layers.Dense(2, 1)],
    ],
    ids=["dropout", "recurrent dropout", "zoneout"],
)
def test_dropout_is_refused(stack):
    with pytest.raises(ValueError, match="leave out its dropout or zoneout"):
        train(Network(stack), np.ones((3, 2, 2)), np.ones((3, 2, 1)))


def test_what_would_not_fit_into_memory_is_refused_before_the_work_begins():
    net = Network([layers.Dense(2, 500), layers.Dense(500, 1)])
    message = (
        r"the Jacobian of 40 residuals by 2001 parameters takes 0.00064 GB, and the matrices of 2001 by 2001 take "
        r"0.0961 GB, which is more than memory_limit=0.05"
    )
    with pytest.raises(ValueError, match=message):
        train(net, *regression(), LM(memory_limit=0.05), batch_size=100)


def test_a_smaller_batch_size_makes_the_jacobian_fit():
    tight = LM(memory_limit=8e-9 * 9 * (8 + 3 * 9))
    with pytest.raises(ValueError, match="the Jacobian of 9 residuals by 9 parameters"):
        train(mlp(), *regression(), tight, max_epochs=1, batch_size=9)
    train(mlp(), *regression(), tight, max_epochs=1, batch_size=8)


def test_a_function_without_a_jacobian_is_refused():
    with pytest.raises(TypeError, match="needs a SumOfSquares"):
        LM().minimize(lambda theta: (0.0, theta), np.ones(2), max_iter=1)


@pytest.mark.parametrize("loss", [np.nan, 0.0])
def test_a_loss_or_gradient_that_is_not_finite_at_the_start_is_refused(loss):
    with pytest.raises(ValueError, match="not finite at the start"):
        LM().minimize(Curve(lambda a: a, lambda a: 1.0, wall=0.0, beyond=loss), np.ones(2), max_iter=1)


def test_no_iteration_at_all_is_refused():
    with pytest.raises(ValueError, match="max_iter must be a whole number of at least 1"):
        LM().minimize(Curve(lambda a: a, lambda a: 1.0), np.ones(2), max_iter=0)


@pytest.mark.parametrize("unit", [1e3, 1e-3])
def test_the_units_of_the_features_do_not_matter(unit):
    """Damping is in proportion to the diagonal, so each iteration is that of the scaled problem (Marquardt 1963)."""
    (x, y), net, scaled = regression(), away(mlp(), 0.5), away(mlp(), 0.5)
    scaled.parameters["0.weight"][...] /= unit
    losses_of = [train(each, given, y, max_epochs=6).loss for each, given in ((net, x), (scaled, unit * x))]
    np.testing.assert_allclose(losses_of[1], losses_of[0], rtol=1e-6)
