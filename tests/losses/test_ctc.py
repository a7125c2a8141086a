"""Connectionist temporal classification, against PyTorch, against all paths, and against itself."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

import rnnbp
from rnnbp import layers, losses
from rnnbp.kernels import threads
from rnnbp.losses import CTC, ctc
from rnnbp.losses.forward_backward import forward_backward, log_softmax, states_of

with np.load(Path(__file__).parents[1] / "reference" / "ctc_reference.npz") as file:
    ARRAYS = dict(file)
CASES = sorted({key.split(".")[0] for key in ARRAYS})
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def reference(name):
    case = {key.split(".")[1]: array for key, array in ARRAYS.items() if key.split(".")[0] == name}
    case["labels"] = np.split(case["labels"], np.cumsum(case.pop("label_lengths"))[:-1])
    return case


def spelled(path, blank):
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def by_enumeration(logits, labels, blank=0):
    """Value and gradient from every path there is."""
    log_p, found = log_softmax(logits), []
    occupied = np.zeros_like(log_p)
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        if spelled(path, blank) == tuple(labels):
            found.append(sum(log_p[t, k] for t, k in enumerate(path)))
            occupied[np.arange(len(path)), path] += np.exp(found[-1])
    if not found:
        return np.inf, np.zeros_like(log_p)
    value = np.logaddexp.reduce(found)
    return -value, np.exp(log_p) - occupied / np.exp(value)


def random_batch(seed, *, lengths=(7, 3, 12, 12, 1), n_labels=(3, 1, 5, 0, 1), n_classes=4, dtype="float64"):
    rng = np.random.default_rng(seed)
    logits = [rng.normal(0, 2, (t, n_classes)).astype(dtype) for t in lengths]
    return logits, [rng.integers(1, n_classes, n) for n in n_labels]


# -- numbers of others -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-6)])
def test_equals_pytorch(name, dtype, tolerance):
    case = reference(name)
    logits = [case["logits"][:n, i].astype(dtype) for i, n in enumerate(case["lengths"])]
    values, gradients = ctc(logits, case["labels"], int(case["blank"]))
    np.testing.assert_allclose(values, case["losses"], rtol=tolerance if dtype == "float32" else 1e-12, atol=tolerance)
    for i, (n, gradient) in enumerate(zip(case["lengths"], gradients, strict=True)):
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient, case["gradient"][:n, i], rtol=0, atol=tolerance)


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("labels", [[], [0], [1, 1], [0, 1], [0, 0, 0], [1, 0, 1], [2, 1, 1, 0]])
def test_equals_the_sum_over_all_paths(labels, blank):
    labels = [k + (k >= blank) for k in labels]
    for n_steps in range(1, 7):
        logits = np.random.default_rng(n_steps).normal(0, 3, (n_steps, 4))
        value, gradient = by_enumeration(logits, labels, blank)
        values, gradients = ctc([logits], [labels], blank, zero_infinity=True)
        assert values[0] == pytest.approx(value if np.isfinite(value) else 0.0, abs=1e-10)
        np.testing.assert_allclose(gradients[0], gradient, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_the_engine_computes_what_the_numpy_text_says(name):
    case, blank = reference(name), int(reference(name)["blank"])
    for i, n in enumerate(case["lengths"]):
        logits, labels = case["logits"][:n, i].astype(float), case["labels"][i]
        log_p = log_softmax(logits)
        value, gamma = forward_backward(log_p, labels, blank)
        expected = np.exp(log_p)
        np.subtract.at(expected.T, states_of(labels, blank)[0], gamma.T)
        values, gradients = ctc([logits], [labels], blank)
        assert values[0] == pytest.approx(value, rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(gradients[0], expected, atol=1e-10)


def test_labels_that_do_not_fit_have_no_likelihood_in_the_numpy_text():
    value, gamma = forward_backward(np.log(np.full((2, 3), 1 / 3)), [1, 1])
    assert value == np.inf
    assert not gamma.any()


# -- gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", ["utterance", "label", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_value(normalize, weighted):
    rng = np.random.default_rng(3)
    output, lengths = rng.normal(size=(8, 3, 4)), np.array([8, 3, 5])
    target, weight = [[1, 2, 2], [], [3, 1]], np.array([0.4, 1.0, 2.5]) if weighted else None
    loss = CTC(normalize=normalize)
    _, gradient = loss(output, target, lengths=lengths, sample_weight=weight)
    expected = np.empty_like(output)
    for at in np.ndindex(output.shape):
        up, down = output.copy(), output.copy()
        up[at] += 1e-5
        down[at] -= 1e-5
        values = [loss(each, target, lengths=lengths, sample_weight=weight)[0] for each in (up, down)]
        expected[at] = (values[0] - values[1]) / 2e-5
    np.testing.assert_allclose(gradient, expected, atol=1e-9)
    assert gradient[:3, 1].any()
    assert not gradient[3:, 1].any()


@pytest.mark.parametrize("cell", [layers.GRU, layers.LSTM])
def test_a_network_s_gradient_is_that_of_its_loss(cell):
    x, labels = random_batch(0)
    net = rnnbp.Network([cell(4, 5, bidirectional=True), layers.Dense(10, 4)], dtype="float64")
    rnnbp.diagnostics.check_gradients(net, x, labels, CTC())


# -- what a loss promises ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", ["utterance", "label"])
def test_a_batch_is_the_weighted_mean_of_its_sequences(normalize):
    logits, labels = random_batch(1)
    loss, weight = CTC(normalize=normalize), [0.5, 1.0, 2.0, 3.0, 1.5]
    padded, lengths = rnnbp.sequences.pad(logits)
    whole, _ = loss(padded, labels, lengths=lengths, sample_weight=weight)
    normalizers = [
        w if normalize == "utterance" else w * max(len(each), 1) for w, each in zip(weight, labels, strict=True)
    ]
    alone = [loss(z[:, None], [each])[0] for z, each in zip(logits, labels, strict=True)]
    assert whole == pytest.approx(np.dot(normalizers, alone) / np.sum(normalizers), rel=1e-12)


def test_normalizers_divide_the_same_sum():
    logits, labels = random_batch(2)
    padded, lengths = rnnbp.sequences.pad(logits)
    total, _ = CTC(normalize="none")(padded, labels, lengths=lengths)
    assert [CTC(normalize=kind).is_sum for kind in ("none", "utterance", "label")] == [True, False, False]
    assert CTC()(padded, labels, lengths=lengths)[0] == pytest.approx(total / 5, rel=1e-12)
    assert CTC(normalize="label")(padded, labels, lengths=lengths)[0] == pytest.approx(total / 11, rel=1e-12)


def test_what_padding_holds_never_changes_a_bit():
    logits, labels = random_batch(3)
    padded, lengths = rnnbp.sequences.pad(logits)
    value, gradient = CTC()(padded, labels, lengths=lengths)
    padded[np.arange(len(padded))[:, None] >= lengths] = np.nan
    garbled_value, garbled_gradient = CTC()(padded, labels, lengths=lengths)
    assert value == garbled_value
    np.testing.assert_array_equal(gradient, garbled_gradient)


@each_dtype
def test_any_number_of_threads_gives_the_same_bits(dtype, monkeypatch):
    monkeypatch.setattr(threads, "MIN_OPERATIONS", 1)
    logits, labels = random_batch(4, lengths=(30, 9, 22, 17, 30, 5, 12), n_labels=(7, 2, 5, 9, 0, 1, 3), dtype=dtype)
    with threads.limit(1):
        values, gradients = ctc(logits, labels)
    for n in (2, 3, 5):
        with threads.limit(n):
            again, gradients_again = ctc(logits, labels)
        np.testing.assert_array_equal(values, again)
        for one, other in zip(gradients, gradients_again, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_weight_of_zero_leaves_an_utterance_out():
    logits, labels = random_batch(5)
    padded, lengths = rnnbp.sequences.pad(logits)
    value, gradient = CTC()(padded, labels, lengths=lengths, sample_weight=[1, 0, 1, 1, 1])
    rest, _ = CTC()(padded[:, [0, 2, 3, 4]], labels[:1] + labels[2:], lengths=lengths[[0, 2, 3, 4]])
    assert value == pytest.approx(rest, rel=1e-12)
    assert not gradient[:, 1].any()


def test_repr_shows_every_setting_and_files_can_hold_them():
    loss = CTC(blank=2, normalize="label", zero_infinity=True)
    assert repr(eval(repr(loss))) == repr(loss) == "CTC(blank=2, normalize='label', zero_infinity=True)"
    assert losses.get("ctc").name == "ctc"


# -- degenerate input --------------------------------------------------------------------------------------------------


@st.composite
def utterances(draw):
    n_classes = draw(st.integers(1, 5))
    blank = draw(st.integers(0, n_classes - 1))
    choices = [k for k in range(n_classes) if k != blank]
    size = draw(st.sampled_from([0.0, 1.0, 30.0, 1e4]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    labels = [draw(st.lists(st.sampled_from(choices), max_size=14)) if choices else [] for _ in lengths]
    return [rng.normal(0, 1, (t, n_classes)) * size for t in lengths], labels, blank


@given(utterances(), st.sampled_from(["float32", "float64"]))
def test_any_input_has_a_finite_gradient_whose_rows_sum_to_zero(given_, dtype):
    logits, labels, blank = given_
    logits = [each.astype(dtype) for each in logits]
    values, gradients = ctc(logits, labels, blank, zero_infinity=True)
    for z, each, value, gradient in zip(logits, labels, values, gradients, strict=True):
        expected, _ = forward_backward(log_softmax(z.astype(float)), each, blank)
        fits = np.isfinite(expected)
        assert value == pytest.approx(expected if fits else 0.0, rel=1e-4 if dtype == "float32" else 1e-9, abs=1e-4)
        np.testing.assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-5)
        assert (abs(gradient) <= 1.0 + 1e-5).all()
        assert fits or not gradient.any()


@each_dtype
def test_a_network_that_is_sure_of_something_else_still_learns(dtype):
    """Where every label has a probability of e^-2000 at each step, what must rise is still known."""
    logits = np.zeros((60, 4), dtype)
    logits[:, 0] = 2000.0
    (value,), (gradient,) = ctc([logits], [[1, 2, 3] * 5])
    assert value == pytest.approx(15 * 2000.0, rel=1e-2)
    assert (gradient[:, 1:].sum(axis=0) < -4.9).all()


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
def test_single_precision_is_accurate_however_large_logits_are_and_long_sequences(size):
    rng = np.random.default_rng(int(size))
    logits = [rng.normal(0, size, (n, 6)).astype(np.float32) for n in (1500, 40)]
    labels = [rng.integers(1, 6, n) for n in (200, 12)]
    values, gradients = ctc(logits, labels)
    expected_values, expected = ctc([each.astype(float) for each in logits], labels)
    np.testing.assert_allclose(values, expected_values, rtol=1e-6)
    for ours, theirs in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-6)


@each_dtype
def test_an_impossible_class_makes_labels_impossible_and_nan_stays_nan(dtype):
    logits = np.zeros((4, 3), dtype)
    logits[:, 2] = -np.inf
    values, gradients = ctc([logits, logits], [[1], [2]])
    assert np.isfinite(values[0])
    assert values[1] == np.inf
    assert not gradients[1].any()
    logits[2, 1] = np.nan
    with np.errstate(invalid="ignore"):
        values, gradients = ctc([logits], [[1]])
    assert np.isnan(values[0])
    assert np.isnan(gradients[0][2]).all()


@pytest.mark.parametrize(
    ("labels", "n_steps", "message"),
    [
        ([1, 2, 3], 2, r"utterance 1 must have at least 3 steps, 3 for its labels, but it has 2: leave it out"),
        ([1, 1], 2, r"utterance 1 must have at least 3 steps, 2 for its labels and 1 for blanks between repeated"),
    ],
)
def test_labels_that_do_not_fit_are_refused_unless_asked_for(labels, n_steps, message):
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=(5, 4)), rng.normal(size=(n_steps, 4))]
    with pytest.raises(ValueError, match=message):
        ctc(logits, [[1], labels])
    values, gradients = ctc(logits, [[1], labels], zero_infinity=True)
    assert values[1] == 0.0
    assert not gradients[1].any()
    assert values[0] == ctc(logits[:1], [[1]])[0][0]
    padded, lengths = rnnbp.sequences.pad(logits)
    with pytest.raises(ValueError, match=message):
        CTC()(padded, [[1], labels], lengths=lengths)
    assert CTC(zero_infinity=True)(padded, [[1], labels], lengths=lengths)[0] == pytest.approx(values[0] / 2)


def test_of_several_that_do_not_fit_the_first_is_named():
    with pytest.raises(ValueError, match=r"utterance 1 must .*, but it has 1 \(2 utterances are too short\): leave it"):
        ctc([np.zeros((n, 4)) for n in (3, 1, 2, 1)], [[1], [2, 3], [3, 1], [1, 2]])


def test_an_utterance_that_does_not_count_may_be_impossible():
    logits = np.zeros((4, 2, 3))
    logits[:, 1, 2] = -np.inf
    value, gradient = CTC()(logits, [[1], [2]], sample_weight=[1.0, 0.0])
    assert value == CTC()(logits[:, :1], [[1]])[0]
    assert not gradient[:, 1].any()


def test_whole_numbers_are_logits_too():
    logits = np.arange(24).reshape(4, 2, 3) % 5
    assert CTC()(logits, [[1], [2]])[0] == CTC()(logits.astype(float), [[1], [2]])[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([[1], [4]], "labels of sequence 1 must be classes from 0 to 3, but 4 was given"),
        ([[-1], [1]], "labels of sequence 0 must be classes from 0 to 3, but -1 was given"),
        ([[1], [1, 0]], "labels of sequence 1 must not hold the blank, but 0 was given"),
        ([[1.0], [1]], "target of sequence 0 must be a list of whole numbers"),
        ([["a"], [1]], "target of sequence 0 must be a list of whole numbers"),
        ([[[1]], [1]], "target of sequence 0 must be a list of whole numbers"),
        ([[1, [2]], [1]], "target of sequence 0 must be a list of whole numbers"),
        ([1, 2], "target of sequence 0 must be a list of whole numbers"),
        ([[1]], "each sequence needs a target: there are 1 for 2 sequences"),
        ([], "must be a list of label sequences, one for each input sequence, but it is empty"),
        ("ab", "must be a list of label sequences, but 'ab' was given"),
        (3, "must be a list of label sequences, but 3 was given"),
    ],
)
def test_what_is_no_label_sequence_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        ctc([np.zeros((3, 4)), np.zeros((3, 4))], labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"blank": -1}, "blank must be a whole number of at least 0, but -1 was given"),
        ({"blank": 0.5}, "blank must be a whole number"),
        ({"normalize": "mean"}, "normalize must be one of .*, but 'mean' was given"),
        ({"zero_infinity": 1}, "zero_infinity must be True or False"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        CTC(**settings)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([], "list of sequences is empty"),
        ([np.zeros((0, 3))], "sequence 0 has length 0"),
        ([np.zeros(3)], r"list of arrays of shape \(T_i, C\), but one has shape \(3,\)"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], "sequence 1 has frames of shape"),
        ([np.zeros((2, 0))], r"list of arrays of shape \(T_i, C\), but one has shape \(2, 0\)"),
        ([np.zeros((2, 2))], r"blank must be one of the 2 classes 0 \.\. 1, but 2 was given"),
    ],
)
def test_logits_that_make_no_sense_are_refused(logits, message):
    with pytest.raises(ValueError, match=message):
        ctc(logits, [[]] * len(logits), 2)


# -- in a network ------------------------------------------------------------------------------------------------------


def strokes(n=60, seed=0):
    """Sequences in which each label is held for a while, and their labels."""
    rng, x, y = np.random.default_rng(seed), [], []
    for _ in range(n):
        labels = rng.integers(1, 4, rng.integers(1, 5))
        frames = [np.repeat(np.eye(4)[[k, 0]], rng.integers(1, 4), axis=0) for k in labels]
        x.append(np.concatenate(frames) + rng.normal(0, 0.1, (sum(map(len, frames)), 4)))
        y.append(labels.tolist())
    return x, y


def tagger(**options):
    return rnnbp.Network([layers.GRU(4, 12), layers.Dense(12, 4)], **options)


def test_a_network_learns_sequences_that_are_not_aligned():
    x, y = strokes()
    net, counted = tagger(), []

    def right(targets, outputs):
        counted.append(len(targets))
        found = [spelled(each.argmax(axis=1), 0) for each in outputs]
        return np.mean([tuple(t) == f for t, f in zip(targets, found, strict=True)])

    history = rnnbp.fit(
        net, x, y, loss="ctc", optimizer=rnnbp.optimizers.Adam(0.02), max_epochs=25, batch_size=8,
        validation_data=strokes(seed=1), score=right,
    )  # fmt: skip
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert history.validation_score[-1] > 0.9
    assert set(counted) == {60}


def test_full_batch_optimizers_take_it_too():
    x, y = strokes(20)
    history = rnnbp.fit(tagger(), x, y, loss="ctc", optimizer=rnnbp.optimizers.LBFGS(), max_epochs=10, batch_size=6)
    assert history.loss[-1] < 0.8 * history.loss[0]


def test_an_epoch_s_loss_is_that_of_evaluation():
    x, y = strokes()
    net = tagger(dtype="float64")
    sgd = rnnbp.optimizers.SGD(1e-300)
    for normalize in ("utterance", "label"):
        loss = CTC(normalize=normalize)
        history = rnnbp.fit(net, x, y, loss=loss, optimizer=sgd, max_epochs=1, batch_size=7)
        assert history.loss[0] == pytest.approx(rnnbp.evaluate(net, x, y, loss)[0], rel=1e-12)
        assert history.loss[0] == pytest.approx(net.loss_and_gradient(x, y, loss)[0], rel=1e-12)
    total = rnnbp.evaluate(net, x, y, CTC(normalize="none"), batch_size=7)[0]
    assert total == pytest.approx(60 * rnnbp.evaluate(net, x, y, CTC())[0], rel=1e-12)


def test_padded_and_listed_input_give_the_same():
    x, y = strokes(5)
    net = tagger(dtype="float64")
    padded, lengths = rnnbp.sequences.pad(x)
    listed, gradient = net.loss_and_gradient(x, y, CTC())
    value, gradient_of_padded = net.loss_and_gradient(padded, y, CTC(), lengths=lengths)
    assert value == pytest.approx(listed, rel=1e-14)
    np.testing.assert_allclose(gradient, gradient_of_padded, rtol=1e-12)


def test_a_checkpointed_run_goes_on_and_knows_other_labels(tmp_path):
    x, y = strokes()
    options = {"loss": CTC(), "batch_size": 16, "checkpoint": tmp_path / "run"}
    rnnbp.fit(tagger(), x, y, max_epochs=2, **options)
    whole = tagger()
    rnnbp.fit(whole, x, y, loss=CTC(), batch_size=16, max_epochs=4)
    resumed = tagger()
    rnnbp.fit(resumed, x, y, max_epochs=4, **options)
    np.testing.assert_array_equal(whole.theta, resumed.theta)
    with pytest.raises(rnnbp.CheckpointError, match="target"):
        rnnbp.fit(tagger(), x, [*y[:-1], [1]], max_epochs=5, **options)


def test_augmentation_may_change_lengths_but_not_below_what_labels_need():
    x, y = strokes(20)

    def stretched(frames, rng):
        return np.repeat(frames, rng.integers(1, 3), axis=0)

    history = rnnbp.fit(tagger(), x, y, loss=CTC(), max_epochs=2, augment=stretched)
    assert np.isfinite(history.loss).all()
    with pytest.raises(ValueError, match="must have at least 2 steps, 2 for its labels, but it has 1"):
        rnnbp.fit(tagger(), x[:1], [[1, 2]], loss=CTC(), max_epochs=2, augment=lambda frames, rng: frames[:1])


def test_utterance_weights_reach_the_loss():
    x, y = strokes(4)
    net = tagger(dtype="float64")
    weight = np.array([1.0, 0.0, 2.0, 0.5])
    alone = [net.loss_and_gradient([a], [b], CTC())[0] for a, b in zip(x, y, strict=True)]
    expected = pytest.approx(weight @ alone / weight.sum(), rel=1e-12)
    assert net.loss_and_gradient(x, y, CTC(), sample_weight=weight)[0] == expected
    assert rnnbp.evaluate(net, x, y, CTC(), sample_weight=weight)[0] == expected


def test_a_network_that_pools_time_or_a_static_input_is_refused():
    net = rnnbp.Network([layers.GRU(4, 3), layers.LastStep(), layers.Dense(3, 4)])
    x, y = strokes(2)
    with pytest.raises(ValueError, match=r"CTC\(\) needs an output at each step of sequences"):
        net.loss_and_gradient(x, y, CTC())
    with pytest.raises(ValueError, match=r"CTC\(\) needs an output at each step of sequences"):
        rnnbp.Network([layers.Dense(4, 4)]).loss_and_gradient(np.zeros((2, 4)), y, CTC())


def test_what_needs_a_target_for_each_step_is_refused():
    x, y = strokes(3)
    with pytest.raises(ValueError, match="chunk_length needs a target for each step"):
        rnnbp.fit(tagger(), x, y, loss=CTC(), chunk_length=2)
    with pytest.raises(ValueError, match="and targets for each"):
        rnnbp.fit(tagger(), x, y, loss=CTC(), teacher_forcing=rnnbp.NextStep(0.5))
    with pytest.raises(ValueError, match="needs whole sequences"):
        rnnbp.OnlineLearner(rnnbp.Network([layers.GRU(4, 3, gradient=rnnbp.gradients.RTRL())]), CTC())
    net = rnnbp.Network([layers.Jordan(4, 5, n_outputs=4)])
    with pytest.raises(ValueError, match="CTC has no target for each step to feed back"):
        net.loss_and_gradient(x, y, CTC())


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)])
def test_log_softmax_is_scipy_s(shape):
    logits = 50 * np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(log_softmax(logits), scipy.special.log_softmax(logits, axis=-1), rtol=1e-13)
