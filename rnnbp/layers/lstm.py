"""The layer of an LSTM cell."""

from __future__ import annotations

from typing import Any

from rnnbp.cells import Cell, LSTMCell, PeepholeLSTMCell
from rnnbp.initializers import Initializer
from rnnbp.layers.recurrent import Recurrent

__all__ = ["LSTM"]


class LSTM(Recurrent):
    """A layer of long short-term memory; see `rnnbp.cells.lstm` and `rnnbp.cells.peephole_lstm`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    peepholes : bool, default False
        Whether the gates see the cell state.
    bias_initializer : str or Initializer, default "forget_gate"
        By default the forget gate's bias starts at 1, so that a new network remembers.
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer and recurrent_initializer: see
        `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, 4 H), ``bias`` (4 H,) and ``recurrent_weight`` (H, 4 H), with the gates in
    the order i, f, g, o, and ``peephole`` (3 H,) in the order i, f, o, first 0; its states are ``h`` and ``c``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        peepholes: bool = False,
        bias_initializer: str | Initializer = "forget_gate",
        **options: Any,
    ) -> None:
        self.peepholes = peepholes
        super().__init__(n_inputs, n_hidden, bias_initializer=bias_initializer, **options)

    def make_cell(self) -> Cell:
        """Return an `LSTMCell`, or a `PeepholeLSTMCell`."""
        return (PeepholeLSTMCell if self.peepholes else LSTMCell)(self.n_inputs, self.n_hidden)
