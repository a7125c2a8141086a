"""The optimizers that settings describe, and their rates, against scikit-learn's own."""

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from rnnbp import MLPClassifier, MLPRegressor, optimizers
from rnnbp.estimators.solvers import adaptive, invscaling, make_optimizer, solver_is_stochastic, solver_name


@pytest.mark.parametrize(("power_t", "seen"), [(0.5, 0), (0.7, 300)])
def test_an_inverse_scaling_rate_is_scikit_learn_s_which_counts_examples_by_epochs(power_t, seen):
    theirs = SGDOptimizer([np.zeros(1)], 0.2, "invscaling", power_t=power_t)
    ours = invscaling(0.2, power_t, 100, seen)
    for epoch in range(4):
        if epoch:
            theirs.iteration_ends(seen + epoch * 100)
        elif seen:
            theirs.iteration_ends(seen)
        for within in (0.0, 0.99):
            assert ours(epoch + within) == pytest.approx(theirs.learning_rate, rel=1e-12)


def test_an_adaptive_rate_is_reduced_as_scikit_learn_s_until_it_is_not_worth_it():
    theirs, ours = SGDOptimizer([np.zeros(1)], 0.1, "adaptive"), adaptive(0.1)
    state = ours.init()
    assert ours(3.0) == ours(3.0, state) == 0.1
    for _ in range(20):
        ends = theirs.trigger_stopping("", verbose=False)
        assert adaptive.reduce(state) == (not ends)
        assert ours(0.0, state) == pytest.approx(theirs.learning_rate, rel=1e-12)
        if ends:
            break
    assert ends
    assert not adaptive.reduce({"schedule.rate": np.array(1e-6)})
    assert adaptive.reduce({"schedule.rate": np.array(1.01e-6)})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, optimizers.Adam(0.001)),
        (
            {"learning_rate_init": 0.02, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3},
            optimizers.Adam(0.02, beta_1=0.8, beta_2=0.9, epsilon=1e-3),
        ),
        ({"solver": "sgd"}, optimizers.SGD(0.001, momentum=0.9, nesterov=True)),
        ({"solver": "sgd", "nesterovs_momentum": False}, optimizers.SGD(0.001, momentum=0.9)),
        ({"solver": "sgd", "momentum": 0.0}, optimizers.SGD(0.001)),
        (
            {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
            optimizers.SGD(invscaling(0.001, 0.3, 50, 7), momentum=0.9, nesterov=True),
        ),
        (
            {"solver": "sgd", "learning_rate": "adaptive"},
            optimizers.SGD(adaptive(0.001), momentum=0.9, nesterov=True),
        ),
        (
            {"solver": "lbfgs", "tol": 1e-3, "max_fun": 99},
            optimizers.LBFGS(gradient_tolerance=1e-3, max_evaluations=99),
        ),
        ({"solver": optimizers.RMSprop(0.3)}, optimizers.RMSprop(0.3)),
    ],
)
def test_settings_make_the_optimizer_that_they_describe(settings, expected):
    assert make_optimizer(MLPRegressor(**settings), 50, 7).settings() == expected.settings()
    assert type(make_optimizer(MLPRegressor(**settings), 50, 7)) is type(expected)


@pytest.mark.parametrize(
    ("solver", "name", "stochastic"),
    [
        ("adam", "adam", True),
        ("sgd", "sgd", True),
        ("lbfgs", "lbfgs", False),
        (optimizers.RMSprop(), "RMSprop", True),
        (optimizers.LBFGS(), "LBFGS", False),
    ],
)
def test_solvers_of_whole_batches_have_no_partial_fit(solver, name, stochastic):
    model = MLPClassifier(solver=solver)
    assert solver_name(model) == name
    assert hasattr(model, "partial_fit") == stochastic
    if not stochastic:
        with pytest.raises(AttributeError, match="partial_fit needs a solver that takes minibatches"):
            solver_is_stochastic(model)
