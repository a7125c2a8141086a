"""Fitted estimators in rnnbp's model file, which holds plain data and no code.

The file is the network's, with the estimator in its metadata, so that `rnnbp.Network.load` reads it too;
`rnnbp.estimators.plain_values` says how values are written. What is read is compared with the network and with what
each name may hold before it becomes part of an estimator.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from rnnbp import estimators
from rnnbp.configuration import Configurable, admitted, shown
from rnnbp.estimators.plain_values import read, written
from rnnbp.estimators.times import Times
from rnnbp.files.model_file import ModelFileError
from rnnbp.networks.network import Network

__all__ = ["ESTIMATOR", "PART", "Saved", "description_in"]

ESTIMATOR, PART = "estimator", "part"  # what the metadata of an estimator's and a pipeline's network are called
COVARIATES = "past_covariates", "future_covariates"  # of forecasts: known up to the end of a series, and beyond
PARTS = {ESTIMATOR: {"class", "settings", "fitted"}, PART: {"transformer", "settings", "fitted", "version"}}
LONGEST = 1 << 48  # steps of a series
NOT_KEPT = {"network_", "_optimizer_state", "_metadata_request"}  # among what is fitted: the file itself, or of a run


def description_in(metadata: Any, name: str) -> dict[str, Any] | None:
    """Return the description of an estimator or a pipeline that a file's metadata are; None if they are a user's own.

    A user's metadata may have these names too, but not the same keys below them.
    """
    described = metadata.get(name) if isinstance(metadata, dict) and metadata.keys() == {name} else None
    return described if isinstance(described, dict) and described.keys() == PARTS[name] else None


class Saved:
    """Saving and loading, for estimators whose network is in ``network_``."""

    _remembered: ClassVar[tuple[str, ...]] = ()  # private attributes that predictions need
    _remembered_since: ClassVar[tuple[str, ...]] = ()  # those that files of before have not, with defaults in the class

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted estimator to a file, in one atomic step.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        TypeError
            If its class is not rnnbp's, but has the name of one that is.
        ValueError
            If a setting or an attribute is nothing that such a file can hold, such as a solver of one's own.

        Notes
        -----
        The file holds settings, parameters and learning curves, but no code and nothing of the training itself: not
        ``callbacks``, a ``random_state`` that is not a number, what an optimizer remembers for `partial_fit`, or
        requests of metadata. Of a class that derives from one of rnnbp's it holds the settings of that class's own
        constructor, and attributes of plain data whose names begin or end with an underscore.
        """
        check_is_fitted(self)
        network: Network = self.network_  # type: ignore[attr-defined]
        network.save(path, metadata={ESTIMATOR: self._described()})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read an estimator that `save` has written, on any machine.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        estimator
            Fitted.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        rnnbp.ModelFileError
            If it is no model file, is damaged, or holds something else.
        """
        network = Network.load(path)
        if description_in(network.metadata, PART) is not None:
            raise ModelFileError(f"{path} holds a pipeline and no {cls.__name__}: load it with rnnbp.load")
        description = description_in(network.metadata, ESTIMATOR)
        if description is None:
            raise ModelFileError(f"{path} holds a network and no {cls.__name__}: load it with rnnbp.Network.load")
        if description["class"] != cls.__name__:
            held = shown(description["class"]).strip("'")
            raise ModelFileError(f"{path} holds a {held} and no {cls.__name__}: load it with that class")
        try:
            estimator = cls._made(description, network)
        except (TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: its description makes no {cls.__name__}: {error}") from error
        network.metadata = {}
        return estimator

    def _described(self) -> dict[str, Any]:
        """Return all but the network, as JSON can hold it, once it has been tried."""
        cls = type(self)
        if cls.__name__ in estimators.__all__ and cls is not getattr(estimators, cls.__name__):
            raise TypeError(
                f"a {cls.__name__} of {cls.__module__} would come back as rnnbp's own {cls.__name__}: give the class "
                "another name"
            )
        settings = self.get_params(deep=False)  # type: ignore[attr-defined]
        if "callbacks" in settings:
            settings["callbacks"] = ()
        if isinstance(settings.get("random_state"), np.random.RandomState):
            settings["random_state"] = None
        fitted = {name: value for name, value in vars(self).items() if name not in settings and _is_fitted(name)}
        described = {
            "class": cls.__name__,
            "settings": {name: written(value, name) for name, value in settings.items()},
            "fitted": {name: written(value, name) for name, value in fitted.items()},
        }
        self._try(described)
        return described

    def _try(self, described: dict[str, Any]) -> None:
        """Check that a description makes an estimator, and that nothing is lost."""
        name, network = type(self).__name__, self.network_  # type: ignore[attr-defined]
        try:
            again = self._made(json.loads(json.dumps(described)), network)
        except (TypeError, ValueError) as error:
            raise ValueError(f"this {name} could not be loaded again: {error}") from error
        if lost := sorted(vars(self).keys() - vars(again).keys() - NOT_KEPT):
            raise ValueError(
                f"{lost[0]} of this {name} would be lost in a model file: let its name begin or end with an "
                "underscore, or make it a setting"
            )

    @classmethod
    def _made(cls, description: Mapping[str, Any], network: Network) -> Self:
        """Return the estimator that `_described` was called for; TypeError or ValueError if it describes none."""
        settings = _settings(cls, description.get("settings"))
        fitted = _fitted(cls, description.get("fitted"), network)
        estimator = cls(**settings)
        vars(estimator).update(fitted, network_=network, _optimizer_state=None)
        return estimator


def _settings(cls: type[Any], described: Any) -> dict[str, Any]:
    """Return the constructor's arguments, checked."""
    if not isinstance(described, dict):
        raise ValueError("it has no settings")
    known = cls._get_param_names()
    if unknown := sorted(described.keys() - set(known)):
        raise ValueError(f"there is no setting {shown(unknown[0])}")
    settings = {name: _read(name, value, admitted(cls, name)) for name, value in described.items()}
    for name, value in settings.items():
        _check_setting(cls, name, value)
    return settings


