"""Parts of pipelines as plain data: which transformers are known, how one is described, and made again.

A part is written as one of::

    {"transformer": class, "settings": {...}, "fitted": {...}, "version": scikit-learn's}
    {"estimator": {"class": class, "settings": {...}, "fitted": {...}}}    see `rnnbp.estimators.files`

Settings and what is fitted are values of `rnnbp.estimators.plain_values`, which may hold parts in turn: the steps of a
`Pipeline` are such a setting. An estimator stands at the end only, as a file has one network; around it may be a
`TransformedTargetRegressor`, whose own unfitted regressor is not written, as it is the fitted one's clone.

A file names no modules: a transformer is one of those in `TRANSFORMERS`, whose state is plain data, and an estimator
one of ours, or a class that derives from one and has been imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import import_module
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from rnnbp import estimators
from rnnbp.configuration import lookup, shown
from rnnbp.estimators.files import PART, PARTS, Saved
from rnnbp.estimators.plain_values import read, written
from rnnbp.networks.network import Network
from rnnbp.warning import warn

__all__ = ["OURS", "TRANSFORMERS", "Opened", "described", "find_estimator", "made", "opened"]

OURS = {
    "AudioFeatures": "rnnbp.audio",
    "PadOrTruncate": "rnnbp.preprocessing",
    "PerFrame": "rnnbp.preprocessing",
    "SequenceScaler": "rnnbp.preprocessing",
    "SequenceUnion": "rnnbp.preprocessing",
    "SlidingWindow": "rnnbp.preprocessing",
}
THEIRS = {
    "ColumnTransformer": "sklearn.compose",
    "FactorAnalysis": "sklearn.decomposition",
    "FastICA": "sklearn.decomposition",
    "FeatureUnion": "sklearn.pipeline",
    "FunctionTransformer": "sklearn.preprocessing",
    "IncrementalPCA": "sklearn.decomposition",
    "MaxAbsScaler": "sklearn.preprocessing",
    "MinMaxScaler": "sklearn.preprocessing",
    "MissingIndicator": "sklearn.impute",
    "Normalizer": "sklearn.preprocessing",
    "PCA": "sklearn.decomposition",
    "Pipeline": "sklearn.pipeline",
    "PowerTransformer": "sklearn.preprocessing",
    "QuantileTransformer": "sklearn.preprocessing",
    "RobustScaler": "sklearn.preprocessing",
    "SimpleImputer": "sklearn.impute",
    "StandardScaler": "sklearn.preprocessing",
    "TransformedTargetRegressor": "sklearn.compose",
    "TruncatedSVD": "sklearn.decomposition",
    "VarianceThreshold": "sklearn.feature_selection",
}
#: The transformers that a file can hold, and where they come from.
TRANSFORMERS = OURS | THEIRS
#: Those that hold others, and in which attributes, as lists of (name, part) or (name, part, columns).
HOLDERS: Mapping[str, tuple[str, ...]] = {
    "Pipeline": ("steps",),
    "FeatureUnion": ("transformer_list",),
    "SequenceUnion": ("transformer_list",),
    "ColumnTransformer": ("transformers", "transformers_"),
}
NOT_KEPT = ("memory", "n_jobs", "progress", "random_state")  # settings of a machine or a run, and not of a model


LEARNT = ("classes_", "alphabet_", "n_features_in_", "feature_names_in_", "n_iter_", "loss_", "held_out_score_")


class Opened(NamedTuple):
    """What a model is made of.

    Attributes
    ----------
    before : list of transformer
        Through which its input goes, one after the other.
    end : Network, estimator or transformer
        What is at the end.
    targets : list of transformer
        Through whose inverses its output goes, one after the other.
    """

    before: list[Any]
    end: Any
    targets: list[Any]

    @property
    def first(self) -> Any:
        """What takes the input."""
        return self.before[0] if self.before else self.end

    @property
    def learnt(self) -> dict[str, Any]:
        """What one wants to know of a fitted model, by attribute; what takes the input may know more of it."""
        found = {name: getattr(self.end, name, getattr(self.first, name, None)) for name in LEARNT}
        return {name: value for name, value in found.items() if value is not None}


def opened(model: Any) -> Opened:
    """Take a model apart.

    Parameters
    ----------
    model : Network, estimator, transformer, Pipeline or TransformedTargetRegressor

    Returns
    -------
    Opened
    """
    before, targets = list[Any](), list[Any]()
    while True:
        if isinstance(model, Pipeline) and model.steps:
            steps = [step for _, step in model.steps]
            before += [step for step in steps[:-1] if step not in (None, "passthrough")]
            model = steps[-1]
        elif isinstance(model, TransformedTargetRegressor) and hasattr(model, "regressor_"):
            targets.insert(0, model.transformer_)
            model = model.regressor_
        else:
            return Opened(before, model, targets)


# -- writing -----------------------------------------------------------------------------------------------------------


def described(part: Any, end: Any = None, *, fitted: bool = True) -> dict[str, Any]:
    """Return a part as JSON can hold it.

    Parameters
    ----------
    part : transformer, Pipeline or estimator
    end : estimator or None, default=None
        The only estimator that may be in it.
    fitted : bool, default=True
        Whether it must be fitted, as all are but those that another one clones before it fits them.

    Raises
    ------
    TypeError, ValueError, NotFittedError
        See `rnnbp.save`.
    """
    if isinstance(part, Saved) and part is end:
        check_is_fitted(part)
        return {"estimator": part._described()}
    name = type(part).__name__
    if name not in TRANSFORMERS or type(part) is not _class(name):
        raise TypeError(_refusal(part))
    holds_fitted = isinstance(part, (Pipeline, FeatureUnion))
    if fitted and not holds_fitted and part.__sklearn_tags__().requires_fit:
        check_is_fitted(part)

    def describe(item: Any) -> Any:
        return described(item, end, fitted=fitted and holds_fitted) if isinstance(item, BaseEstimator) else None

    def all_written(values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: written(value, f"{name}'s {key}", describe) for key, value in values.items()}

    settings = part.get_params(deep=False)
    learnt = {key: value for key, value in vars(part).items() if key not in settings}
    if isinstance(part, TransformedTargetRegressor):
        del settings["regressor"]
    return {
        "transformer": name,
        "settings": all_written({key: value for key, value in settings.items() if key not in NOT_KEPT}),
        "fitted": all_written(learnt),
        "version": sklearn.__version__,
    }


def _refusal(part: Any) -> str:
    """Say why something is no part that a file can hold."""
    if isinstance(part, Saved):
        return f"{shown(part)} cannot be saved before the end of a pipeline"
    for base in type(part).__mro__[1:]:
        if (name := base.__name__) in TRANSFORMERS and base is _class(name):
            return (
                f"{shown(part)} cannot be saved in a model file: {type(part).__name__} derives from {name}, and would "
                f"come back as a plain {name}. Use that class itself"
            )
    return (
        f"{shown(part)} cannot be saved in a model file: what can are networks, rnnbp's estimators, and the "
        f"transformers {', '.join(TRANSFORMERS)}. skops.io saves other estimators of scikit-learn"
    )


def _class(name: str) -> type[Any]:
    cls: type[Any] = getattr(import_module(TRANSFORMERS[name]), name)
    return cls


# -- reading -----------------------------------------------------------------------------------------------------------


def made(description: Any, network: Network | None = None) -> Any:
    """Return the part that `described` was given.

    Parameters
    ----------
    description
        As JSON holds it, from anywhere.
    network : Network or None, default=None
        That of the estimator at the end.

    Raises
    ------
    TypeError, ValueError
        If it describes none.

    Warns
    -----
    InconsistentVersionWarning
        If a transformer of another version of scikit-learn is in it.
    """
    keys = description.keys() if isinstance(description, dict) else None
    if keys == {"estimator"} and isinstance(estimator := description["estimator"], dict):
        if network is None:
            raise ValueError("there is an estimator where no network is")
        return find_estimator(estimator.get("class"))._made(estimator, network)
    if keys == PARTS[PART]:
        return _transformer(**description, network=network)
    raise ValueError(f"{shown(description)} describes no part")


def find_estimator(name: Any) -> type[Saved]:
    """Return an estimator's class by its name: one of rnnbp's, or one that derives from them and has been imported.

    Raises
    ------
    ValueError
        If there is none.
    """
    public: list[type[Any]] = [getattr(estimators, each) for each in estimators.__all__]
    ours: list[type[Saved]] = [cls for cls in public if issubclass(cls, Saved)]
    theirs = {cls.__name__: cls for base in ours for cls in _subclasses(base)}
    try:
        return lookup(theirs | {cls.__name__: cls for cls in ours}, name, "estimator")
    except ValueError as error:
        raise ValueError(f"{error} If it is a class of your own, import the module that defines it first") from None


def _subclasses(base: type[Saved]) -> Iterator[type[Saved]]:
    for cls in base.__subclasses__():
        yield cls
        yield from _subclasses(cls)


def _transformer(
    transformer: Any, settings: Any, fitted: Any, version: Any, *, network: Network | None
) -> BaseEstimator:
    cls = _class(lookup({name: name for name in TRANSFORMERS}, transformer, "transformer"))
    if not isinstance(settings, dict) or not isinstance(fitted, dict) or not _is_version(version):
        raise ValueError(f"a {transformer} must have settings, what was fitted, and a version")
    if unknown := sorted(settings.keys() - (set(cls._get_param_names()) - set(NOT_KEPT))):
        raise ValueError(f"a {transformer} has no setting {shown(unknown[0])}")
    values = {name: read(value, make=made) for name, value in settings.items() if name != "steps"}
    if isinstance(steps := settings.get("steps"), list):  # only the last may be an estimator
        last = read(steps[-1:], make=partial(made, network=network))
        values["steps"] = read(steps[:-1], make=made) + last
    part = cls(**values)
    for name, value in fitted.items():
        if not name.isidentifier() or not (name[0] == "_" or name[-1] == "_") or name[:2] == "__" or hasattr(cls, name):
            raise ValueError(f"nothing of a {transformer} that is fitted is called {shown(name)}")
        vars(part)[name] = read(value, make=partial(made, network=network if name == "regressor_" else None))
        if name.endswith("_dtype") and not isinstance(vars(part)[name], np.dtype):
            raise ValueError(f"{name} of a {transformer} cannot be {shown(vars(part)[name])}")
    if isinstance(part, TransformedTargetRegressor):
        _complete(part)
    _check(part, transformer)
    if transformer in THEIRS and version != sklearn.__version__:
        warn(
            InconsistentVersionWarning(
                estimator_name=transformer,
                current_sklearn_version=sklearn.__version__,
                original_sklearn_version=version,
            )
        )
    return part


def _is_version(version: Any) -> bool:
    return (
        isinstance(version, str) and len(version) < 50 and re.fullmatch(r"[0-9]+(\.[0-9a-z+]+)*", version) is not None
    )


def _complete(part: TransformedTargetRegressor) -> None:
    """Check what was fitted, and give it the regressor that this is a clone of."""
    for name in ("regressor_", "transformer_"):
        if not isinstance(held := getattr(part, name, None), BaseEstimator):
            raise ValueError(f"{name} of a TransformedTargetRegressor cannot be {shown(held)}")
    if (n := getattr(part, "_training_dim", None)) not in (1, 2):
        raise ValueError(f"a TransformedTargetRegressor cannot have been fitted to y of {shown(n)} axes")
    part.regressor = clone(part.regressor_)


def _check(part: Any, name: str) -> None:
    """Check settings, the parts that it holds, and what `set_output` was given."""
    if hasattr(part, "_parameter_constraints"):
        part._validate_params()
    for held in HOLDERS.get(name, ()):
        if hasattr(part, held):
            _check_held(getattr(part, held), 3 if isinstance(part, ColumnTransformer) else 2, name)
    weights = getattr(part, "transformer_weights", None)
    if weights is not None and not (
        isinstance(weights, dict)
        and all(isinstance(each, str) for each in weights)
        and all(isinstance(each, Real) and not isinstance(each, bool) for each in weights.values())
    ):
        raise ValueError(f"the weights of a {name} cannot be {shown(weights)}")
    names = vars(part).get("feature_names_in_")
    if names is not None and np.shape(names) != (getattr(part, "n_features_in_", None),):
        raise ValueError(f"the names of a {name}'s features cannot be {shown(names)}")
    output = vars(part).get("_sklearn_output_config", {})
    if output not in ({}, {"transform": "default"}, {"transform": "pandas"}, {"transform": "polars"}):
        raise ValueError(f"the output of a {name} cannot be {shown(output)}")


def _check_held(parts: Any, length: int, name: str) -> None:
    """Check that parts have names of their own, as scikit-learn needs them."""
    if not isinstance(parts, list) or not parts:
        raise ValueError(f"there are no parts in a {name}")
    for part in parts:
        if not isinstance(part, tuple) or len(part) != length or not isinstance(part[0], str) or "__" in part[0]:
            raise ValueError(f"{shown(part)} is no part of a {name} with a name")
        if not isinstance(part[1], BaseEstimator) and not _is_word(part[1], name):
            raise ValueError(f"{shown(part[1])} is no part of a {name}")
    if len({part[0] for part in parts}) < len(parts):
        raise ValueError(f"two parts of a {name} have one name")


def _is_word(part: Any, name: str) -> bool:
    """Return whether a part only says that it does nothing, or that what comes is dropped."""
    if name == "Pipeline":
        return part is None or (isinstance(part, str) and part == "passthrough")
    return isinstance(part, str) and part in ("passthrough", "drop")
