"""The layer of an Elman cell."""

from __future__ import annotations

from typing import Any

from rnnbp.cells import Cell, ElmanCell
from rnnbp.configuration import number
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
    clip : float or None, default None
        The size that pre-activations are cut off at; None for no limit.
    **options
        bidirectional, reverse, recurrent_dropout, zoneout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, H), ``bias`` (H,) and ``recurrent_weight`` (H, H); its state is ``h``.

    See Also
    --------
    GRU
    LSTM
    Jordan

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network
    >>> net = Network([Elman(3, 8, activation="relu")])
    >>> net.forward(np.zeros((5, 2, 3))).shape  # T = 5 steps, B = 2 sequences
    (5, 2, 8)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        activation: str = "tanh",
        clip: float | None = None,
        **options: Any,
    ) -> None:
        self.activation = activation
        self.clip = None if clip is None else number("clip", clip)
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return an `ElmanCell`."""
        return ElmanCell(self.n_inputs, self.n_hidden, activation=self.activation, clip=self.clip)
