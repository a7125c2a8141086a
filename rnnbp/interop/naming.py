"""What others call a layer's tensors, and how these lie: the way there and back for each kind of layer.

=========  =============================  ===================================  ================================
layer      ours                           PyTorch                              Keras
=========  =============================  ===================================  ================================
Dense      weight (I, O), bias            weight (O, I), bias                  kernel (I, O), bias
Conv1D     weight (K I, O), bias          weight (O, I, K), bias               kernel (K, I, O), bias
Embedding  weight                         weight                               embeddings
LayerNorm  gain, bias                     weight, bias                         gamma, beta
recurrent  input_weight                   weight_ih_l0                         kernel
           recurrent_weight               weight_hh_l0                         recurrent_kernel
           bias, recurrent_bias           bias_ih_l0, bias_hh_l0               bias
           their names end in _reverse    their names end in _reverse          they lie in a layer of their own
=========  =============================  ===================================  ================================

The order of gates is that of `rnnbp.interop.conventions`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.interop.conventions import CONVENTIONS, Weights, kind_of
from rnnbp.layers import GRU, Conv1D, Dense, Embedding, Layer, LayerNorm

__all__ = ["Keras", "Naming", "PyTorch"]

Array = NDArray[Any]
Tensors = Mapping[str, Array]


class Naming(ABC):
    """One program's tensors of a layer.

    Attributes
    ----------
    simple : dict
        For each kind of layer without gates, the names of its tensors under the names of our parameters.
    """

    simple: ClassVar[Mapping[type[Layer], Mapping[str, str]]]

    def tensors(self, layer: Layer, parameters: Tensors, *, depth: int = 0) -> dict[str, Array]:
        """Return a layer's tensors; none for one without parameters.

        Parameters
        ----------
        layer : Layer
        parameters : mapping of str to ndarray
        depth : int, default 0
            Which of several recurrent layers in one module it is.

        Raises
        ------
        ValueError
            If they have no such layer; says why.
        """
        if type(layer) in self.simple:
            names = self.simple[type(layer)]
            return {theirs: self.turned(layer, parameters[ours]) for ours, theirs in names.items()}
        return self.recurrent(layer, parameters, depth) if parameters else {}

    def parameters(self, layer: Layer, tensors: Tensors, *, depth: int = 0) -> dict[str, Array]:
        """Return a layer's parameters, of its tensors; zeros where they have no bias."""
        if type(layer) in self.simple:
            declared = {parameter.name: parameter.shape for parameter in layer.parameters()}
            names = self.simple[type(layer)]
            dtype = next(iter(tensors.values())).dtype if tensors else np.dtype(np.float32)
            blank = {
                "bias": np.zeros(declared.get("bias", ()), dtype),
                "gain": np.ones(declared.get("gain", ()), dtype),
            }
            return {
                ours: self.returned(layer, tensors[theirs]) if theirs in tensors else blank[ours]
                for ours, theirs in names.items()
            }
        return self.recurrent_parameters(layer, tensors, depth) if layer.parameters() else {}

    @abstractmethod
    def turned(self, layer: Layer, array: Array) -> Array:
        """Return a matrix as it lies there."""

    @abstractmethod
    def returned(self, layer: Layer, array: Array) -> Array:
        """Return a matrix as it lies here."""

    @abstractmethod
    def recurrent(self, layer: Layer, parameters: Tensors, depth: int) -> dict[str, Array]:
        """Return the tensors of a recurrent layer."""

    @abstractmethod
    def recurrent_parameters(self, layer: Layer, tensors: Tensors, depth: int) -> dict[str, Array]:
        """Return the parameters of a recurrent layer."""


