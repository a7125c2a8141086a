"""Activation functions, against SciPy's numbers and finite differences."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
from conformance import error, numerical_gradient

from rnnbp import activations
from rnnbp.activations import ACTIVATIONS, family_of, named

# float32's exponentials overflow beyond 88, float64's beyond 709
POINTS = np.concatenate([np.linspace(-8, 8, 65), [-1e4, -700, -100, -30, -1e-8, 1e-8, 30, 100, 700, 1e4]])

EXPECTED = {
    "identity": lambda z: z,
    "sigmoid": scipy.special.expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, z / 100),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * scipy.stats.norm.cdf(z),
    "softplus": lambda z: -scipy.special.log_expit(-z),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "softmax": lambda z: scipy.special.softmax(z, axis=-1),
}

WITH_NUMBERS = {
    "affine(0.5, -1.5)": lambda z: 0.5 * z - 1.5,
    "leaky_relu(0.3)": lambda z: np.where(z > 0, z, 0.3 * z),
    "thresholded_relu(0.7)": lambda z: np.where(z > 0.7, z, 0),
    "elu(0.3)": lambda z: np.where(z > 0, z, 0.3 * np.expm1(np.minimum(z, 0))),
    "scaled_tanh(1.7, 0.6)": lambda z: 1.7 * np.tanh(0.6 * z),
    "hard_sigmoid(0.2, 0.5)": lambda z: np.clip(0.2 * z + 0.5, 0, 1),
}
EXPECTED |= WITH_NUMBERS
NAMES = [*ACTIVATIONS, *WITH_NUMBERS]

each_activation = pytest.mark.parametrize("activation", [*map(activations.get, NAMES)], ids=NAMES)


def test_every_activation_has_an_expected_value():
    assert EXPECTED.keys() == {*ACTIVATIONS, *WITH_NUMBERS}
    assert {name.partition("(")[0] for name in WITH_NUMBERS} == activations.FAMILIES.keys()


def test_a_scaled_tanh_of_height_0_has_no_pullback():
    with pytest.raises(ValueError, match="the first number of scaled_tanh must not be 0"):
        activations.get("scaled_tanh(0, 1)")
    assert activations.get("scaled_tanh(1, 2)").value(np.ones(1)) == pytest.approx(np.tanh(2))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("tanh", "gates must be 4 names of activations, but 'tanh' was given"),
        (4, "gates must be 4 names of activations, but 4 was given"),
        (["tanh"] * 3, "gates must be 4 names of activations, but "),
        (["tanh", "relu", "softmax", "elu"], "gates must be activations that map .* alone, but 'softmax' was given"),
    ],
)
def test_other_than_elementwise_activations_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        activations.elementwise("gates", names, 4)
    assert activations.elementwise("gates", ["tanh", "elu(0.5)"], 2) == ("tanh", "elu(0.5)")


@pytest.mark.parametrize("name", ["elu()", "elu(1, 2)", "elu(nan)", "hard_sigmoid(a, b)"])
def test_numbers_that_an_activation_has_not_are_refused(name):
    with pytest.raises(ValueError, match=r"must be named as \w+\(.*\) with finite numbers"):
        activations.get(name)


def test_a_function_that_has_a_plain_name_is_called_by_it():
    assert activations.named("elu", 1) == "elu"
    assert activations.named("elu", 0.5) == "elu(0.5)"


@each_activation
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-7), ("float64", 4e-16)])
def test_values_are_scipy_s(activation, dtype, tolerance):
    expected = EXPECTED[activation.name](POINTS)
    np.testing.assert_allclose(activation.value(POINTS.astype(dtype)), expected, rtol=4 * tolerance, atol=tolerance)


@each_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_kept(activation, dtype):
    z = POINTS.astype(dtype)
    y = activation.value(z)
    assert y.dtype == dtype
    assert activation.pullback(np.ones_like(z), z, y).dtype == dtype


@each_activation
def test_pullbacks_are_finite_for_inputs_of_any_size(activation):
    z = POINTS.astype("float32")
    assert np.isfinite(activation.pullback(np.ones_like(z), z, activation.value(z))).all()


@each_activation
def test_pullbacks_agree_with_finite_differences(activation):
    rng = np.random.default_rng(0)
    z, dy = 2 * rng.normal(size=(5, 7)), rng.normal(size=(5, 7))
    expected = numerical_gradient(lambda: float((activation.value(z) * dy).sum()), z)
    assert error(activation.pullback(dy, z, activation.value(z)), expected) < 1e-8


@each_activation
def test_elementwise_is_what_maps_each_element_alone(activation):
    z = np.random.default_rng(0).normal(size=(5, 7))
    alone = activation.value(z.reshape(35, 1)).reshape(5, 7)
    assert np.allclose(alone, activation.value(z)) == activation.elementwise


@each_activation
def test_what_does_not_matter_has_a_gradient_of_0(activation):
    z = POINTS.astype("float64")
    assert not activation.pullback(np.zeros_like(z), z, activation.value(z)).any()


@pytest.mark.parametrize(
    ("name", "kink", "value", "slope"),
    [
        ("relu", 0.0, 0.0, 0.0),
        ("leaky_relu", 0.0, 0.0, 0.01),
        ("leaky_relu(0.3)", 0.0, 0.0, 0.3),
        ("elu", 0.0, 0.0, 1.0),
        ("elu(0.3)", 0.0, 0.0, 0.3),
        ("thresholded_relu(0.5)", 0.5, 0.0, 0.0),
    ],
)
def test_a_kink_is_a_part_of_what_lies_left_of_it(name, kink, value, slope):
    activation, z = activations.get(name), np.full(1, kink)
    assert activation.value(z) == value
    assert activation.pullback(np.ones(1), z, activation.value(z)) == slope


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown activation 'reLU': .*'relu', 'leaky_relu'.*Did you mean 'relu'\?"):
        activations.get("reLU")


@pytest.mark.parametrize(
    ("name", "family", "numbers"),
    [
        ("elu(0.5)", "elu", (0.5,)), ("scaled_tanh(1.5, 0.7)", "scaled_tanh", (1.5, 0.7)),
        ("hard_sigmoid(0.2, 0.5)", "hard_sigmoid", (0.2, 0.5)), ("affine(2.0, -1.0)", "affine", (2.0, -1.0)),
        ("elu", "elu", (1.0,)), ("leaky_relu", "leaky_relu", (0.01,)),  # with the numbers that are meant
        ("tanh", "tanh", ()), ("relu", "relu", ()), ("identity", "identity", ()), ("softmax", "softmax", ()),
    ],
)  # fmt: skip
def test_a_function_s_family_and_numbers_make_its_name_again(name, family, numbers):
    assert family_of(name) == (family, numbers)
    assert (named(family, *numbers) if numbers else family) == name


def test_rows_are_standardised_along_the_last_axis_whatever_lies_before_it():
    x, du = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    u, scale = activations.standardize(x)
    np.testing.assert_allclose(u, (x - x.mean(-1)[..., None]) / np.sqrt(x.var(-1)[..., None] + 1e-5), rtol=1e-12)
    found = activations.standardize_pullback(du, u, scale)
    for i in range(3):
        np.testing.assert_allclose(found[i], activations.standardize_pullback(du[i], u[i], scale[i]), rtol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_pullback_of_standardisation_is_that_of_finite_differences(width):
    rng = np.random.default_rng(width)
    x, du = rng.normal(size=(3, width)), rng.normal(size=(3, width))
    u, scale = activations.standardize(x, epsilon=0.1)
    found = activations.standardize_pullback(du, u, scale)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        up, down = (np.sum(du * activations.standardize(x + sign * step, epsilon=0.1)[0]) for sign in (1, -1))
        assert found[index] == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-8)
