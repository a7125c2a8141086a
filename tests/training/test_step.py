"""A training step as one compiled call gives the numbers of its parts, run one by one in NumPy."""

import numpy as np
import pytest

import rnnbp
from rnnbp import layers, losses, optimizers
from rnnbp.kernels import threads
from rnnbp.optimizers import schedules
from rnnbp.training import NonFiniteError, step

N = 23  # not a multiple of the batch size
rng = np.random.default_rng(0)
STATIC = rng.normal(size=(N, 5))
RAGGED = [rng.normal(size=(length, 5)) for length in rng.integers(1, 9, N)]
EQUAL = rng.normal(size=(6, N, 5))
CLASSES = rng.integers(0, 3, N)
VALUES = rng.normal(size=(N, 3))
WEIGHTS = rng.uniform(0.1, 2.0, N)

MLP = [layers.Dense(5, 7), layers.Activation("tanh"), layers.Dense(7, 3)]
POOLED = [layers.GRU(5, 4, bidirectional=True), layers.MeanOverTime(), layers.Dense(8, 3)]
TAGGER = [layers.LSTM(5, 4), layers.Dense(4, 3)]


def trained(stack, x, y, *, compiled, loss, optimizer=None, **options):
    """Return a network, and the history of its training."""
    net = rnnbp.Network(stack, dtype="float64", seed=3, compiled=compiled)
    optimizer = optimizer or optimizers.Adam(1e-2)
    history = rnnbp.fit(net, x, y, loss=loss, optimizer=optimizer, max_epochs=3, batch_size=4, **options)
    return net, history


def assert_the_same(*given, **options):
    """Train both ways and compare; return the compiled network."""
    (one, history), (other, expected) = (trained(*given, compiled=compiled, **options) for compiled in (True, False))
    assert np.abs(one.theta - rnnbp.Network(one.layers, dtype="float64", seed=3).theta).max() > 1e-3
    np.testing.assert_allclose(one.theta, other.theta, rtol=0, atol=1e-12)
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-12)
    np.testing.assert_allclose(history.gradient_norm, expected.gradient_norm, rtol=1e-12)
    return one


@pytest.fixture(autouse=True)
def _runs_as_one_call(monkeypatch, request):
    """See that compiled networks are trained by `CompiledStep`."""
    steps, run = [], step.CompiledStep.run
    monkeypatch.setattr(step.CompiledStep, "run", lambda *given: steps.append(1) or run(*given))
    yield
    assert bool(steps) is ("in_parts" not in request.node.name)


