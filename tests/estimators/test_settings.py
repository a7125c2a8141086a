"""The settings of estimators: documented and checked as they are declared, and explicit to whoever looks."""

import inspect
import re
import warnings

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags

from rnnbp import (
    CTCTranscriber,
    MLPClassifier,
    MLPRegressor,
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
    RNNTagger,
    VotingTranscriber,
    optimizers,
)
from rnnbp.estimators.declaring import check
from rnnbp.gradients import BPTT

STATIC, RECURRENT = (MLPClassifier, MLPRegressor), (RNNClassifier, RNNRegressor, RNNTagger, RNNForecaster)
ESTIMATORS = (*STATIC, *RECURRENT)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), np.arange(40) % 2


def section(kind, name):
    """Return the entries of a section of a class's docstring: their names, and what follows."""
    text = re.search(rf"^{name}\n-+\n(.*?)(?=^[A-Z][A-Za-z ]+\n-+\n|\Z)", kind.__doc__, re.DOTALL | re.MULTILINE)[1]
    return [(head[1].split(", "), head[2]) for head in re.finditer(r"^(\w[\w, ]*) : (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("kind", [*ESTIMATORS, CTCTranscriber])
def test_an_estimator_is_compared_hashed_and_shown_as_those_of_scikit_learn_are(kind):
    own = [base for base in kind.__mro__ if base.__module__.startswith("rnnbp")]
    assert [base for base in own if {"__eq__", "__hash__", "__repr__"} & vars(base).keys()] == []


@pytest.mark.parametrize("kind", [*ESTIMATORS, CTCTranscriber])
def test_settings_but_for_the_first_are_given_by_name(kind):
    parameters = inspect.signature(kind).parameters.values()
    first = [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY]
    expected = ["hidden_layer_sizes", "activation" if kind in STATIC else "cell"]
    assert first == (["sample_rate"] if kind is CTCTranscriber else expected)


# -- what is seen of them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_each_argument_is_documented_with_its_default_in_the_order_of_the_signature(kind):
    parameters = inspect.signature(kind).parameters
    entries = section(kind, "Parameters")
    assert [names for names, _ in entries] == [[name] for name in parameters]
    for (name,), said in entries:
        assert eval(said.split("default=")[1], {"inf": np.inf}) == parameters[name].default


GATED = {
    "cell": "gru", "gradient": "bptt", "hidden_layer_sizes": (64,), "learning_rate_init": 0.003, "clip_norm": 1.0,
    "recurrent_dropout": 0.0, "bidirectional": False,
}  # fmt: skip
OWN = {
    "callbacks": (), "dropout": 0.0, "class_weight": None, "pooling": "last", "difference": "auto", "horizon": 1,
    "window": 50, "convolution": None, "lower": None, "upper": None, "lags": "auto",
}  # fmt: skip
FORECASTER = {
    "hidden_layer_sizes": (32,), "learning_rate_init": 0.01, "tol": 1e-6, "early_stopping": "auto",
    "validation_fraction": 0.2,
}  # fmt: skip
TRANSCRIBER = {
    "sample_rate": None, "alphabet": None, "n_mels": 40, "hop_length": 0.01, "hidden_layer_sizes": (128, 128),
    "bidirectional": True, "stride": 3, "width": 7, "dropout": 0.2, "speeds": (0.9, 1.1), "noise": 0.1, "n_masks": 1,
    "consistency": 0.0, "learning_rate_init": 0.003, "warm_up": 100, "batch_size": 16, "max_iter": 40,
    "short_first": True, "averaging": 5,
    "early_stopping": False, "validation_fraction": 0.1, "n_iter_no_change": 10, "callbacks": (), "progress": None,
    "random_state": None, "language_model": None, "lexicon": False, "beam_width": 60, "language_model_weight": 0.8,
    "insertion_bonus": 2.0,
}  # fmt: skip


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_defaults_are_scikit_learn_s_or_those_of_the_table(kind):
    theirs = sklearn.neural_network.MLPRegressor().get_params()
    expected = theirs | OWN | (GATED if kind in RECURRENT else {}) | (FORECASTER if kind is RNNForecaster else {})
    found = kind().get_params()
    assert found == {name: expected[name] for name in found}


def test_a_transcriber_s_defaults_are_those_of_the_table():
    assert CTCTranscriber().get_params() == TRANSCRIBER


@pytest.mark.parametrize("kind", [*ESTIMATORS, CTCTranscriber])
def test_an_estimator_equals_itself_alone(kind):
    """As scikit-learn's do; so it can be a key."""
    first, second = kind(), kind()
    assert first != second
    assert len({first, second, first}) == 2


@pytest.mark.parametrize(
    "estimator", [*(kind() for kind in ESTIMATORS[:5]), CTCTranscriber(), VotingTranscriber(CTCTranscriber())], ids=repr
)
def test_groups_are_asked_for_where_metadata_are_routed(estimator):
    assert estimator.get_metadata_routing().fit.requests["groups"] is True


def test_tags_say_what_is_taken():
    static, sequences, steps, numbers = map(get_tags, (MLPClassifier(), RNNClassifier(), RNNTagger(), RNNRegressor()))
    assert static.classifier_tags.multi_label
    assert not steps.classifier_tags.multi_label
    assert numbers.target_tags.multi_output
    assert static.input_tags.sparse
    assert not sequences.input_tags.sparse
    assert sequences.input_tags.three_d_array
    sound = get_tags(CTCTranscriber())
    assert sound.input_tags.string
    assert not sound.input_tags.two_d_array
    assert sound.target_tags.required
    assert sound.no_validation


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_signatures_are_explicit(kind):
    for function in (kind.__init__, kind.fit):
        assert not {p.kind for p in inspect.signature(function).parameters.values()} & {
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        }
    assert sorted(kind().get_params()) == sorted(inspect.signature(kind).parameters)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_what_is_fitted_is_documented(kind):
    series = {"window": 4} if kind is RNNForecaster else {}
    fast = {"gradient": BPTT(compiled=False)} if kind in RECURRENT else {}
    with warnings.catch_warnings(action="ignore"):
        fitted = kind(3, max_iter=1, **series, **fast).fit(X.T if kind is RNNForecaster else X, Y)
    found = {name for name in vars(fitted) if name.endswith("_") and name[0] != "_"}
    documented = {name for names, _ in section(kind, "Attributes") for name in names}
    assert documented - found == ({"feature_names_in_", "coefs_", "intercepts_", "n_layers_"} & documented)
    assert not found - documented


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_no_placeholder_is_left_in_a_docstring(kind):
    for name in ("__init__", "fit", "partial_fit", "predict", "score", "save", "load"):
        assert "$" not in (getattr(kind(), name).__doc__ or "")
    assert "$" not in kind.__doc__


def test_the_docstring_of_fit_is_about_the_class_s_own_data():
    assert "sparse matrix" in MLPClassifier.fit.__doc__
    assert "list of arrays of shape (T_i, F)" in RNNTagger.fit.__doc__
    assert "A label for each step." in RNNTagger.fit.__doc__
    assert "several yes-or-no labels" in RNNClassifier.fit.__doc__


def test_two_arguments_go_by_position_in_all_estimators():
    for kind in ESTIMATORS:
        parameters = list(inspect.signature(kind).parameters.values())
        by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert by_position == ["hidden_layer_sizes", "activation" if kind in STATIC else "cell"]


def test_a_loss_by_position_is_an_error_that_names_what_it_was_taken_for():
    with pytest.raises(ValueError, match=r"hidden_layer_sizes must be > 0, got \['poisson'\]: a whole number"):
        MLPRegressor("poisson").fit(X, Y)


# -- checks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"batch_size": "all"},
            ValueError,
            r"batch_size must be a whole number .* but 'all' was given; \"auto\" is poss",
        ),
        ({"random_state": "0"}, ValueError, "random_state must be int, RandomState or None, but '0' was given"),
        ({"random_state": -1}, ValueError, "but -1 was given; whole numbers go from 0 to"),
        ({"random_state": 2**32}, ValueError, "but 4294967296 was given; whole numbers go from 0 to"),
        ({"class_weight": "even"}, ValueError, "class_weight must be mapping .*, but 'even' was given"),
        (
            {"callbacks": print},
            TypeError,
            "callbacks must be a list of functions, but <built-in function print>",
        ),
        ({"callbacks": [1]}, TypeError, "a callback must be a function of network and history, but 1 was given"),
        ({"verbose": "no"}, ValueError, "verbose must be bool or int, but 'no' was given"),
    ],
)
def test_a_setting_is_refused_before_data_are_read(settings, error, message):
    with pytest.raises(error, match=message):
        MLPClassifier(**settings).fit("no data", None)


