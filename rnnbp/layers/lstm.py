"""The layer of an LSTM cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnbp.activations import elementwise
from rnnbp.cells import Cell, LayerNormLSTMCell, LSTMCell, PeepholeLSTMCell, VariantLSTMCell
from rnnbp.configuration import flag, number
from rnnbp.initializers import Initializer
from rnnbp.layers.recurrent import Recurrent

__all__ = ["LSTM"]


class LSTM(Recurrent):
    """A layer of long short-term memory; see `rnnbp.cells.lstm`, and its variants beside it.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    peepholes : bool, default False
        Whether the gates see the cell state.
    layer_norm : bool, default False
        Whether the two products, and the cell state on its way to h, are normalised (Ba et al. 2016).
    activations : sequence of str, default ("sigmoid", "tanh", "tanh")
        Of the gates, of the candidate, and of the cell state on its way to h; elementwise ones of those that
        `Activation` knows.
    clip : float or None, default None
        The size that pre-activations are cut off at; None for no limit.
    coupled : bool, default False
        Whether the forget gate is 1 - i, and has no parameters.
    zoneout, zoneout_cell : float, default 0
        The rates of zoneout of h and of c (Krueger et al. 2017); see `Recurrent`. The paper has 0.05 and 0.5.
    bias_initializer : str or Initializer, default "forget_gate"
        By default the forget gate's bias starts at 1, so that a new network remembers.
    **options
        bidirectional, reverse, recurrent_dropout, gradient, input_initializer and recurrent_initializer: see
        `Recurrent`.

    Raises
    ------
    ValueError
        If layer normalisation is to be combined with peepholes, coupled gates, other functions or a limit, or as
        `Recurrent` says.

    Notes
    -----
    Its parameters are ``input_weight`` (I, 4 H), ``bias`` (4 H,) and ``recurrent_weight`` (H, 4 H), with the gates in
    the order i, f, g, o, and ``peephole`` (3 H,) in the order i, f, o, first 0 (coupled gates are without f); with
    layer normalisation also ``input_gain`` and ``recurrent_gain`` (4 H,), ``cell_gain`` and ``cell_bias`` (H,), gains
    first 1 and the bias 0.
    Its states are ``h`` and ``c``.

    See Also
    --------
    GRU
    rnnbp.cells.LSTMCell
    rnnbp.initializers.Chrono

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network
    >>> net = Network([LSTM(3, 8, peepholes=True)])
    >>> run = net.run(np.zeros((5, 2, 3)))
    >>> {name: state.shape for name, state in run.final_states.items()}
    {'0.h': (2, 8), '0.c': (2, 8)}
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        peepholes: bool = False,
        layer_norm: bool = False,
        activations: Sequence[str] = ("sigmoid", "tanh", "tanh"),
        clip: float | None = None,
        coupled: bool = False,
        zoneout_cell: float = 0.0,
        bias_initializer: str | Initializer = "forget_gate",
        **options: Any,
    ) -> None:
        self.peepholes = flag("peepholes", peepholes)
        self.layer_norm = flag("layer_norm", layer_norm)
        self.zoneout_cell = number("zoneout_cell", zoneout_cell, "[0, 1)")
        if peepholes and layer_norm:
            raise ValueError("peepholes and layer_norm cannot be combined: choose one of them")
        self.activations = elementwise("activations", activations, 3)
        self.clip = None if clip is None else number("clip", clip)
        self.coupled = flag("coupled", coupled)
        self._varies = self.activations != ("sigmoid", "tanh", "tanh") or clip is not None or coupled
        if layer_norm and self._varies:
            raise ValueError(
                "layer_norm goes with the usual activations and gates and without a limit: leave one of them out"
            )
        super().__init__(n_inputs, n_hidden, bias_initializer=bias_initializer, **options)

    def make_cell(self) -> Cell:
        """Return an `LSTMCell`, a `PeepholeLSTMCell`, a `VariantLSTMCell` or a `LayerNormLSTMCell`."""
        if self._varies:
            return VariantLSTMCell(
                self.n_inputs,
                self.n_hidden,
                activations=self.activations,
                clip=self.clip,
                coupled=self.coupled,
                peepholes=self.peepholes,
            )
        cell = PeepholeLSTMCell if self.peepholes else LayerNormLSTMCell if self.layer_norm else LSTMCell
        return cell(self.n_inputs, self.n_hidden)

    def zoneout_rates(self, cell: Cell) -> dict[str, float]:
        """Return the rates of h and c."""
        return {"h": self.zoneout, "c": self.zoneout_cell}
