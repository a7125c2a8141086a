"""`fit(optimizer_state=...)`: a state that is not this optimizer's, for these parameters, is refused before it is used.

Compiled updates write into its arrays.
"""

import numpy as np
import pytest

from rnnbp import Network, fit, layers, optimizers

X = np.ones((8, 3))
ADAM = optimizers.Adam(0.01)


def network(dtype="float32"):
    return Network([layers.Dense(3, 3)], dtype=dtype)


def train(optimizer, state, dtype="float32"):
    net = network(dtype)
    return fit(net, X, X, loss="mean_squared_error", optimizer=optimizer, optimizer_state=state, max_epochs=2)


def test_its_own_is_changed_in_place():
    state = ADAM.init(network().theta)
    train(ADAM, state)
    assert state["t"] == 2
    assert state["m"].any()


@pytest.mark.parametrize(
    ("optimizer", "state", "message"),
    [
        (ADAM, ADAM.init(np.zeros(3, np.float32)), r"must be float32 of shape \(12,\).*of shape \(3,\)"),
        (ADAM, ADAM.init(np.zeros(12)), r"must be float32 of shape \(12,\).*but float64"),
        (optimizers.SGD(0.1, momentum=0.9), ADAM.init(np.zeros(12, np.float32)), "the state must be what SGD"),
        (optimizers.RMSprop(0.1), ADAM.init(np.zeros(12, np.float32)), "the state must be what RMSprop"),
        (ADAM, {}, r"the state must be what Adam.*but \[\] was given"),
        (ADAM, [1, 2], "but list was given"),
        (ADAM, ADAM.init(np.zeros(12, np.float32)) | {"m": [0.0] * 12}, "but list of shape"),
    ],
)
def test_another_one_is_refused(optimizer, state, message):
    with pytest.raises(ValueError, match=message):
        train(optimizer, state)


@pytest.mark.parametrize(
    "optimizer",
    [
        *(optimizers.get(name) for name, cls in optimizers.OPTIMIZERS.items() if issubclass(cls, optimizers.Optimizer)),
        optimizers.SGD(optimizers.schedules.reduce_on_plateau(0.1)),
        optimizers.GradientNoise(optimizers.SGD(0.1)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_optimizer_goes_on_from_where_it_was(optimizer, dtype):
    once, twice = network(dtype), network(dtype)
    options = {"loss": "mean_squared_error", "optimizer": optimizer, "batch_size": 8, "shuffle": False}
    fit(once, X, X, max_epochs=4, **options)
    state = optimizer.init(twice.theta, decayed=twice.parameters.decayed)
    for _ in range(2):
        fit(twice, X, X, max_epochs=2, optimizer_state=state, **options)
    assert np.isfinite(twice.theta).all()
    if isinstance(getattr(optimizer, "learning_rate", 0.0), float):  # a schedule counts the epochs of each call
        np.testing.assert_array_equal(once.theta, twice.theta)


@pytest.mark.parametrize(
    ("optimizer", "remembered"),
    [
        (optimizers.SGD(), []),
        (optimizers.RMSprop(), ["v"]),
        (optimizers.RMSprop(centered=True), ["m", "v"]),
        (optimizers.RMSprop(momentum=0.9), ["v", "velocity"]),
    ],
    ids=repr,
)
def test_an_optimizer_remembers_no_more_of_parameters_than_it_needs(optimizer, remembered):
    state = optimizer.init(np.zeros(5))
    assert sorted(name for name, array in state.items() if array.shape == (5,)) == remembered
