"""A part of a pipeline is tried before it is saved, and again before what was loaded is handed out.

A description can be plain data of the right types and make a transformer that fails in use: a mean of other features,
or one row of it for each row that comes. So each transformer is given ones, of as many features as it is for, in three
rows and then in two, and what comes out must be finite and as wide as the next part expects. What one part makes of
ones does not go into the next, which may not take it (a logarithm after a scaler): that gets ones again.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from rnnbp.audio import AudioFeatures
from rnnbp.configuration import brief, shown, whole_number
from rnnbp.estimators.files import Saved
from rnnbp.estimators.parts import OURS, opened
from rnnbp.estimators.plain_values import written
from rnnbp.preprocessing import PadOrTruncate, PerFrame, SlidingWindow

__all__ = ["tried"]

Shape = tuple[int, ...]
Form = Shape | list[Shape] | None  # that of an array; those of a list of arrays; None if nothing is known

MOST_FEATURES = 1_000_000  # of a transformer that is tried, and of a window


def tried(part: Any) -> None:
    """Send ones through a part.

    Parameters
    ----------
    part : transformer, Pipeline or estimator
        Is not changed.

    Raises
    ------
    ValueError
        If they do not come through.
    """
    for n in (3, 2):
        _through(part, None, n)


def _through(part: Any, form: Form, n: int) -> Form:
    """Return the form of what a part makes of ones in this form, or, if it is None, in `n` rows that it is for."""
    if part is None or isinstance(part, (str, FunctionTransformer)):  # without a function, which no file can hold
        return form
    if isinstance(part, Pipeline):
        for _, step in part.steps:
            form = _through(step, form, n)
        return form
    if isinstance(part, FeatureUnion):
        return _beside([_through(side, form, n) for _, side in part.transformer_list if not _is_drop(side)])
    if isinstance(part, TransformedTargetRegressor):
        form = _through(part.regressor_, form, n)
        _through_targets(part, n)
        return form
    if isinstance(part, AudioFeatures):
        return [(n, len(part.get_feature_names_out()))]
    if isinstance(part, Saved):
        _expect_width(part, form)
        return None
    return _through_transformer(part, form, n)


def _through_targets(part: TransformedTargetRegressor, n: int) -> None:
    """Send ones through the transformer of targets, and what a regressor predicts back through it."""
    regressor = opened(part.regressor_).end
    if not isinstance(regressor, Saved) or not isinstance(regressor, RegressorMixin):
        raise ValueError(f"a TransformedTargetRegressor cannot be around {shown(regressor)}, which is no regressor")
    width = regressor.network_.n_outputs  # type: ignore[attr-defined]
    form = _through(part.transformer_, None, n)
    if form not in (None, (n, width)):
        raise ValueError(f"its transformer makes targets of shape {form} for a regressor of {width}")
    try:
        with warnings.catch_warnings(), config_context(transform_output="default"):
            warnings.simplefilter("ignore")
            _form(part.transformer_.inverse_transform(np.ones((n, width))))
    except Exception as error:  # a forged state may fail in any way
        raise ValueError(f"its transformer of targets does not work: {brief(error)}") from error


def _beside(forms: list[Form]) -> Form:
    tables = [form for form in forms if isinstance(form, tuple) and len(form) == 2]
    return (tables[0][0], sum(width for _, width in tables)) if forms and len(tables) == len(forms) else None


def _is_drop(side: Any) -> bool:
    return isinstance(side, str) and side == "drop"


def _expect_width(part: Any, form: Form) -> None:
    shape = form[0] if isinstance(form, list) else form or (None,)
    came, width = shape[-1], _width(part, form)
    if came not in (None, width):
        raise ValueError(f"{came} features come to a {type(part).__name__} of {shown(width)}")


def _width(part: Any, form: Form) -> Any:
    """Return how many features a part is for; the steps of a table's rows, where these are sequences of numbers."""
    if isinstance(form, tuple) and len(form) == 2:
        return getattr(part, "n_features_in_", None)
    if isinstance(part, Saved):
        return getattr(part, "_width", part.network_.n_inputs)  # type: ignore[attr-defined]
    return getattr(part, "_width" if type(part).__name__ in OURS else "n_features_in_", None)


