"""Networks as models of Keras, and models as networks; where Keras and a backend of it are installed."""

import os
import warnings
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import networks

from rnnbp import Network, layers
from rnnbp.interop import InteropError
from rnnbp.interop.keras import from_model, to_model

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytestmark = pytest.mark.filterwarnings("ignore")  # Keras' own
F = keras.layers if keras else None
I = 4  # noqa: E741


def recurrent(draw, n_inputs, n_hidden, **options):
    kind = draw(st.sampled_from([layers.Elman, layers.LSTM, layers.GRU]))
    squashing = draw(st.sampled_from(["tanh", "tanh", "softsign"]))
    if kind is layers.Elman:
        return layers.Elman(n_inputs, n_hidden, activation=squashing, **options)
    gates = draw(st.sampled_from(["sigmoid", "sigmoid", "hard_sigmoid(0.16666666666666666, 0.5)"]))
    if kind is layers.LSTM:
        return layers.LSTM(n_inputs, n_hidden, activations=(gates, squashing, squashing), **options)
    reset = draw(st.sampled_from(["after", "before"]))
    return layers.GRU(n_inputs, n_hidden, reset=reset, activations=(gates, squashing), **options)


cases = networks(recurrent=recurrent)
fewer = settings(max_examples=25)  # a model of Keras takes long to make


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


def batch_first(array):
    return array.swapaxes(0, 1) if array.ndim != 2 or array.dtype.kind == "i" else array


def close(actual, expected):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() < 1e-6 * max(1.0, np.abs(expected).max())


@fewer
@given(cases)
def test_a_model_computes_the_same_of_masked_batches(case):
    model = to_model(case.net)
    mask = keras.ops.convert_to_tensor(np.arange(len(case.x)) < case.lengths[:, None])
    y, expected = numbers(model(batch_first(case.x), mask=mask)), case.net.forward(case.x, case.lengths)
    case.close(y if y.ndim == 2 else np.where(case.inside(), y.swapaxes(0, 1), 0), expected, 1e-6)


@fewer
@given(cases)
def test_a_model_computes_the_same_and_a_network_comes_back(case):
    model, expected = to_model(case.net), case.net.forward(case.x)
    y = numbers(model(batch_first(case.x)))
    case.close(y if y.ndim == 2 else y.swapaxes(0, 1), expected, 1e-6)
    back = from_model(model)
    assert back.layers == tuple(each for each in case.net.layers if each != layers.Activation("identity"))
    np.testing.assert_array_equal(back.theta, case.net.theta)


def check(*given_layers, names):
    model = keras.Sequential([keras.Input((None, I)), *given_layers])
    for weight in model.trainable_weights:
        weight.assign(np.random.default_rng(0).normal(size=weight.shape))
    net, x = from_model(model), np.random.default_rng(1).normal(size=(6, 3, I)).astype(np.float32)
    assert [type(layer).__name__ for layer in net.layers] == names.split()
    y = numbers(model(x.swapaxes(0, 1)))
    close(net.forward(x), y if y.ndim == 2 else y.swapaxes(0, 1))
    return net


def test_what_goes_backwards_keeps_its_steps_in_place():
    backwards = {"go_backwards": True, "return_sequences": True}
    check(F.GRU(4, go_backwards=True), F.Dense(2, activation="tanh"), names="GRU LastStep Dense Activation")
    check(F.GRU(4, **backwards), F.LSTM(3, **backwards), names="GRU LSTM")
    check(F.GRU(4, **backwards), F.LSTM(3), names="GRU LSTM LastStep")
    check(F.SimpleRNN(4, **backwards), F.GlobalAveragePooling1D(), names="Elman MeanOverTime")


