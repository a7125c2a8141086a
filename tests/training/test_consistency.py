"""Two looks at an example are to say the same: as PyTorch computes it, and as the mean of what is done by hand."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import CROSS_ENTROPY, MSE, STANDING, TEXT, line, recall

from rnnbp import CheckpointError, Network, fit, layers, losses, optimizers
from rnnbp.activations import ACTIVATIONS
from rnnbp.data.packing import Packing
from rnnbp.losses.consistency import Consistent
from rnnbp.training import NextStep

with np.load(Path(__file__).parents[1] / "reference" / "consistency_reference.npz") as file:
    REFERENCE = dict(file)
WEIGHT = float(REFERENCE.pop("weight"))


def reference(name):
    return {key.split(".")[1]: array for key, array in REFERENCE.items() if key.startswith(name)}


def side_by_side(first, second):
    """Return examples (..., N, C) of two looks as they lie in a minibatch, (..., 2 N, C)."""
    return np.stack([first, second], axis=-2).reshape(*first.shape[:-2], -1, first.shape[-1])


# -- as PyTorch computes it --------------------------------------------------------------------------------------------


def test_of_weighted_classes_it_is_what_pytorch_computes():
    case = reference("classes")
    twice = np.repeat(case["labels"], 2), np.repeat(case["weights"], 2)
    output = side_by_side(case["first"], case["second"])
    value, gradient = Consistent(CROSS_ENTROPY, WEIGHT).value_and_gradient(output, *twice)
    assert value == pytest.approx(float(case["value"]), rel=1e-13)
    np.testing.assert_allclose(gradient, side_by_side(case["d_first"], case["d_second"]), rtol=1e-12, atol=1e-15)


def test_of_sequences_it_is_what_pytorch_computes():
    case = reference("ctc")
    packing = Packing(np.repeat(case["lengths"], 2))
    labels = np.split(case["labels"], np.cumsum(case["label_lengths"])[:-1])
    loss = losses.CTC()
    target = loss.encode([each for label in labels for each in (label, label)], 5)[packing.order].over(packing)
    rows = packing.pack(side_by_side(case["first"], case["second"]))
    value, gradient = Consistent(loss, WEIGHT).value_and_gradient(rows, target)
    assert value == pytest.approx(float(case["value"]), rel=1e-12)
    expected = packing.pack(side_by_side(case["d_first"], case["d_second"]))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-12)


def test_a_weight_of_a_sequence_is_one_of_all_its_steps():
    case = reference("ctc")
    lengths = np.array([9, 9, 9, 9, 6, 6])
    packing, loss = Packing(lengths), losses.CTC()
    target = loss.encode([[1]] * 6, 5)[packing.order].over(packing)
    rows = packing.pack(side_by_side(case["first"], case["second"]))
    weight = np.array([2.0, 2.0, 0.0, 0.0, 0.5, 0.5])

    def of(some):
        part = Packing(lengths[some])
        labels = loss.encode([[1]] * len(some), 5).over(part)
        packed = part.pack(packing.unpack(rows)[: part.n_steps, some])
        return Consistent(loss, 3.0).value_and_gradient(packed, labels)[0]

    value, gradient = Consistent(loss, 3.0).value_and_gradient(rows, target, weight)
    assert value == pytest.approx((4.0 * of([0, 1]) + 1.0 * of([4, 5])) / 5.0, rel=1e-12)
    assert not packing.unpack(gradient)[:, 2:4].any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(2, 7), st.floats(0.0, 5.0), st.integers(0, 1000))
def test_the_gradient_is_that_of_the_value_with_the_other_look_held_fixed(n, n_classes, weight, seed):
    rng = np.random.default_rng(seed)
    z, target = rng.normal(0, 3, (2 * n, n_classes)), np.repeat(rng.integers(0, n_classes, n), 2)
    log_softmax = lambda z: z - np.logaddexp.reduce(z, axis=1, keepdims=True)  # noqa: E731
    other = log_softmax(z)[np.arange(2 * n) ^ 1]

    def value(z):
        kl = (np.exp(other) * (other - log_softmax(z))).sum()
        return CROSS_ENTROPY.value_and_gradient(z, target)[0] + weight * kl / (2 * n)

    found, gradient = Consistent(CROSS_ENTROPY, weight).value_and_gradient(z.copy(), target)
    assert found == pytest.approx(value(z), rel=1e-10, abs=1e-12)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = 1e-6
        assert (value(z + step) - value(z - step)) / 2e-6 == pytest.approx(gradient[index], rel=1e-5, abs=1e-8)


# -- in training -------------------------------------------------------------------------------------------------------


def flipping(example, rng):
    return example * rng.choice([0.5, 2.0])


def tagged():
    """Return ragged sequences with a class for each step."""
    x, _ = recall()
    return x, [(sequence[:, 0] > 0).astype(int) for sequence in x]


def spelt():
    x, _ = recall()
    return x, [[1] if len(sequence) < 3 else [1, 2] for sequence in x]


def tagger():
    return Network([layers.Elman(1, 4, gradient=TEXT), layers.Dense(4, 3)], dtype="float64")


def last_step():
    return Network([layers.Elman(1, 4, gradient=TEXT), layers.LastStep(), layers.Dense(4, 3)], dtype="float64")


def strided():
    return Network([layers.Conv1D(1, 4, 3, stride=1), layers.Dense(4, 3)], dtype="float64")


KINDS = {
    "steps": (tagger, tagged, CROSS_ENTROPY),
    "last steps": (last_step, recall, CROSS_ENTROPY),
    "label sequences": (tagger, spelt, losses.CTC()),
    "after a convolution": (strided, spelt, losses.CTC()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_looks_that_lie_side_by_side_are_of_one_example(kind):
    """What training begins with is the loss of both looks, and their divergence, example by example."""
    make, data, loss = KINDS[kind]
    (x, target), drawn, net = data(), [], make()

    def note(example, rng):
        drawn.append(flipping(example, rng))
        return drawn[-1]

    options = {"loss": loss, "optimizer": STANDING, "max_epochs": 1, "batch_size": 5, "seed": 3}
    found = fit(net, x, target, augment=note, consistency=2.0, **options).loss[0]

    looks, total, shares = drawn[1:], 0.0, 0.0  # the first call is a trial
    assert len(looks) == 2 * len(x)
    softmax = ACTIVATIONS["softmax"].value
    for first, second in zip(looks[::2], looks[1::2], strict=True):
        (i,) = (i for i, each in enumerate(x) if any(np.array_equal(each * k, first) for k in (0.5, 2.0)))
        p, q = (softmax(net.forward(look[:, None]).reshape(-1, 3)) for look in (first, second))
        own = [net.loss_and_gradient([look], [target[i]], loss)[0] for look in (first, second)]
        share = len(p) if loss is CROSS_ENTROPY else 1.0
        divergence = ((q * np.log(q / p)).sum() + (p * np.log(p / q)).sum()) / share
        total, shares = total + share * (sum(own) + 2.0 * divergence), shares + 2 * share
    assert found == pytest.approx(total / shares, rel=1e-8)


def test_without_a_weight_nothing_is_taken_twice():
    x, y = recall()
    nets = [last_step() for _ in range(2)]
    options = {"loss": CROSS_ENTROPY, "augment": flipping, "max_epochs": 2}
    fit(nets[0], x, y, **options)
    fit(nets[1], x, y, consistency=0.0, **options)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)


def test_a_penalty_counts_examples_and_not_looks():
    x, _ = line(8)
    classes = np.arange(8) % 2
    thetas = []
    for consistency in (0.0, 1e-300):
        net = Network([layers.Dense(3, 2)], dtype="float64")
        options = {"optimizer": optimizers.SGD(1.0), "max_epochs": 1, "batch_size": 8, "l2": 1.0}
        fit(net, x, classes, loss=CROSS_ENTROPY, consistency=consistency, augment=lambda z, rng: z, **options)
        thetas.append(net.theta.copy())
    np.testing.assert_allclose(thetas[1], thetas[0], rtol=1e-12)


@pytest.mark.parametrize("normalize", ["none", "utterance", "label"])
def test_two_looks_count_as_one_example_however_a_loss_is_divided(normalize):
    x, target = spelt()
    thetas, found = [], []
    for consistency in (0.0, 1e-300):
        net = tagger()
        options = {"optimizer": optimizers.SGD(0.1), "max_epochs": 1, "batch_size": 24, "shuffle": False}
        loss = losses.CTC(normalize=normalize)
        found += fit(net, x, target, loss=loss, consistency=consistency, augment=lambda z, rng: z, **options).loss
        thetas.append(net.theta.copy())
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    np.testing.assert_allclose(thetas[1], thetas[0], rtol=1e-6)


def test_weights_of_classes_weigh_both_parts_of_the_loss():
    rng = np.random.default_rng(0)
    z, target = rng.normal(size=(6, 3)), np.repeat([0, 1, 2], 2)

    def value(scale, target=target, z=z):
        loss = losses.CrossEntropy(class_weight=scale * np.array([1.0, 2.0, 0.0]))
        return Consistent(loss, 1.5).value_and_gradient(z.copy(), target)

    for one, other in zip(value(1.0), value(0.01), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert not value(1.0)[1][4:].any()


def test_a_taught_layer_is_fed_what_the_loss_says():
    x = [np.random.default_rng(k).normal(size=(4, 3)) for k in range(4)]
    net = Network([layers.Dropout(0.3), layers.Jordan(3, 4, n_outputs=2, gradient=TEXT)])
    assert np.isfinite(fit(net, x, [[0, 1, 0, 1]] * 4, loss=CROSS_ENTROPY, consistency=1.0, max_epochs=2).loss).all()


def test_the_progress_bar_counts_both_looks(capsys):
    x, y = recall()
    fit(last_step(), x, y, loss=CROSS_ENTROPY, augment=flipping, consistency=1.0, max_epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert re.search(r"epoch 2/2 +50%", shown)
    assert re.search(r"epoch 2/2 +100%", shown)


def test_what_is_said_of_two_looks_becomes_alike():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4))
    y = (x[:, 0] > 0).astype(int)

    def apart(consistency):
        stack = [layers.Dense(4, 32), layers.Activation("tanh"), layers.Dropout(0.5), layers.Dense(32, 2)]
        net = Network(stack, seed=0)
        fit(net, x, y, loss="cross_entropy", max_epochs=60, optimizer=optimizers.Adam(0.01), consistency=consistency)
        first, second = (net.run(x, training=True).output for _ in range(2))
        return np.abs(first - second).mean()

    assert apart(5.0) < 0.7 * apart(0.0)


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (tagger, {"loss": CROSS_ENTROPY, "augment": None}, "nothing is random here: give augment, or a network"),
        (tagger, {"loss": CROSS_ENTROPY, "augment": None, "chunk_length": 2}, "leave out chunk_length and NextStep"),
        (tagger, {"loss": CROSS_ENTROPY, "consistency": -1.0}, r"consistency must be"),
        (tagger, {"loss": CROSS_ENTROPY, "consistency": "much"}, r"consistency must be"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_training(net, options, message):
    x, target = tagged()
    made = net()
    kept = made.theta.copy()
    with pytest.raises((TypeError, ValueError), match=message):
        fit(made, x, target, **{"augment": flipping, "consistency": 1.0} | options)
    np.testing.assert_array_equal(made.theta, kept)


def test_numbers_are_not_probabilities_of_classes():
    net = Network([layers.Dense(3, 4), layers.Dropout(0.5), layers.Dense(4, 1)])
    with pytest.raises(ValueError, match=r"logits of classes, such as CrossEntropy and CTC, but MeanSquaredError\(\)"):
        fit(net, *line(), loss=MSE, consistency=1.0)


def test_a_checkpoint_is_of_one_consistency(tmp_path):
    x, y = recall()
    options = {"loss": CROSS_ENTROPY, "augment": flipping, "checkpoint": tmp_path / "run.ckpt"}
    fit(last_step(), x, y, consistency=1.0, max_epochs=1, **options)
    with pytest.raises(CheckpointError, match=r"consistency is now 0\.5, but was 1\.0"):
        fit(last_step(), x, y, consistency=0.5, max_epochs=2, **options)


def test_a_full_batch_optimizer_has_no_looks():
    x, target = tagged()
    net = tagger()
    with pytest.raises(ValueError, match="leave out consistency, or take an optimizer such as Adam"):
        fit(net, x, target, loss=CROSS_ENTROPY, optimizer="lbfgs", consistency=1.0)


def test_lengths_that_are_exchanged_are_no_pairs():
    """Looks of 4 and 8 steps of each example: sorted by length, those of different examples would lie side by side."""
    n = iter(range(100))
    x = [np.full((4, 1), float(k)) for k in range(4)]
    with pytest.raises(ValueError, match="augment must leave an example's length alone"):
        fit(
            last_step(), x, [0, 1, 0, 1], loss=CROSS_ENTROPY, consistency=1.0, batch_size=4,
            augment=lambda sequence, rng: np.repeat(sequence, 1 + next(n) % 2, axis=0),
        )  # fmt: skip


def test_two_looks_must_be_of_one_length():
    x, y = recall()
    longer = lambda sequence, rng: np.repeat(sequence, rng.integers(1, 4), axis=0)  # noqa: E731
    with pytest.raises(ValueError, match="augment must leave an example's length alone"):
        fit(last_step(), x, y, loss=CROSS_ENTROPY, augment=longer, consistency=1.0, batch_size=3)


def test_next_step_models_have_no_looks():
    x = [np.eye(3)[np.arange(n) % 3] for n in (4, 5)]
    net, target = Network([layers.Elman(3, 3, gradient=TEXT)]), [each.argmax(axis=1) for each in x]
    with pytest.raises(ValueError, match="leave out chunk_length and NextStep"):
        fit(net, x, target, loss=CROSS_ENTROPY, teacher_forcing=NextStep(0.5), consistency=1.0)


def test_the_trial_draws_nothing_from_the_network():
    x, y = line()
    stack = [layers.Dense(3, 4), layers.Dropout(0.5), layers.Dense(4, 2)]
    nets = [Network(stack, dtype="float64", seed=1) for _ in range(2)]
    fit(nets[0], x, (y[:, 0] > 3).astype(int), loss=CROSS_ENTROPY, consistency=1.0, batch_size=7, max_epochs=1)
    nets[1].rng.random((14, 4), dtype=np.float32)  # what hides units of seven examples, twice
    assert nets[0].rng.random() == nets[1].rng.random()