class PyTorch(Naming):
    """PyTorch's modules."""

    simple: ClassVar[Mapping[type[Layer], Mapping[str, str]]] = {
        Dense: {"weight": "weight", "bias": "bias"},
        Conv1D: {"weight": "weight", "bias": "bias"},
        Embedding: {"weight": "weight"},
        LayerNorm: {"gain": "weight", "bias": "bias"},
    }

    def turned(self, layer: Layer, array: Array) -> Array:
        """Return a matrix with its units in rows, and a convolution's with its frames last."""
        if array.ndim < 2 or isinstance(layer, Embedding):
            return array
        if isinstance(layer, Conv1D):
            array = array.reshape(layer.width, layer.n_inputs, layer.n_outputs)
        return np.ascontiguousarray(array.T)

    def returned(self, layer: Layer, array: Array) -> Array:
        """Return a matrix with its units in columns."""
        if array.ndim < 2 or isinstance(layer, Embedding):
            return array
        return array.T.reshape(-1, len(array))

    def recurrent(self, layer: Layer, parameters: Tensors, depth: int) -> dict[str, Array]:
        """Return the tensors of a recurrent layer, both directions'."""
        if isinstance(layer, GRU) and layer.reset == "before":
            raise ValueError('has reset="before", and PyTorch resets after the product')
        found: dict[str, Array] = {}
        for suffix in _suffixes(layer):
            *weights, _ = CONVENTIONS["pytorch"].theirs(layer, parameters, suffix)
            found |= {
                name: array for name, array in zip(_names(depth, suffix), weights, strict=True) if array is not None
            }
        return found

    def recurrent_parameters(self, layer: Layer, tensors: Tensors, depth: int) -> dict[str, Array]:
        """Return the parameters of a recurrent layer, both directions'."""
        found: dict[str, Array] = {}
        for suffix in _suffixes(layer):
            w, r, *biases = _names(depth, suffix)
            zero = np.zeros(len(tensors[w]), tensors[w].dtype)
            weights = Weights(tensors[w], tensors[r], *(tensors.get(name, zero) for name in biases))
            found |= CONVENTIONS["pytorch"].ours(layer, weights, suffix)
        return found


def _names(depth: int, suffix: str) -> list[str]:
    return [f"{name}_l{depth}{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def _suffixes(layer: Any) -> tuple[str, ...]:
    kind_of(layer)
    return ("", "_reverse") if layer.bidirectional else ("",)


class Keras(Naming):
    """Keras' layers; of a bidirectional one, names begin with "forward/" and "backward/"."""

    simple: ClassVar[Mapping[type[Layer], Mapping[str, str]]] = {
        Dense: {"weight": "kernel", "bias": "bias"},
        Conv1D: {"weight": "kernel", "bias": "bias"},
        Embedding: {"weight": "embeddings"},
        LayerNorm: {"gain": "gamma", "bias": "beta"},
    }

    def turned(self, layer: Layer, array: Array) -> Array:
        """Return a convolution's matrix with an axis of frames, and others as they are."""
        if isinstance(layer, Conv1D) and array.ndim == 2:
            return array.reshape(layer.width, layer.n_inputs, layer.n_outputs)
        return array

    def returned(self, layer: Layer, array: Array) -> Array:
        """Return a convolution's matrix without its axis of frames, and others as they are."""
        return array.reshape(-1, array.shape[-1]) if isinstance(layer, Conv1D) and array.ndim == 3 else array

    def recurrent(self, layer: Layer, parameters: Tensors, depth: int) -> dict[str, Array]:
        """Return the tensors of a recurrent layer; a GRU that resets after the product has two rows of biases."""
        found: dict[str, Array] = {}
        for prefix, suffix in _directions(layer):
            weights = CONVENTIONS["keras"].theirs(layer, parameters, suffix)
            two = "recurrent_bias" + suffix in parameters
            bias = np.stack([weights.bias, weights.recurrent_bias]) if two else weights.bias
            tensors = {"kernel": weights.input, "recurrent_kernel": weights.recurrent, "bias": bias}
            found |= {prefix + name: array for name, array in tensors.items()}
        return found

    def recurrent_parameters(self, layer: Layer, tensors: Tensors, depth: int) -> dict[str, Array]:
        """Return the parameters of a recurrent layer."""
        found: dict[str, Array] = {}
        for prefix, suffix in _directions(layer):
            w, r = tensors[f"{prefix}kernel"], tensors[f"{prefix}recurrent_kernel"]
            zero = np.zeros(w.shape[1], w.dtype)
            bias = tensors.get(f"{prefix}bias", zero)
            first, second = bias if bias.ndim == 2 else (bias, zero)
            found |= CONVENTIONS["keras"].ours(layer, Weights(w, r, first, second), suffix)
        return found


def _directions(layer: Any) -> tuple[tuple[str, str], ...]:
    kind_of(layer)
    return (("forward/", ""), ("backward/", "_reverse")) if layer.bidirectional else (("", ""),)
