"""Layers that Keras has not, which heed masks. This file needs Keras."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["MaxOverTime", "Reversed"]


@keras.saving.register_keras_serializable("rnnbp")
class Reversed(keras.layers.Layer):
    """Turn what a layer with ``go_backwards=True`` gives round, so that step t belongs to input t again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x: Any) -> Any:
        """Return the steps in reverse order; the mask, which is in order, is handed on."""
        return keras.ops.flip(x, axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the input's shape."""
        return shape


@keras.saving.register_keras_serializable("rnnbp")
class MaxOverTime(keras.layers.Layer):
    """The largest values of each sequence's own frames."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        """Return (B, F)."""
        if mask is not None:
            x = keras.ops.where(keras.ops.expand_dims(mask, -1), x, -float("inf"))
        return keras.ops.max(x, axis=1)

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        """Return None: there is no axis of time any more."""
        return None

    def compute_output_shape(self, shape: Any) -> Any:
        """Return (B, F)."""
        return (shape[0], shape[2])