CASES = {
    "static": (MLP, STATIC, CLASSES),
    "ragged, pooled": (POOLED, RAGGED, CLASSES),
    "equal lengths, pooled": (POOLED, EQUAL, CLASSES),
    "ragged, a label a step": (TAGGER, RAGGED, [np.arange(len(x)) % 3 for x in RAGGED]),
    "equal lengths, a label a step": (TAGGER, EQUAL, np.arange(6 * N).reshape(6, N) % 3),
}
LOSSES = {
    "cross-entropy": (losses.CrossEntropy(), CLASSES),
    "class weights": (losses.CrossEntropy(class_weight=[0.5, 1.0, 3.0]), CLASSES),
    "squared error": (losses.MeanSquaredError(), VALUES),
    "binary cross-entropy": (losses.BinaryCrossEntropy(), (VALUES > 0).astype(float)),
}
OPTIMIZERS = (
    optimizers.SGD(0.1),
    optimizers.SGD(0.1, momentum=0.9),
    optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    optimizers.RMSprop(1e-2),
    optimizers.RMSprop(1e-2, centered=True, momentum=0.5),
    optimizers.Adam(schedules.exponential(1e-2, epochs=3, final=1e-3), clip_norm=0.1),
    optimizers.AdamW(1e-2, weight_decay=0.1, clip_value=0.01, clip_norm=0.02),
    optimizers.Rprop(),
    optimizers.GradientNoise(optimizers.Adam(1e-2)),
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_all_kinds_of_data(case):
    assert_the_same(*case, loss=losses.CrossEntropy())


@pytest.mark.parametrize(("loss", "target"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_all_losses(loss, target, weights):
    assert_the_same(MLP, STATIC, target, loss=loss, sample_weight=weights)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_all_optimizers(optimizer):
    assert_the_same(MLP, STATIC, CLASSES, loss=losses.CrossEntropy(), optimizer=optimizer)


def test_weight_decay():
    plain, _ = trained(MLP, STATIC, CLASSES, compiled=True, loss=losses.CrossEntropy())
    decayed = assert_the_same(MLP, STATIC, CLASSES, loss=losses.CrossEntropy(), l2=0.1)
    assert np.linalg.norm(decayed.theta) < np.linalg.norm(plain.theta)


def test_batches_that_weigh_nothing_change_nothing():
    """Of 23 examples one counts: it alone is trained on, and shrinks the weights."""
    weights = np.zeros(N)
    weights[7] = 0.5
    options = {"loss": "cross_entropy", "sample_weight": weights, "l2": 0.1}
    assert_the_same(MLP, STATIC, CLASSES, optimizer=optimizers.SGD(0.1), **options)


def test_dropout_within_a_cell_and_zoneout_draw_the_same():
    stack = [layers.LSTM(5, 4, recurrent_dropout=0.3, zoneout=0.2), layers.LastStep(), layers.Dense(4, 3)]
    assert_the_same(stack, RAGGED, CLASSES, loss=losses.CrossEntropy())


def test_averages_and_callbacks_see_the_parameters():
    seen = []
    options = {"averaging": optimizers.PolyakAverage(), "callbacks": [lambda net, _: seen.append(net.theta.copy())]}
    assert_the_same(MLP, STATIC, CLASSES, loss=losses.CrossEntropy(), **options)
    np.testing.assert_allclose(seen[:3], seen[3:], rtol=0, atol=1e-12)


def test_limits_may_change_while_training():
    optimizer = optimizers.SGD(0.1)

    def limit(net, history):
        optimizer.clip_norm = 1e-3

    plain, _ = trained(MLP, STATIC, CLASSES, compiled=True, loss=losses.CrossEntropy(), optimizer=optimizers.SGD(0.1))
    nets = []
    for compiled in (True, False):
        optimizer.clip_norm = None
        options = {"loss": losses.CrossEntropy(), "optimizer": optimizer, "callbacks": [limit]}
        nets.append(trained(MLP, STATIC, CLASSES, compiled=compiled, **options)[0])
    np.testing.assert_allclose(nets[0].theta, nets[1].theta, rtol=0, atol=1e-12)
    assert np.abs(nets[0].theta - plain.theta).max() > 1e-3


def test_any_number_of_threads_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(threads, "MIN_OPERATIONS", 1)
    found = []
    for n in (1, 2, 5):
        with threads.limit(n):
            found.append(trained(POOLED, RAGGED, CLASSES, compiled=True, loss=losses.CrossEntropy())[0].theta)
    assert all(np.array_equal(theta, found[0]) for theta in found)


def test_a_loss_that_is_not_finite_is_named_and_changes_nothing():
    net = rnnbp.Network(MLP, seed=3)
    net.parameters["2.bias"][0] = np.inf
    before = net.theta.copy()
    with pytest.raises(NonFiniteError, match="the output of layer 2"):
        rnnbp.fit(net, STATIC, CLASSES, loss=losses.CrossEntropy(), max_epochs=1)
    np.testing.assert_array_equal(net.theta, before)


@pytest.mark.parametrize("l2", [0.0, 1e25])
def test_a_norm_whose_square_overflows_is_no_reason_to_stop(l2):
    """Of some minibatches; the others go on as ever."""
    x = STATIC * np.where(np.arange(N) < 8, 1e12, 1.0)[:, None]
    options = {"loss": "mean_squared_error", "optimizer": optimizers.SGD(1e-25), "max_epochs": 2, "batch_size": 4}
    nets = [rnnbp.Network([layers.Dense(5, 3)], seed=3, compiled=compiled) for compiled in (True, False)]
    begun = nets[0].theta.copy()
    histories = [rnnbp.fit(net, x, VALUES, l2=l2, **options) for net in nets]
    assert histories[0].gradient_norm[0] > 1e20
    for name in ("loss", "gradient_norm"):
        np.testing.assert_allclose(getattr(histories[0], name), getattr(histories[1], name), rtol=1e-5)
    np.testing.assert_allclose(nets[0].theta, nets[1].theta, rtol=1e-4)
    assert np.abs(nets[0].theta - begun).max() > 1e-2


def test_what_the_engine_does_not_know_runs_in_parts():
    stack = [layers.Dense(5, 7), layers.Activation("softmax"), layers.Dense(7, 3)]
    assert_the_same(stack, STATIC, CLASSES, loss=losses.CrossEntropy())


def test_a_loss_the_engine_does_not_know_runs_in_parts():
    assert_the_same(MLP, STATIC, CLASSES, loss=losses.CrossEntropy(label_smoothing=0.1))


class HalfTheStep(optimizers.SGD):
    """An update of its own, below a class that says how its update runs compiled."""

    def _step(self, theta, gradient, state, rate, loss):
        super()._step(theta, gradient, state, rate / 2, loss)


def test_an_update_that_is_overridden_is_the_one_that_trains():
    plain, _ = trained(MLP, STATIC, CLASSES, compiled=True, loss=losses.CrossEntropy(), optimizer=optimizers.SGD(0.05))
    halved = assert_the_same(MLP, STATIC, CLASSES, loss=losses.CrossEntropy(), optimizer=HalfTheStep(0.1))
    np.testing.assert_allclose(halved.theta, plain.theta, rtol=0, atol=1e-12)


class TwiceTheLoss(losses.MeanSquaredError):
    """A value and gradient of its own, below a class that names a kernel for them."""

    def value_and_gradient(self, output, target, weight=None):
        value, gradient = super().value_and_gradient(output, target, weight)
        return 2 * value, 2 * gradient


def test_a_loss_that_is_overridden_is_trained_in_parts():
    net = assert_the_same(MLP, STATIC, VALUES, loss=TwiceTheLoss(), optimizer=optimizers.SGD(0.05))
    plain, _ = trained(
        MLP, STATIC, VALUES, compiled=False, loss=losses.MeanSquaredError(), optimizer=optimizers.SGD(0.1)
    )
    np.testing.assert_allclose(net.theta, plain.theta, rtol=0, atol=1e-12)
