"""A fitted model as one network: what its scalers do is done by the first layer and the last.

::

    Pipeline([AudioFeatures, scaler, ..., estimator])      features, and a network that takes them as they are
    TransformedTargetRegressor(..., scaler)                a network whose outputs are in the units of y

What else a model does beside its network is refused, as the network alone would compute something else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from rnnbp.audio import AudioFeatures
from rnnbp.estimators import CTCTranscriber, RNNForecaster
from rnnbp.estimators.parts import Opened, opened
from rnnbp.interop.errors import InteropError
from rnnbp.interop.scaling import absorbed, unscaled
from rnnbp.networks.network import Network
from rnnbp.preprocessing import SequenceScaler

__all__ = ["Whole", "whole"]

Array = NDArray[Any]


class Whole(NamedTuple):
    """What is exported of a model.

    Attributes
    ----------
    network : Network
    features : AudioFeatures or None
        What makes its frames of a recording.
    notes : list of str
        What goes in and comes out.
    """

    network: Network
    features: AudioFeatures | None
    notes: list[str]


def whole(model: Any, *, dtype: DTypeLike | None = None) -> Whole:
    """Return the network that does what a model does.

    Parameters
    ----------
    model : Network, estimator, Pipeline or TransformedTargetRegressor
        Fitted.
    dtype : {"float32", "float64"} or None, default None
        That it is to compute in, which absorbed scaling must allow; None stands for the network's own.

    Returns
    -------
    Whole

    Raises
    ------
    TypeError
        If there is no network in it.
    InteropError
        If it does more than its network can: names what.

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> whole(rnnbp.Network([layers.Dense(2, 1)])).notes[0]
    'input: 2 features, in the units that the model was fitted to'
    """
    parts = opened(model)
    net = parts.end if isinstance(parts.end, Network) else getattr(parts.end, "network_", None)
    if not isinstance(net, Network):
        raise TypeError(
            f"net must be a Network, or a fitted estimator or pipeline that has one, but {type(model).__name__} was "
            "given"
        )
    if does := _more_than_its_network(parts.end):
        raise InteropError(
            f"{type(parts.end).__name__} is more than its network: it {does}. Alone, that would compute something "
            "else: export `.network_` in Python, and do the rest in your own code"
        )
    before = list(parts.before)
    features = before.pop(0) if before and isinstance(before[0], AudioFeatures) else None
    for scaler in reversed(before):
        net = absorbed(net, *_shift_and_scale(scaler, "before"), dtype=dtype)
    if parts.targets and getattr(parts.end, "out_activation_", "identity") != "identity":
        raise InteropError(
            f"{parts.targets[0]!r} scales the {parts.end.out_activation_} of the outputs, which no layer can absorb: "
            "leave the targets as they are"
        )
    for scaler in parts.targets:
        net = unscaled(net, *_shift_and_scale(scaler, "after"), dtype=dtype)
    return Whole(net, features, [_input(parts, features, net), _output(parts, net)])


def _more_than_its_network(model: Any) -> str:
    """Say what a model computes beside its network, which is no step of its own; empty if that is nothing."""
    if isinstance(model, RNNForecaster):
        differences = ", takes differences of its steps" if model.differenced_ else ""
        beside = ", with a linear model's beside it" if model.lag_weight_ else ""
        return f"scales each series by its own mean and deviation{differences}, and adds up what it predicts{beside}"
    if isinstance(model, CTCTranscriber) and model.sample_rate is not None:
        return "makes features of sound, normalised over what it has heard"
    return ""


def _shift_and_scale(scaler: Any, where: str) -> tuple[Array, Array]:
    """Return m and s of a scaler that makes (x - m) / s of x.

    Raises
    ------
    InteropError
        If it does something else.
    """
    if type(scaler) in (SequenceScaler, StandardScaler):
        n = scaler.n_features_in_ if isinstance(scaler, StandardScaler) else len(scaler.mean_)
        return (
            scaler.mean_ if scaler.with_mean else np.zeros(n),
            scaler.scale_ if scaler.with_std else np.ones(n),
        )
    if type(scaler) is MinMaxScaler and not scaler.clip:  # makes x scale_ + min_ of it
        return -scaler.min_ / scaler.scale_, 1 / scaler.scale_
    if type(scaler) is MaxAbsScaler and not getattr(scaler, "clip", None):
        return np.zeros(len(scaler.scale_)), scaler.scale_
    raise InteropError(f"there is a step {where} the network that no export can hold: {scaler!r}")


# -- what goes in and comes out ----------------------------------------------------------------------------------------


def _input(parts: Opened, features: Any, net: Network) -> str:
    if features is not None:
        return f"input: samples from -1 to 1, {features.sample_rate} in a second"
    if (names := getattr(parts.first, "feature_names_in_", None)) is not None:
        return f"input: {', '.join(f'{k} {name}' for k, name in enumerate(names))}, in the units of the table"
    return f"input: {net.n_inputs} features, in the units that the model was fitted to"


def _output(parts: Opened, net: Network) -> str:
    end, n = parts.end, net.n_outputs
    activation, classes = getattr(end, "out_activation_", None), getattr(end, "classes_", None)
    if (alphabet := getattr(end, "alphabet_", None)) is not None:
        return f"outputs: scores for each step, whose softmax is probabilities: 0 blank, {_numbered(alphabet, 1)}"
    if activation == "softmax":
        return f"outputs: scores, whose softmax is probabilities; the largest is the class: {_numbered(classes)}"
    if activation == "logistic" and len(classes) == n:  # type: ignore[arg-type]
        return f"outputs: one score for each label, which is there where it is above 0: {_numbered(classes)}"
    if activation == "logistic":
        low, *_, high = map(repr, _plain(classes))
        return (
            f"output: a score x: {high} where it is above 0, else {low}; {high} has the probability 1 / (1 + exp(-x))"
        )
    if activation == "exp":
        return f"outputs: {n} logarithms of the counts that are expected"
    if activation == "identity":
        return f"outputs: {n} predicted, in the units of the labels"
    return f"outputs: {n} of the last layer; a network alone does not say what they mean"


def _numbered(names: Any, first: int = 0) -> str:
    return ", ".join(f"{k} {_plain(name)!r}" for k, name in enumerate(names, first))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
