"""The layer of an Elman cell."""

from __future__ import annotations

from typing import Any

from rnnbp.cells import Cell, ElmanCell
from rnnbp.layers.recurrent import Recurrent

__all__ = ["Elman"]


class Elman(Recurrent):
    """A simple recurrent layer: h = f(x W + h' U + b); see `rnnbp.cells.elman`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    activation : str, default "tanh"
        f; any of the names that `Activation` knows.
    **options
        bidirectional, reverse, recurrent_dropout, zoneout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, H), ``bias`` (H,) and ``recurrent_weight`` (H, H); its state is ``h``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        activation: str = "tanh",
        **options: Any,
    ) -> None:
        self.activation = activation
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return an `ElmanCell`."""
        return ElmanCell(self.n_inputs, self.n_hidden, activation=self.activation)