def test_models_as_people_write_them():
    check(
        F.Masking(),
        F.Bidirectional(F.GRU(4, reset_after=False)),
        F.Dense(2, use_bias=False),
        names="GRU LastStep Dense",
    )
    check(
        F.Conv1D(3, 3, padding="same", activation="relu"), F.Bidirectional(F.LSTM(4, return_sequences=True)),
        F.GlobalMaxPooling1D(), names="Conv1D Activation LSTM MaxOverTime",
    )  # fmt: skip
    net = check(
        F.Conv1D(3, 2, padding="causal", strides=2), F.LSTM(4, dropout=0.1), names="Conv1D Dropout LSTM LastStep"
    )
    assert net.layers[:2] == (layers.Conv1D(I, 3, 2, stride=2, causal=True), layers.Dropout(0.1, over_time=True))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: [F.Conv1D(3, 1, padding="same", strides=2)], "Conv1D"),
        (lambda: [F.Conv1D(3, 4, padding="same")], "Conv1D"),
        (lambda: [F.Conv1D(3, 3, padding="same", dilation_rate=2)], "Conv1D"),
        (lambda: [F.Conv1D(3, 3, padding="causal", dilation_rate=2)], "Conv1D"),
        (lambda: [F.Conv1D(3, 1)], "Conv1D"),
        (lambda: [F.ZeroPadding1D(1), F.Conv1D(3, 3), F.Conv1D(2, 1)], "Conv1D Conv1D"),
        (lambda: [F.ZeroPadding1D((2, 0)), F.Conv1D(3, 3)], "Conv1D"),
        (lambda: [F.ZeroPadding1D((1, 2)), F.Conv1D(3, 4, strides=2)], "Conv1D"),
        (lambda: [F.LayerNormalization(axis=[2]), F.LayerNormalization(axis=2)], "LayerNorm LayerNorm"),
        (lambda: [F.LayerNormalization(center=False), F.LayerNormalization(scale=False)], "LayerNorm LayerNorm"),
        (lambda: [F.LayerNormalization(epsilon=0.1), F.Activation("softmax")], "LayerNorm Activation"),
        (
            lambda: [F.SpatialDropout1D(0.3), F.Dropout(0.2), F.Dropout(0.1, noise_shape=(None, 1, None))],
            "Dropout Dropout Dropout",
        ),
        (lambda: [F.Bidirectional(F.GRU(3, dropout=0.2))], "Dropout GRU LastStep"),
        (lambda: [F.GRU(3, go_backwards=True, return_sequences=True), F.GlobalMaxPooling1D(), F.Dense(2)],
         "GRU MaxOverTime Dense"),
        (lambda: [keras.Sequential([F.Dense(3), F.ReLU()]), F.Dense(2)], "Dense Activation Dense"),
        (lambda: [F.Activation("linear"), F.Dense(2)], "Dense"),
        (lambda: [F.Dense(3, activation="leaky_relu"), F.Activation("leaky_relu")], "Dense Activation Activation"),
        (
            lambda: [F.ELU(0.3), F.LeakyReLU(0.1), F.ReLU(negative_slope=0.2), F.Softmax()],
            "Activation Activation Activation Activation",
        ),
    ],
)  # fmt: skip
def test_a_layer_with_settings_of_its_own_is_taken_over(make, names):
    net = check(*make(), names=names)
    for layer in net.layers:
        if isinstance(layer, layers.Dropout):
            assert layer.over_time == (layer.rate != 0.2 or "GRU" in names)


@pytest.mark.parametrize(
    "stack",
    [
        [layers.GRU(I, 3, bidirectional=True), layers.Dropout(0.3), layers.LastStep(bidirectional=True)],
        [layers.GRU(I, 3, bidirectional=True), layers.Dropout(0.3, over_time=True), layers.LSTM(6, 2)],
        [layers.GRU(I, 3, reverse=True), layers.Dense(3, 2), layers.Activation("tanh"), layers.LastStep(reverse=True)],
    ],
    ids=lambda stack: f"{type(stack[-1]).__name__} after {len(stack) - 1}",
)
def test_what_goes_frame_by_frame_stands_between_a_recurrent_layer_and_its_last_step(stack):
    net, x = Network(stack, seed=1), np.random.default_rng(0).normal(size=(6, 3, I)).astype(np.float32)
    model = to_model(net)
    y = numbers(model(x.swapaxes(0, 1)))
    close(net.forward(x), y if y.ndim == 2 else y.swapaxes(0, 1))
    assert sorted(map(repr, from_model(model).layers)) == sorted(map(repr, net.layers))