def _read(name: str, value: Any, kinds: Sequence[type[Configurable]] = ()) -> Any:
    try:
        return read(value, kinds)
    except ValueError as error:
        raise ValueError(f"{shown(name)}: {error}") from error


def _check_setting(cls: type[Any], name: str, value: Any) -> None:
    """Check a setting's type, where the constructor's annotation is made of numbers, flags, texts and None only."""
    annotation = cls.__init__.__annotations__.get(name)
    allowed = {part.strip() for part in annotation.split("|")} if isinstance(annotation, str) else set()
    if not allowed or allowed - SIMPLE.keys():
        return
    if value is inspect.signature(cls).parameters[name].default:  # whatever it is said to be
        return
    if not any(SIMPLE[kind](value) for kind in allowed):
        raise ValueError(f"{name} must be of type {annotation}, but {shown(value)} was given")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


SIMPLE: dict[str, Callable[[Any], bool]] = {
    "int": _is_count,
    "float": _is_number,
    "bool": lambda value: isinstance(value, (bool, np.bool_)),
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
}


# -- what is fitted ----------------------------------------------------------------------------------------------------


def _fitted(cls: type[Any], described: Any, network: Network) -> dict[str, Any]:
    """Return the fitted attributes, checked, and compared with each other and the network."""
    if not isinstance(described, dict):
        raise ValueError("it has nothing that was fitted")
    fitted = {name: _read(name, value) for name, value in described.items()}
    for name, value in fitted.items():
        if not _is_fitted(name):
            raise ValueError(f"nothing that is fitted is called {shown(name)}")
        if hasattr(cls, name) and name not in cls._remembered_since:
            raise ValueError(f"nothing that is fitted is called {shown(name)}, as the class has an attribute so called")
        if name in KNOWN and not KNOWN[name](value):
            raise ValueError(f"{name} cannot be {shown(value)}")
    declared = {name for each in cls.__mro__ for name in vars(each).get("__annotations__", {})}
    if missing := sorted({*cls._remembered, *(NEEDED & declared)} - fitted.keys()):
        raise ValueError(f"{missing[0]} is missing")
    _compare(fitted, network)
    return fitted