@pytest.mark.parametrize("kind", [*ESTIMATORS, CTCTranscriber])
@pytest.mark.parametrize("given", ["x" * 3000, ["x" * 3000], 10**3000, {"x" * 3000: 1}], ids=type)
def test_what_would_fill_the_screen_is_cut_in_errors(kind, given):
    lengths = {}
    for name in inspect.signature(kind).parameters:
        try:
            check(kind(**{name: given}))
        except (TypeError, ValueError) as error:
            lengths[name] = len(str(error))
    assert len(lengths) > 10
    assert max(lengths.values()) < 1000


@pytest.mark.parametrize(
    "estimator",
    [MLPClassifier(random_state=0), MLPClassifier(random_state=2**32 - 1), CTCTranscriber(alphabet="a")],
    ids=["first seed", "last seed", "one character"],
)
def test_settings_at_their_limits_are_taken(estimator):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("kind", "n", "those"), [(MLPClassifier, 200, "Samples"), (RNNClassifier, 32, "Sequences")])
def test_a_minibatch_has_as_many_as_is_documented(kind, n, those):
    x, y = np.random.default_rng(0).normal(size=(n + 1, 3)), np.arange(n + 1) % 2
    settings = {"max_iter": 1, "random_state": 0} | ({"gradient": BPTT(compiled=False)} if kind in RECURRENT else {})
    auto, given = (kind(3, batch_size=size, **settings).fit(x, y) for size in ("auto", n))
    np.testing.assert_array_equal(auto.network_.theta, given.network_.theta)
    assert f'{those} a minibatch; "auto" is {n}, or all' in kind.__doc__