def test_every_layer_hands_masks_on_or_heeds_them():
    stack = [layers.Embedding(5, I), layers.Conv1D(I, 3, 2), layers.GRU(3, 3, reverse=True), layers.MaxOverTime()]
    mask = keras.ops.convert_to_tensor(np.arange(6) < [[3], [6]])
    model = to_model(Network(stack))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model(np.ones((2, 6), "int32"), mask=mask)
    assert [each for each in said if "masking" in str(each.message) and "Functional" not in str(each.message)] == []


@pytest.mark.parametrize(("steps", "given"), [(4, 7), (4, 8), (None, None)])
def test_our_layers_say_what_they_give(steps, given):
    modules = import_module("rnnbp.interop.keras.modules")
    for before, after in ((3, 0), (1, 2)):
        convolution = modules.Convolution(3, 4, strides=2, before=before, after=after)
        assert convolution.compute_output_shape((2, given, I)) == (2, steps, 3)
    assert modules.MaxOverTime().compute_output_shape((2, given, I)) == (2, I)


def test_a_model_that_was_saved_comes_back(tmp_path):
    net = Network([layers.GRU(I, 3, reverse=True), layers.MaxOverTime()])
    to_model(net).save(tmp_path / "model.keras")
    assert from_model(keras.saving.load_model(tmp_path / "model.keras")).layers == net.layers


def functional():
    x = keras.Input((None, I))
    return keras.Model(x, F.Add()([F.Dense(4)(x), F.LSTM(4, return_sequences=True)(x)]))


