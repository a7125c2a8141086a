"""Settings that make no sense are refused when the optimizer is made, in the words of who gave them."""

import numpy as np
import pytest

from rnnbp import optimizers
from rnnbp.optimizers import schedules

NAN = float("nan")


@pytest.mark.parametrize(
    "name", [n for n, kind in optimizers.OPTIMIZERS.items() if issubclass(kind, optimizers.Optimizer)]
)
@pytest.mark.parametrize("rate", [0, -0.1, NAN, np.inf, True, "0.1", None, np.array([0.1])])
def test_a_learning_rate_must_be_a_positive_number(name, rate):
    with pytest.raises(ValueError, match=r"learning_rate must be a number in \(0, inf\), but"):
        optimizers.get(name, learning_rate=rate)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sgd", {"momentum": 1.0}, r"momentum must be a number in \[0, 1\), but 1.0 was given"),
        ("sgd", {"momentum": -0.1}, "momentum must be"),
        ("sgd", {"momentum": NAN}, "momentum must be"),
        ("sgd", {"momentum": "0.9"}, "momentum must be"),
        ("sgd", {"nesterov": True}, "nesterov=True needs a momentum above 0"),
        ("sgd", {"nesterov": "yes", "momentum": 0.9}, "nesterov must be True or False"),
        ("sgd", {"clip_norm": 0}, r"clip_norm must be a number in \(0, inf\), but 0 was given"),
        ("sgd", {"clip_value": -1}, "clip_value must be"),
        ("rmsprop", {"rho": 1}, "rho must be"),
        ("rmsprop", {"momentum": 2}, "momentum must be"),
        ("rmsprop", {"epsilon": 0}, "epsilon must be"),
        ("rmsprop", {"centered": 1}, "centered must be True or False, but 1 was given"),
        ("adam", {"beta_1": 1.0}, "beta_1 must be"),
        ("adam", {"beta_2": -0.5}, "beta_2 must be"),
        ("adam", {"epsilon": -1e-8}, "epsilon must be"),
        ("adamw", {"weight_decay": -0.1}, r"weight_decay must be a number in \[0, inf\), but -0.1 was given"),
        ("rprop", {"increase": 1.0}, "increase must be"),
        ("rprop", {"decrease": 1.0}, "decrease must be"),
        ("rprop", {"min_step": 0.1}, "learning_rate 0.01 must be between min_step 0.1 and max_step"),
        ("rprop", {"learning_rate": schedules.constant(0.1)}, "learning_rate must be a number"),
        ("lbfgs", {"memory": 0}, "memory must be a whole number of at least 1, but 0"),
        ("lbfgs", {"memory": 2.5}, "memory must be a whole number"),
        ("lbfgs", {"gradient_tolerance": -1}, "gradient_tolerance must be"),
        ("lbfgs", {"max_line_search": True}, "max_line_search must be"),
        ("levenberg_marquardt", {"damping": 0}, "damping must be"),
        ("levenberg_marquardt", {"gradient_tolerance": -1}, "gradient_tolerance must be"),
        ("levenberg_marquardt", {"loss_tolerance": NAN}, "loss_tolerance must be"),
        ("levenberg_marquardt", {"step_tolerance": 0}, "step_tolerance must be"),
        ("levenberg_marquardt", {"memory_limit": 0}, "memory_limit must be"),
    ],
)
def test_a_setting_outside_its_range_is_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        optimizers.get(name, **settings)


def test_a_setting_may_be_any_real_number_type():
    assert type(optimizers.Adam(np.float32(0.5)).learning_rate) is float
    assert optimizers.Adam(1).learning_rate == 1.0


def test_an_unknown_name_is_answered_with_the_known_ones():
    message = r"unknown optimizer 'adm': the known ones are 'sgd', 'rmsprop'.* Did you mean 'adam'"
    with pytest.raises(ValueError, match=message):
        optimizers.get("adm")


def test_an_optimizer_is_returned_as_it_is():
    optimizer = optimizers.Adam(0.1)
    assert optimizers.get(optimizer) is optimizer


def test_settings_of_a_ready_optimizer_cannot_be_given_again():
    with pytest.raises(TypeError, match="has its settings already, but learning_rate"):
        optimizers.get(optimizers.Adam(), learning_rate=0.1)


@pytest.mark.parametrize("wrong", [None, 3, optimizers.Adam])
def test_what_is_neither_a_name_nor_an_optimizer_is_refused(wrong):
    with pytest.raises(TypeError, match="a name or an instance such as Adam"):
        optimizers.get(wrong)


@pytest.mark.parametrize("theta", [[1.0, 2.0], np.ones(3, int), np.ones((2, 2))])
def test_theta_must_be_a_float_vector(theta):
    with pytest.raises(ValueError, match="theta must be a vector of float32 or float64"):
        optimizers.Adam().init(theta)


def test_a_gradient_of_another_shape_is_refused():
    theta = np.ones(3)
    with pytest.raises(ValueError, match=r"gradient has shape \(1,\), theta \(3,\)"):
        optimizers.SGD().update(theta, np.ones(1), {})


def test_the_decay_mask_must_fit_theta():
    with pytest.raises(ValueError, match=r"decayed must be a boolean mask of theta's shape \(3,\)"):
        optimizers.AdamW().init(np.ones(3), decayed=np.ones(2, bool))


def test_a_vector_with_gaps_is_refused_and_a_gradient_with_gaps_is_not():
    optimizer = optimizers.Adam(0.1)
    with pytest.raises(ValueError, match="must follow each other in memory"):
        optimizer.init(np.zeros(8)[::2])
    dense, spread = np.zeros(4), np.zeros(4)
    gradient = np.arange(8.0)
    optimizer.update(dense, gradient[::2].copy(), optimizer.init(dense))
    optimizer.update(spread, gradient[::2], optimizer.init(spread))
    np.testing.assert_array_equal(spread, dense)
