"""Layers that Keras has not, which heed masks. This file needs Keras."""

from __future__ import annotations

from typing import Any

import keras

__all__ = ["Convolution", "Embedding", "MaxOverTime", "Reversed"]


@keras.saving.register_keras_serializable("rnnbp")
class Embedding(keras.layers.Embedding):
    """An embedding that hands the mask of its symbols on."""

    def __init__(self, *sizes: Any, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask of the symbols."""
        return mask


@keras.saving.register_keras_serializable("rnnbp")
class Convolution(keras.layers.Conv1D):
    """A convolution that sees zeros outside a sequence, with frames of zeros before it and after it."""

    def __init__(self, *sizes: Any, before: int, after: int, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.before, self.after, self.supports_masking = before, after, True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return (B, ceil(T / stride), n_outputs)."""
        if mask is not None:
            inputs = keras.ops.where(keras.ops.expand_dims(mask, -1), inputs, 0.0)
        return super().call(keras.ops.pad(inputs, ((0, 0), (self.before, self.after), (0, 0))))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return whether each window lies in its sequence."""
        return None if mask is None else mask[:, :: self.strides[0]]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (B, ceil(T / stride), n_outputs)."""
        batch, steps, width = input_shape
        return super().compute_output_shape((batch, None if steps is None else steps + self.before + self.after, width))

    def get_config(self) -> dict[str, Any]:
        """Return the settings."""
        return {**super().get_config(), "before": self.before, "after": self.after}


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