def _through_transformer(transformer: Any, form: Form, n: int) -> Form:
    name, width = type(transformer).__name__, _width(transformer, form)
    if width is None and not transformer.__sklearn_tags__().requires_fit:
        if form is None:  # it takes any
            return None
    elif type(width) is not int or not 1 <= width <= MOST_FEATURES:
        raise ValueError(f"a {name} of {shown(width)} features cannot be")
    elif form is None:
        form = [(n, width)] if name in OURS else (n, width)
    else:
        _expect_width(transformer, form)
    ones: Any = [np.ones(shape) for shape in form] if isinstance(form, list) else np.ones(form)
    try:
        with warnings.catch_warnings(), config_context(transform_output="default", enable_metadata_routing=False):
            warnings.simplefilter("ignore")
            made = _form_of_transformed(transformer, ones, n)
    except Exception as error:  # a forged state may fail in any way
        raise ValueError(f"its {name} does not work: {brief(error)}") from error
    if isinstance(made, tuple) and made[0] != len(ones):
        raise ValueError(f"its {name} does not work: it makes {made[0]} rows of {len(ones)}")
    return made


def _form_of_transformed(transformer: Any, x: Any, n: int) -> Form:
    """Transform ones; the transformer itself is not changed."""
    trial = copy.copy(transformer)
    vars(trial).pop("_sklearn_output_config", None)
    if isinstance(trial, PerFrame):
        if not isinstance(trial.transformer_, BaseEstimator):
            raise ValueError("it has no transformer")
        frames = trial._fitted_to(x)
        form: Any = _through(trial.transformer_, frames.frames.shape, n)
        return _form(frames.rebuild(np.ones(form)))
    if isinstance(trial, PadOrTruncate):
        length = whole_number("length_", trial.length_)
        trial.length_ = min(length, n)  # it may be made much longer than it was
        padded = trial.transform(x)
        return (len(padded), length * trial._width) if trial.flatten else padded.shape
    if isinstance(trial, SlidingWindow) and trial.width * trial._width > MOST_FEATURES:
        raise ValueError(f"its windows are of {trial.width} times {trial._width} features")
    if isinstance(trial, ColumnTransformer):
        places = _places_by_part(trial)
        vars(trial).pop("feature_names_in_", None)  # columns are found by their places
        trial.transformers_ = [
            (name, part if isinstance(part, str) else _StandIn(part, n), places[name])
            for name, part, _ in trial.transformers_
        ]
    return _form(trial.transform(x))


def _places_by_part(columns: ColumnTransformer) -> dict[str, list[int]]:
    """Return the places of each part's columns; ValueError unless what is fitted is what the settings say."""
    n, names = columns.n_features_in_, [*vars(columns).get("feature_names_in_", [])]
    places = {name: _places(chosen, n, names) for name, _, chosen in columns.transformers}
    rest = sorted({*range(n)}.difference(*places.values()))
    places["remainder"] = rest
    said = [*columns.transformers, *([("remainder", columns.remainder, rest)] if rest else [])]
    if columns._transformer_to_input_indices != places or len(columns.transformers_) != len(said):
        raise ValueError("its columns are not those of its settings")
    for (name, part, chosen), (said_name, said_part, said_chosen) in zip(columns.transformers_, said, strict=True):
        alike = name == "remainder" or written(chosen, "columns") == written(said_chosen, "columns")
        if name != said_name or not alike or _places(chosen, n, names) != places[name]:
            raise ValueError(f"its columns of {shown(name)} are not those of its settings")
        if _is_drop(part) != _is_drop(said_part):
            raise ValueError(f"it drops {shown(name)}, and its settings do not, or the other way round")
    return places


def _places(chosen: Any, n: int, names: list[Any]) -> list[int]:
    """Return the places of columns that are given as scikit-learn takes them: places, names, flags, or a slice."""
    if isinstance(chosen, slice) and any(isinstance(end, str) for end in (chosen.start, chosen.stop)):
        first = 0 if chosen.start is None else names.index(chosen.start)
        last = n - 1 if chosen.stop is None else names.index(chosen.stop)
        return [*range(first, last + 1)]
    if isinstance(chosen, slice):
        return [*range(n)[chosen]]
    listed = np.atleast_1d(chosen)
    if listed.ndim > 1:
        raise ValueError(f"columns cannot be {shown(chosen)}")
    if listed.size and isinstance(listed[0], str):
        return [names.index(name) for name in listed]
    found: list[int] = np.arange(n)[listed if listed.size else []].tolist()
    return found


def _form(out: Any) -> Form:
    """Return the form of what came out; ValueError if it is not finite."""
    for each in out if isinstance(out, list) else [out]:
        numbers = each.data if hasattr(each, "nnz") else each
        if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
            raise ValueError("it makes infinity or NaN of ones")
    return [each.shape for each in out] if isinstance(out, list) else out.shape


class _StandIn:
    """Stands for a part of a ColumnTransformer: makes ones of what comes, as wide as that part would."""

    def __init__(self, part: Any, n: int) -> None:
        self.part, self.n = part, n

    def transform(self, x: Any) -> Any:
        return np.ones(_through(self.part, np.shape(x), self.n))
