"""Initializers: the distributions that their papers give."""

import numpy as np
import pytest
import scipy.stats

from rnnbp import initializers
from rnnbp.initializers import Chrono, ForgetGate, Glorot, He, Identity, Initializer, Ones, Orthogonal, Zeros

LSTM, GRU = ("i", "f", "g", "o"), ("r", "z", "n")
WEIGHTS = (Glorot(), He(), Orthogonal(), Identity())
BIASES = (Zeros(), Ones(), ForgetGate(), Chrono(10))


def draw(initializer, shape, blocks=("",), seed=0):
    return initializer(shape, np.random.default_rng(seed), blocks)


def test_every_initializer_is_tested():
    public = {vars(initializers)[name] for name in initializers.__all__} - {Initializer, initializers.get}
    assert public == {type(initializer) for initializer in WEIGHTS + BIASES}


@pytest.mark.parametrize("initializer", WEIGHTS, ids=repr)
def test_weights_are_drawn_block_by_block(initializer):
    joined = draw(initializer, (5, 12), LSTM)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(joined, np.hstack([initializer((5, 3), rng, ("",)) for _ in LSTM]))


@pytest.mark.parametrize("initializer", [*WEIGHTS, *BIASES], ids=repr)
def test_the_seed_decides(initializer):
    shape = (6, 8) if initializer in WEIGHTS else (8,)
    np.testing.assert_array_equal(draw(initializer, shape, LSTM), draw(initializer, shape, LSTM))


def test_glorot_is_uniform_within_its_limit():
    values = draw(Glorot(), (300, 100)).ravel()
    limit = np.sqrt(6 / 400)
    assert scipy.stats.kstest(values, scipy.stats.uniform(-limit, 2 * limit).cdf).pvalue > 0.01


def test_he_is_normal_with_variance_two_by_fan_in():
    values = draw(He(), (300, 100)).ravel()
    assert scipy.stats.kstest(values, scipy.stats.norm(0, np.sqrt(2 / 300)).cdf).pvalue > 0.01


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 4)])
def test_orthogonal_has_orthonormal_columns_or_rows(shape):
    q = draw(Orthogonal(), shape)
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-14)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    signs = [np.sign(draw(Orthogonal(), (1, 1), seed=seed)).item() for seed in range(200)]
    assert abs(np.mean(signs)) < 0.25  # QR by itself gives one sign always


def test_identity_is_scaled():
    np.testing.assert_array_equal(draw(Identity(0.5), (3, 3)), 0.5 * np.eye(3))


def test_zeros_and_ones():
    assert not draw(Zeros(), (3, 2)).any()
    assert (draw(Ones(), (3,)) == 1).all()


@pytest.mark.parametrize(("blocks", "expected"), [(LSTM, [0, 0, 5, 5, 0, 0, 0, 0]), (("",), [0] * 8)])
def test_the_forget_gate_is_opened(blocks, expected):
    np.testing.assert_array_equal(draw(ForgetGate(5.0), (8,), blocks), expected)


def test_the_forget_gate_of_a_gru_is_its_update_gate():
    np.testing.assert_array_equal(draw(ForgetGate(), (6,), GRU), [0, 0, 1, 1, 0, 0])


def test_chrono_spreads_the_time_constants_evenly():
    i, f, g, o = np.split(draw(Chrono(10), (40000,), LSTM), 4)
    assert scipy.stats.kstest(np.exp(f), scipy.stats.uniform(1, 8).cdf).pvalue > 0.01
    np.testing.assert_array_equal(i, -f)
    assert not g.any()
    assert not o.any()


def test_chrono_of_a_gru_has_no_input_gate():
    r, z, n = np.split(draw(Chrono(100), (30,), GRU), 3)
    assert (z >= 0).all()
    assert z.any()
    assert not r.any()
    assert not n.any()


@pytest.mark.parametrize("name", ["glorot", "he", "orthogonal", "identity", "zeros", "ones", "forget_gate"])
def test_names_stand_for_initializers(name):
    assert type(initializers.get(name)).__name__.lower() == name.replace("_", "")


def test_an_initializer_stands_for_itself():
    given = Identity(0.5)
    assert initializers.get(given) is given


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.get("xavier"), "unknown initializer 'xavier': the known ones are 'glorot', 'he'"),
        (lambda: initializers.get(0.1), "unknown initializer 0.1"),
        (lambda: Chrono(2), r"longest must be a whole number of at least 3, but 2 was given"),
        (lambda: draw(Chrono(10), (4,), ("h",)), r"a cell with a forget gate \(LSTM, GRU\), but the gates here are"),
        (
            lambda: draw(Glorot(), (4,)),
            r"Glorot\(\) is for matrices of weights, and cannot draw biases of shape \(4,\)",
        ),
    ],
)
def test_a_wrong_initializer_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