def _is_fitted(name: str) -> bool:
    """Return whether an attribute of this name is fitted and kept: ``name_``, or ``_name``."""
    underscored = name.isidentifier() and name[:2] != "__" and (name[0] == "_" or name[-1] == "_")
    return underscored and name not in NOT_KEPT


def _compare(fitted: dict[str, Any], network: Network) -> None:
    """Check that what was fitted belongs to this network."""
    n_outputs, width = network.n_outputs, fitted.get("_width", fitted["n_features_in_"])
    covariates = fitted.get("_covariates", {})
    n_past, n_future = (len(covariates[name][0]) if name in covariates else 0 for name in COVARIATES)
    if fitted.get("n_outputs_", n_outputs) != n_outputs:
        raise ValueError(f"n_outputs_ is {fitted['n_outputs_']}, but the network has {n_outputs} outputs")
    if width + n_past + n_future != network.n_inputs:
        raise ValueError(f"it is for {width + n_past + n_future} features, but the network takes {network.n_inputs}")
    if "classes_" in fitted:
        n_classes, single = len(fitted["classes_"]), n_outputs == 1 and not fitted["_multilabel"]
        if not (n_classes in (1, 2) if single else n_classes == n_outputs):
            raise ValueError(f"there are {n_classes} classes, but {n_outputs} outputs")
        if (fitted["out_activation_"] == "softmax") == (single or fitted["_multilabel"]):
            raise ValueError(f"out_activation_ cannot be {fitted['out_activation_']!r} with {n_classes} classes")
    if (names := fitted.get("feature_names_in_")) is not None and len(names) != fitted.get("n_features_in_"):
        raise ValueError(f"there are {len(names)} names of features, but {fitted.get('n_features_in_')} features")
    if "residuals_" in fitted and fitted["residuals_"].shape[-1] != width:
        raise ValueError("residuals_ are of another number of variables")
    _compare_autoregression(fitted, width + n_past, n_future)
    pasts, scales = fitted.get("_pasts", []), fitted.get("_scales", [])
    known, steps = fitted.get("_known", []), fitted.get("_steps", [])
    if len(pasts) != len(scales) or any(x.shape[1] != width + n_past for x in pasts):
        raise ValueError("the series are of another number of variables")
    if fitted.get("_single") and (len(pasts), width) != (1, 1):
        raise ValueError(f"one series of numbers cannot be {len(pasts)} of {width} variables")
    if ("_covariates" in fitted or known or steps) and not len(known) == len(steps) == len(pasts):
        raise ValueError("covariates are of another number of series")
    if any(rows.shape[1] != n_future or len(rows) < len(x) for rows, x in zip(known, pasts, strict=False)):
        raise ValueError("future covariates are of another number of columns, or of too few steps")
    dates = fitted.get("_dates", [None] * len(pasts))
    if len(dates) != len(pasts) or any(
        each is not None and len(each) != len(x) for each, x in zip(dates, pasts, strict=True)
    ):
        raise ValueError("there is not a date for each step of the series")
    if any(n < len(x) for n, x in zip(steps, pasts, strict=False)):
        raise ValueError("a series cannot be shorter than its end")
    if any(part.shape != (width + n_past,) for pair in scales for part in pair):
        raise ValueError("the scales are of another number of variables")
    if any((spread <= 0).any() for _, spread in scales):
        raise ValueError("a series cannot vary by less than nothing")


def _compare_autoregression(fitted: dict[str, Any], n_variables: int, n_future: int) -> None:
    """Check that the linear model beside a network is for the same variables."""
    coef, intercept, share = (fitted.get(f"lag_{name}_") for name in ("coef", "intercept", "weight"))
    if coef is None or intercept is None:
        if coef is not intercept or share:
            raise ValueError("a part of lag_coef_, lag_intercept_ and lag_weight_ is missing")
        return
    if share is None:
        raise ValueError("lag_weight_ is missing")
    n_lagged = coef.shape[1] - n_future
    if len(coef) != n_variables or intercept.shape != (n_variables,) or n_lagged < 1 or n_lagged % n_variables:
        raise ValueError("lag_coef_ and lag_intercept_ are of another number of variables or covariates")


