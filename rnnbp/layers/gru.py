"""The layer of a gated recurrent unit."""

from __future__ import annotations

from typing import Any

from rnnbp.cells import Cell, GRUCell, ResetBeforeGRUCell
from rnnbp.configuration import lookup
from rnnbp.layers.recurrent import Recurrent

__all__ = ["GRU"]


class GRU(Recurrent):
    """A layer of gated recurrent units; see `rnnbp.cells.gru`.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    reset : {"after", "before"}, default "after"
        Whether the reset gate acts after the recurrent product (PyTorch, cuDNN) or before it (Cho et al. 2014).
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Notes
    -----
    Its parameters are ``input_weight`` (I, 3 H), ``bias`` (3 H,), ``recurrent_weight`` (H, 3 H) and, in the
    reset-after form, ``recurrent_bias`` (3 H,), with the gates in the order r, z, n; its state is ``h``.
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        reset: str = "after",
        **options: Any,
    ) -> None:
        self.reset = reset
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return a `GRUCell`, or a `ResetBeforeGRUCell`."""
        cells: dict[str, type[Cell]] = {"after": GRUCell, "before": ResetBeforeGRUCell}
        return lookup(cells, self.reset, "place of the reset gate")(self.n_inputs, self.n_hidden)
