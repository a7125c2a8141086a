"""Fitted estimators in rnnbp's model file, which holds plain data and no code.

The file is the network's, with the estimator in its metadata, so that `rnnbp.Network.load` reads it too. What JSON has
not (arrays, tuples, mappings whose keys are no text, NaN) is written as an object with one key that says what it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from rnnbp.configuration import Configurable, build, plain
from rnnbp.files.model_file import ModelFileError
from rnnbp.networks.network import Network

__all__ = ["Saved"]


class Saved:
    """Saving and loading, for estimators whose network is in ``network_``."""

    _remembered: ClassVar[tuple[str, ...]] = ()  # private attributes that predictions need

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted estimator to a file, in one atomic step.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If a setting is nothing that such a file can hold, such as a solver of one's own.

        Notes
        -----
        The file holds settings, parameters and learning curves, but no code and nothing of the training itself: not
        ``callbacks``, a ``random_state`` that is not a number, or what an optimizer remembers for `partial_fit`.
        """
        check_is_fitted(self)
        settings = self.get_params(deep=False)  # type: ignore[attr-defined]
        settings["callbacks"] = ()
        if isinstance(settings["random_state"], np.random.RandomState):
            settings["random_state"] = None
        fitted = {
            name: value
            for name, value in vars(self).items()
            if name in self._remembered or (name.endswith("_") and name[0] != "_" and name != "network_")
        }
        description = {
            "class": type(self).__name__,
            "settings": {name: _written(value, name) for name, value in settings.items()},
            "fitted": {name: _written(value, name) for name, value in fitted.items()},
        }
        network: Network = self.network_  # type: ignore[attr-defined]
        network.save(path, metadata={"estimator": description})

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
        description = network.metadata.get("estimator")
        if not isinstance(description, dict) or description.get("class") != cls.__name__:
            held = "a network" if not isinstance(description, dict) else f"a {description.get('class')}"
            raise ModelFileError(f"{path} holds {held} and no {cls.__name__}: load it with that class")
        try:
            settings = {name: _read(value) for name, value in description["settings"].items()}
            fitted = {name: _read(value) for name, value in description["fitted"].items()}
            estimator = cls(**settings)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{path}: its description makes no {cls.__name__}: {error}") from error
        network.metadata = {}
        vars(estimator).update(fitted, network_=network, _optimizer_state=None)
        return estimator


def _written(value: Any, name: str) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Configurable):
        return {"configurable": plain(value)}
    if isinstance(value, np.ndarray):
        return {
            "array": _written(value.tolist(), name),
            "dtype": "object" if value.dtype == object else value.dtype.str,
        }
    if isinstance(value, np.generic):
        return _written(value.item(), name)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if isinstance(value, tuple):
        return {"tuple": [_written(item, name) for item in value]}
    if isinstance(value, list):
        return [_written(item, name) for item in value]
    if isinstance(value, Mapping):
        return {"mapping": [[_written(key, name), _written(item, name)] for key, item in value.items()]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{name}={value!r} cannot be written to a model file, which holds plain data only")


def _read(value: Any) -> Any:
    """Return what `_written` was given."""
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "configurable" in value:
        return build(value["configurable"], Configurable)
    if "array" in value:
        return np.array(_read(value["array"]), dtype=value["dtype"])
    if "float" in value:
        return float(value["float"])
    if "tuple" in value:
        return tuple(_read(item) for item in value["tuple"])
    return {_read(key): _read(item) for key, item in value["mapping"]}