def _is_at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: _is_count(value) and value >= least


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_score(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_curve(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_number, value)))


def _are_labels(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1 and value.size > 0


def _is_scale(value: Any) -> bool:
    """Whether it is a mean and a spread of each of some columns."""
    if not (isinstance(value, tuple) and len(value) == 2 and all(_are_numbers(part, 1) for part in value)):
        return False
    mean, spread = value
    return mean.shape == spread.shape and bool((spread > 0).all())


def _are_dates(value: Any) -> bool:
    """Whether they are moments, as text."""
    if not (isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.ndim == 1):
        return False
    try:
        Times.of_text(value)
    except ValueError:
        return False
    return True


def _are_numbers(value: Any, ndim: int = 2, *, empty: bool = False) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind == "f"
        and value.ndim == ndim
        and (empty or value.size > 0)
        and bool(np.isfinite(value).all())
    )


KNOWN: dict[str, Callable[[Any], bool]] = {
    "n_features_in_": _is_at_least(1),
    "n_outputs_": _is_at_least(1),
    "out_activation_": lambda value: isinstance(value, str) and value in ("identity", "exp", "logistic", "softmax"),
    "classes_": _are_labels,
    "feature_names_in_": _are_labels,
    "alphabet_": lambda value: isinstance(value, str) and 0 < len(value) == len(set(value)),
    "lexicon_": lambda value: (
        value is None or (isinstance(value, list) and len(value) > 0 and all(isinstance(word, str) for word in value))
    ),
    "language_model_": lambda value: value is None or isinstance(value, dict),
    "live_mean_": lambda value: value is None or _are_numbers(value, 1),
    "live_variance_": lambda value: value is None or _are_numbers(value, 1),
    "steps_": _is_flag,
    "differenced_": _is_flag,
    "residuals_": lambda value: _are_numbers(value, 3) or _are_numbers(value),  # of before: of one step ahead
    "lag_coef_": lambda value: value is None or _are_numbers(value),
    "lag_intercept_": lambda value: value is None or _are_numbers(value, 1),
    "lag_weight_": lambda value: _is_number(value) and 0 <= value <= 1,
    "_width": _is_at_least(1),
    "_saw_columns": _is_flag,
    "_multilabel": _is_flag,
    "_rows_are_steps": _is_flag,
    "_single": _is_flag,
    "_pasts": lambda value: isinstance(value, list) and len(value) > 0 and all(map(_are_numbers, value)),
    "_scales": lambda value: (
        isinstance(value, list)
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
        and all(_are_numbers(part, 1) for pair in value for part in pair)
    ),
    "_covariates": lambda value: (
        isinstance(value, dict) and value.keys() <= set(COVARIATES) and all(map(_is_scale, value.values()))
    ),
    "_known": lambda value: isinstance(value, list) and all(_are_numbers(x, empty=True) for x in value),
    "_steps": lambda value: isinstance(value, list) and all(_is_count(n) and n < LONGEST for n in value),
    "_dates": lambda value: isinstance(value, list) and all(each is None or _are_dates(each) for each in value),
    "_name": lambda value: value is None or isinstance(value, str),
    "t_": _is_at_least(0),
    "n_iter_": _is_at_least(0),
    "n_iter_without_improvement_": _is_at_least(0),
    "loss_": _is_score,
    "best_loss_": _is_score,
    "best_validation_score_": _is_score,
    "loss_curve_": _is_curve,
    "validation_scores_": _is_curve,
    "validation_loss_curve_": _is_curve,
}
NEEDED = {  # by predictions of classes that declare them
    "alphabet_",
    "classes_",
    "differenced_",
    "language_model_",
    "lexicon_",
    "live_mean_",
    "live_variance_",
    "n_features_in_",
    "n_outputs_",
    "out_activation_",
    "residuals_",
    "steps_",
}
