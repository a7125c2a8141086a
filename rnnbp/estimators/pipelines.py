"""Whatever is fitted, in one file of plain data: networks, estimators, transformers, and pipelines of them.

A pipeline's file is that of the network at its end, with the steps in its metadata, so that `rnnbp.Network.load` reads
it too; transformers alone are a model file without arrays. A part is written as one of::

    "passthrough"                                                   nothing is done
    {"pipeline": [[name, part], ...]}                               one after the other
    {"union": [[name, part], ...], "weights": {name: number}}       side by side
    {"transformer": class, "settings": {...}, "fitted": {...}, "version": scikit-learn's}
    {"estimator": {...}}                                            see `rnnbp.estimators.files`; at the end only

A file names no modules: a transformer is one of those in `TRANSFORMERS`, whose fitted state is plain data, and all are
tried on zeros before they are given back.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from typing import Any

import numpy as np
import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from rnnbp import estimators
from rnnbp.configuration import brief, lookup, shown, whole_number
from rnnbp.estimators.files import Saved
from rnnbp.estimators.plain_values import read, written
from rnnbp.files import model_file
from rnnbp.files.model_file import ModelFileError
from rnnbp.networks.network import Network

__all__ = ["TRANSFORMERS", "load", "save"]

OURS = {
    "AudioFeatures": "rnnbp.audio",
    "PadOrTruncate": "rnnbp.preprocessing",
    "PerFrame": "rnnbp.preprocessing",
    "SequenceScaler": "rnnbp.preprocessing",
    "SlidingWindow": "rnnbp.preprocessing",
}
THEIRS = {
    "FactorAnalysis": "sklearn.decomposition",
    "FastICA": "sklearn.decomposition",
    "IncrementalPCA": "sklearn.decomposition",
    "MaxAbsScaler": "sklearn.preprocessing",
    "MinMaxScaler": "sklearn.preprocessing",
    "Normalizer": "sklearn.preprocessing",
    "PCA": "sklearn.decomposition",
    "PowerTransformer": "sklearn.preprocessing",
    "QuantileTransformer": "sklearn.preprocessing",
    "RobustScaler": "sklearn.preprocessing",
    "SimpleImputer": "sklearn.impute",
    "StandardScaler": "sklearn.preprocessing",
    "TruncatedSVD": "sklearn.decomposition",
    "VarianceThreshold": "sklearn.feature_selection",
}
#: The transformers that a file can hold, and where they come from.
TRANSFORMERS = OURS | THEIRS
PASSTHROUGH, DROP = "passthrough", "drop"
NOT_KEPT = ("memory", "n_jobs", "progress", "random_state")  # settings of a machine or a run, and not of a model
MOST_FEATURES = 1_000_000  # of a transformer that is tried
DEEPEST = 20  # parts within parts


def save(fitted: Any, path: str | PathLike[str]) -> None:
    """Write a network, an estimator, a transformer, or a scikit-learn pipeline of them to one file, in one atomic step.

    Parameters
    ----------
    fitted : Network, estimator, transformer, Pipeline or FeatureUnion
        Transformers are rnnbp's (`AudioFeatures`, `SequenceScaler`, `PerFrame`, ...) and those of scikit-learn whose
        state is plain numbers: scalers, decompositions, `SimpleImputer`, `VarianceThreshold`.
    path : path-like

    Raises
    ------
    TypeError
        If it is something else, or holds a part that is; names it.
    sklearn.exceptions.NotFittedError
        If a part is not fitted.
    ValueError
        If a setting is nothing that such a file can hold, such as a function.

    See Also
    --------
    load : reads it again.

    Notes
    -----
    The file is plain data with a checksum, and no code. Not kept is what belongs to a machine or a run: `memory`,
    `n_jobs`, `progress`, callbacks, and random states that are not numbers.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> import rnnbp
    >>> from rnnbp.preprocessing import SequenceScaler
    >>> x, y = [np.eye(3)[:n] for n in (1, 2, 3, 3)], [0, 0, 1, 1]
    >>> pipeline = make_pipeline(SequenceScaler(), rnnbp.RNNClassifier(max_iter=2, tol=0, n_iter_no_change=np.inf))
    >>> rnnbp.save(pipeline.fit(x, y), "pipeline.rnnbp")  # doctest: +SKIP
    >>> rnnbp.load("pipeline.rnnbp").predict(x)  # doctest: +SKIP
    array([0, 0, 1, 1])
    """
    if isinstance(fitted, (Network, Saved)):
        fitted.save(path)
        return
    part = _described(fitted, last=True)
    network = _network_of(fitted)
    if network is None:
        model_file.write(path, {}, {"part": part})
    else:
        network.save(path, metadata={"part": part})


def load(path: str | PathLike[str]) -> Any:
    """Read whatever a file holds that `save`, ``Network.save`` or an estimator's ``save`` has written, on any machine.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Network, estimator, transformer, Pipeline or FeatureUnion
        As it was, fitted.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    rnnbp.ModelFileError
        If it is no model file, is damaged, or what it describes is none of these.

    Warns
    -----
    sklearn.exceptions.InconsistentVersionWarning
        If a transformer of another version of scikit-learn is in it.

    See Also
    --------
    save

    Examples
    --------
    >>> import tempfile
    >>> from rnnbp import Network, layers
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Network([layers.Dense(2, 1)]).save(f"{folder}/net.rnnbp")
    ...     net = load(f"{folder}/net.rnnbp")
    >>> net.layers
    (Dense(2, 1),)
    """
    with model_file.opened(path) as file:
        description = file.description
    metadata = description.get("metadata", {})
    if isinstance(metadata, dict) and isinstance(estimator := metadata.get("estimator"), dict):
        try:
            cls = lookup(_estimators(), estimator.get("class"), "estimator")
        except ValueError as error:
            raise ModelFileError(f"{path}: {error}") from error
        return cls.load(path)
    network = None
    if "part" in description:
        part = description["part"]
    elif isinstance(metadata, dict) and isinstance(metadata.get("part"), dict):
        part, network = metadata["part"], Network.load(path)
    else:
        return Network.load(path)
    try:
        made = _made(part, network)
        _tried(made)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: its description makes no pipeline: {brief(error)}") from error
    return made


def _estimators() -> dict[str, type[Saved]]:
    classes = [getattr(estimators, name) for name in estimators.__all__]
    return {cls.__name__: cls for cls in classes if isinstance(cls, type) and issubclass(cls, Saved)}


def _network_of(fitted: Any) -> Network | None:
    """Return the network of the estimator at the end, if there is one."""
    while isinstance(fitted, Pipeline):
        fitted = fitted.steps[-1][1]
    return fitted.network_ if isinstance(fitted, Saved) else None  # type: ignore[attr-defined]


# -- writing -----------------------------------------------------------------------------------------------------------


def _described(part: Any, *, fitted: bool = True, last: bool = False) -> Any:
    """Return a part as JSON can hold it; a network may be in the last one only."""
    if part is None or (isinstance(part, str) and part == PASSTHROUGH):
        return PASSTHROUGH
    if isinstance(part, Pipeline):
        end = len(part.steps) - 1
        steps = [(name, step, last and i == end) for i, (name, step) in enumerate(part.steps)]
        return {"pipeline": [[name, _described(step, fitted=fitted, last=ends)] for name, step, ends in steps]}
    if isinstance(part, FeatureUnion):
        sides = [
            [name, DROP if side == DROP else _described(side, fitted=fitted)] for name, side in part.transformer_list
        ]
        return {"union": sides, "weights": written(part.transformer_weights, "transformer_weights")}
    if isinstance(part, Saved) and last:
        check_is_fitted(part)
        return {"estimator": part._described()}
    name = type(part).__name__
    if name not in TRANSFORMERS or type(part) is not _class(name):
        where = "before the end of a pipeline" if isinstance(part, Saved) else "in a model file"
        raise TypeError(
            f"{shown(part)} cannot be saved {where}: what can are networks, rnnbp's estimators, pipelines, and the "
            f"transformers {', '.join(TRANSFORMERS)}. skops.io saves other estimators of scikit-learn"
        )
    if fitted and part.__sklearn_tags__().requires_fit:
        check_is_fitted(part)
    settings = part.get_params(deep=False)
    state = {attribute: value for attribute, value in vars(part).items() if attribute not in settings}
    kept = {setting: value for setting, value in settings.items() if setting not in NOT_KEPT}
    return {
        "transformer": name,
        "settings": {key: _value(value, f"{name}'s {key}", fitted=False) for key, value in kept.items()},
        "fitted": {key: _value(value, f"{name}'s {key}", fitted=fitted) for key, value in state.items()},
        "version": sklearn.__version__,
    }


def _value(value: Any, name: str, *, fitted: bool) -> Any:
    if isinstance(value, BaseEstimator):
        return {"part": _described(value, fitted=fitted)}
    return written(value, name)


def _class(name: str) -> type[Any]:
    cls: type[Any] = getattr(import_module(TRANSFORMERS[name]), name)
    return cls


# -- reading -----------------------------------------------------------------------------------------------------------


def _made(described: Any, network: Network | None = None, *, depth: int = 0) -> Any:
    """Return the part that `_described` was given; TypeError or ValueError if it describes none.

    `network` is that of an estimator at the end, and None elsewhere.
    """
    if depth > DEEPEST:
        raise ValueError("its parts are nested too deeply")
    if described == PASSTHROUGH:
        return PASSTHROUGH
    keys = described.keys() if isinstance(described, dict) else None
    if keys == {"pipeline"}:
        steps = _named(described["pipeline"])
        ends = [None] * (len(steps) - 1) + [network]
        return Pipeline(
            [(name, _made(step, end, depth=depth + 1)) for (name, step), end in zip(steps, ends, strict=True)]
        )
    if keys == {"union", "weights"}:
        sides = [
            (name, DROP if side == DROP else _made(side, depth=depth + 1)) for name, side in _named(described["union"])
        ]
        return FeatureUnion(sides, transformer_weights=_weights(described["weights"], [name for name, _ in sides]))
    if keys == {"estimator"} and isinstance(description := described["estimator"], dict):
        if network is None:
            raise ValueError("there is an estimator where no network is")
        return lookup(_estimators(), description.get("class"), "estimator")._made(description, network)
    if keys == {"transformer", "settings", "fitted", "version"}:
        return _transformer(**described, depth=depth)
    raise ValueError(f"{shown(described)} describes no part")


def _named(parts: Any) -> list[tuple[str, Any]]:
    """Return the parts of a pipeline or union, checked: each has a name of its own, as scikit-learn needs it."""
    if not isinstance(parts, list) or not parts:
        raise ValueError("there are no parts in a pipeline")
    for part in parts:
        if not isinstance(part, list) or len(part) != 2 or not isinstance(part[0], str) or "__" in part[0]:
            raise ValueError(f"{shown(part)} is no part with a name")
    if len({name for name, _ in parts}) < len(parts):
        raise ValueError("two parts of a pipeline have one name")
    return [(name, part) for name, part in parts]


def _weights(described: Any, names: Sequence[str]) -> Mapping[str, float] | None:
    weights: Any = read(described)
    known = isinstance(weights, dict) and weights.keys() <= set(names)
    if weights is None or (known and all(type(value) in (int, float) for value in weights.values())):
        return weights  # type: ignore[no-any-return]
    raise ValueError(f"{shown(weights)} are no weights of {', '.join(names)}")


def _transformer(transformer: Any, settings: Any, fitted: Any, version: Any, *, depth: int) -> BaseEstimator:
    cls = _class(lookup({name: name for name in TRANSFORMERS}, transformer, "transformer"))
    if not isinstance(settings, dict) or not isinstance(fitted, dict) or not isinstance(version, str):
        raise ValueError(f"a {transformer} must have settings, what was fitted, and a version")
    if unknown := sorted(settings.keys() - (set(cls._get_param_names()) - set(NOT_KEPT))):
        raise ValueError(f"a {transformer} has no setting {shown(unknown[0])}")
    made = cls(**{name: _read(value, depth) for name, value in settings.items()})
    for name, value in fitted.items():
        if not name.isidentifier() or not (name[0] == "_" or name[-1] == "_") or name[:2] == "__" or hasattr(cls, name):
            raise ValueError(f"nothing of a {transformer} that is fitted is called {shown(name)}")
        vars(made)[name] = _read(value, depth)
    made._validate_params()
    if transformer in THEIRS and version != sklearn.__version__:
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=transformer,
                current_sklearn_version=sklearn.__version__,
                original_sklearn_version=version[:50],
            ),
            stacklevel=2,
        )
    return made


def _read(value: Any, depth: int) -> Any:
    if isinstance(value, dict) and value.keys() == {"part"}:
        return _made(value["part"], depth=depth + 1)
    return read(value)


# -- trial -------------------------------------------------------------------------------------------------------------


def _tried(part: Any, x: Any = None) -> Any:
    """Return what a part makes of some zeros, so that one whose state is forged fails here and not in use.

    `x` is what came out of the part before: rows, or a list of one sequence; None if that is not known. ValueError if
    it does not come through.
    """
    if isinstance(part, str):
        return x
    if isinstance(part, Pipeline):
        for _, step in part.steps:
            x = _tried(step, x)
        return x
    if isinstance(part, FeatureUnion):
        sides = [_tried(side, x) for _, side in part.transformer_list if side != DROP]
        return np.hstack(sides) if sides and all(isinstance(side, np.ndarray) for side in sides) else None
    if isinstance(part, Saved):
        width, wanted = None if x is None else np.shape(x[0])[-1], part.network_.n_inputs  # type: ignore[attr-defined]
        if width not in (None, wanted):
            raise ValueError(f"{width} features come to a {type(part).__name__} of {wanted}")
        return None
    if type(part).__name__ == "AudioFeatures":
        return [np.zeros((2, len(part.get_feature_names_out())))]
    return _transformed(part, x)


def _transformed(transformer: Any, x: Any) -> Any:
    name = type(transformer).__name__
    n = getattr(transformer, "_width" if name in OURS else "n_features_in_", None)
    if type(n) is not int or not 1 <= n <= MOST_FEATURES:
        raise ValueError(f"a {name} of {shown(n)} features cannot be")
    if name == "PadOrTruncate":  # what it gives is as long as it says, whatever comes
        whole_number("length_", transformer.length_)
        return None
    if x is None:
        x = [np.zeros((2, n))] if name in OURS else np.zeros((2, n))
    trial = copy.copy(transformer).set_output(transform="default") if name in THEIRS else transformer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = trial.transform(x)
        finite = all(np.isfinite(each).all() for each in out)
    except Exception as error:  # a forged state may fail in any way
        raise ValueError(f"its {name} does not work: {brief(error)}") from error
    if not finite:
        raise ValueError(f"its {name} does not work: it makes infinity or NaN of zeros")
    return out