def sequential(*given_layers):
    return keras.Sequential([keras.Input((None, I)), *given_layers])


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (functional, "is no chain of layers"),
        (Subclassed, "Subclassed has code that is not a chain of layers"),
        (lambda: keras.Sequential([F.Dense(2)]), "has no weights yet"),
        (lambda: sequential(F.LSTM(3, return_sequences=True, go_backwards=True)), "come out in reverse order"),
        (lambda: sequential(F.BatchNormalization()), "BatchNormalization .* has no counterpart here"),
        (lambda: sequential(F.LSTM(3, activation="selu")), "LSTM .* has the activation 'selu'"),
        (lambda: sequential(F.LSTM(3, activation=lambda x: x)), "has the activation '<lambda>'"),
        (lambda: sequential(F.Bidirectional(F.GRU(2), merge_mode="sum")), "merge_mode='sum'"),
        (lambda: sequential(F.Conv1D(2, 3)), "it must lose no step"),
        (lambda: sequential(F.LSTM(3, stateful=False, return_state=True)), "return_state=True"),
        (lambda: sequential(F.Dense(3, dtype="mixed_float16")), "computes in float16"),
        (lambda: sequential(F.ReLU(max_value=6)), "max_value=6"),
        (lambda: sequential(F.ReLU(threshold=1.0)), "threshold=1.0"),
        (
            lambda: keras.Sequential([keras.Input((5, I)), F.Softmax(axis=1)]),
            "has axis=1: it must go over the features",
        ),
        (lambda: sequential(F.Conv1D(4, 1, groups=2)), "has groups=2"),
        (lambda: sequential(F.Conv1D(4, 3, padding="same", strides=2)), "with strides=2, in a way that is not"),
        (lambda: sequential(F.Conv1D(4, 4, padding="same", dilation_rate=2)), r"adds \(3, 3\) frames: .* \(2, 4\)"),
        (lambda: sequential(F.ZeroPadding1D((1, 0)), F.Conv1D(4, 3)), r"adds \(1, 0\) frames: it must lose no step"),
        (
            lambda: sequential(F.ZeroPadding1D(1), F.Conv1D(4, 3, padding="same")),
            "padding='same', with strides=1, in a",
        ),
        (lambda: sequential(F.ZeroPadding1D(1), F.Conv1D(4, 3, padding="causal")), "padding='causal', with strides=1"),
        (lambda: sequential(F.ZeroPadding1D(1), F.Dense(3)), "takes frames of zeros that were added: a Conv1D must"),
        (lambda: sequential(F.Dense(3), F.ZeroPadding1D(1)), "must be followed by a Conv1D"),
        (
            lambda: sequential(F.GRU(3, return_sequences=True, go_backwards=True), F.Conv1D(4, 1)),
            "Conv1D .* takes steps in reverse order",
        ),
        (
            lambda: sequential(F.GRU(3, return_sequences=True, go_backwards=True), F.Bidirectional(F.GRU(3))),
            "Bidirectional .* takes steps in reverse order",
        ),
        (
            lambda: sequential(F.Bidirectional(F.GRU(3, go_backwards=True), backward_layer=F.GRU(3))),
            "takes steps in reverse order",
        ),
        (
            lambda: sequential(F.Bidirectional(F.GRU(3), backward_layer=F.LSTM(3, go_backwards=True))),
            "has a GRU and a LSTM",
        ),
        (
            lambda: sequential(
                F.Bidirectional(F.GRU(3), backward_layer=F.GRU(3, activation="relu", go_backwards=True))
            ),
            "has two directions with different settings",
        ),
        (lambda: keras.Sequential([keras.Input((None, I), 2), F.GRU(3, stateful=True)]), "has stateful=True"),
        (lambda: sequential(F.Dropout(0.1, noise_shape=(None, 3, None))), "has noise_shape="),
        (lambda: sequential(F.Dropout(0.1, noise_shape=(None, None, 1))), "has noise_shape="),
        (
            lambda: keras.Sequential([keras.Input((5, I)), F.LayerNormalization(axis=1)]),
            "it must go over the features, axis=-1",
        ),
        (lambda: sequential(F.LayerNormalization(center=False, scale=False)), "has neither gain nor bias"),
        (lambda: sequential(F.GlobalMaxPooling1D(keepdims=True)), "has keepdims=True"),
        (lambda: sequential(F.GlobalAveragePooling1D(keepdims=True)), "has keepdims=True"),
        (lambda: sequential(F.Dense(3), F.Dense(3, dtype="float64")), "are float32 and others float64"),
    ],
)
def test_what_has_no_counterpart_is_refused_and_named(make, why):
    with pytest.raises(InteropError, match=why):
        from_model(make())


@pytest.mark.parametrize(
    ("stack", "why"),
    [
        ([layers.LSTM(3, 4, peepholes=True)], "layer 0, .* it has peepholes=True"),
        ([layers.LSTM(3, 4, activations=("sigmoid", "tanh", "softsign"))], "of which Keras' last two are one"),
        ([layers.Conv1D(3, 4, 2), layers.LastStep()], "layer 1, LastStep.*it must take what a recurrent layer"),
        ([layers.LastStep(), layers.Dense(3, 4)], r"layer 0, LastStep.* gives, but the input is below it"),
        ([layers.Dense(3, 4), layers.LastStep()], r"layer 1, LastStep.* gives, but Dense\(3, 4\) is below it"),
        (
            [layers.GRU(3, 4, bidirectional=True), layers.Dense(8, 4), layers.LastStep(bidirectional=True)],
            "layer 2, LastStep.*it must follow the bidirectional layer itself",
        ),
        ([layers.Conv1D(3, 4, 2, stride=2, dilation=2)], "a stride and a dilation"),
        ([layers.Dense(3, 3), layers.Activation("thresholded_relu(0.5)")], "it has the activation"),
        ([layers.Jordan(3, 4)], "it is a Jordan"),
        ([layers.Activation("tanh")], "takes any number of features"),
    ],
)
def test_a_network_that_keras_has_no_form_for_is_refused(stack, why):
    with pytest.raises(InteropError, match=why):
        to_model(Network(stack))


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"model must be a keras\.Model, but int was given"):
        from_model(1)