def test_validation_data_are_given_together():
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        MLPClassifier().fit(X, Y, y_val=Y)


# -- solvers -----------------------------------------------------------------------------------------------------------

OF_THE_SOLVER = {
    "learning_rate": "adaptive",
    "learning_rate_init": 0.5,
    "power_t": 0.1,
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "beta_1": 0.5,
    "beta_2": 0.5,
    "epsilon": 0.1,
    "max_fun": 7,
    "clip_norm": None,
}


@pytest.mark.parametrize("name", OF_THE_SOLVER)
@pytest.mark.parametrize("solver", [optimizers.RMSprop(), optimizers.LBFGS()], ids=["minibatches", "full batch"])
def test_a_setting_of_the_solver_beside_an_optimizer_is_an_error(name, solver):
    classifier = RNNClassifier(solver=solver, **{name: OF_THE_SOLVER[name]})
    with pytest.raises(
        ValueError, match=f"{name} must be left out beside an optimizer.* {name}=.* and solver=.* given"
    ):
        classifier.fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_settings_go_with_an_optimizer():
    solver = optimizers.RMSprop(0.01)
    MLPClassifier(3, solver=solver, batch_size=7, alpha=0.1, max_iter=2, tol=0.1, shuffle=False).fit(X, Y)


def warning_of(estimator, y):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y)
    (warning,) = [each for each in caught if "no better than a constant" not in str(each.message)]
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__  # where `fit` was called
    return str(warning.message)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        ("lbfgs", "lbfgs failed to converge after 1 iteration(s)"),
        (optimizers.LBFGS(), "LBFGS failed to converge after 1 iteration(s)"),
        (optimizers.LevenbergMarquardt(), "LevenbergMarquardt failed to converge after 1 iteration(s)"),
        ("adam", "Stochastic Optimizer: Maximum iterations (1) reached"),
    ],
    ids=["lbfgs", "LBFGS", "LevenbergMarquardt", "adam"],
)
def test_a_warning_names_the_solver_that_has_not_converged(solver, message):
    assert warning_of(MLPRegressor(3, solver=solver, max_iter=1, random_state=0), X[:, 0] ** 2).startswith(message)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_subclass_may_have_settings_of_its_own():
    class Padded(MLPClassifier):
        def __init__(self, padding=1, hidden_layer_sizes=(3,)):
            super().__init__(hidden_layer_sizes, max_iter=1)
            self.padding = padding

    padded = clone(Padded(padding=2))
    assert padded.get_params() == {"padding": 2, "hidden_layer_sizes": (3,)}
    assert padded.fit(X, Y).network_.layers[0].n_outputs == 3
