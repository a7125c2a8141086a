"""The layer of a gated recurrent unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rnnbp.activations import elementwise
from rnnbp.cells import Cell, GRUCell, LayerNormGRUCell, ResetBeforeGRUCell, VariantGRUCell
from rnnbp.configuration import flag, lookup, number
from rnnbp.layers.recurrent import Recurrent

__all__ = ["GRU"]


class GRU(Recurrent):
    """A layer of gated recurrent units; see `rnnbp.cells.gru`, `layer_norm_gru` and `variant_gru` there.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    reset : {"after", "before"}, default "after"
        Whether the reset gate acts after the recurrent product (PyTorch, cuDNN) or before it (Cho et al. 2014).
    layer_norm : bool, default False
        Whether the two products are normalised (Ba et al. 2016); with the reset gate after the product only.
    activations : sequence of str, default ("sigmoid", "tanh")
        Of the gates, and of the candidate; elementwise ones of those that `Activation` knows.
    clip : float or None, default None
        The size that pre-activations are cut off at; None for no limit.
    **options
        bidirectional, reverse, recurrent_dropout, zoneout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Raises
    ------
    ValueError
        If `reset` is another word, if layer normalisation is asked for with ``reset="before"`` or with other functions
        or a limit, or as `Recurrent` says.

    Notes
    -----
    Its parameters are ``input_weight`` (I, 3 H), ``bias`` (3 H,), ``recurrent_weight`` (H, 3 H) and, in the
    reset-after form, ``recurrent_bias`` (3 H,), with the gates in the order r, z, n; with layer normalisation also
    ``input_gain`` and ``recurrent_gain`` (3 H,), first 1. Its state is ``h``.

    See Also
    --------
    LSTM
    Elman
    rnnbp.cells.GRUCell

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network
    >>> net = Network([GRU(3, 8, bidirectional=True)])
    >>> net.forward([np.zeros((5, 3)), np.zeros((2, 3))]).shape  # of both directions, padded
    (5, 2, 16)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        reset: Literal["after", "before"] = "after",
        layer_norm: bool = False,
        activations: Sequence[str] = ("sigmoid", "tanh"),
        clip: float | None = None,
        **options: Any,
    ) -> None:
        self.reset = reset
        self.layer_norm = flag("layer_norm", layer_norm)
        if layer_norm and reset == "before":
            raise ValueError('layer_norm is for the reset gate after the product: leave out reset="before"')
        self.activations = elementwise("activations", activations, 2)
        self.clip = None if clip is None else number("clip", clip)
        self._varies = self.activations != ("sigmoid", "tanh") or clip is not None
        if layer_norm and self._varies:
            raise ValueError("layer_norm goes with the usual activations and without a limit: leave one of them out")
        super().__init__(n_inputs, n_hidden, **options)

    def make_cell(self) -> Cell:
        """Return a `GRUCell`, a `ResetBeforeGRUCell`, a `VariantGRUCell` or a `LayerNormGRUCell`."""
        after = LayerNormGRUCell if self.layer_norm else GRUCell
        cells: dict[str, type[Cell]] = {"after": after, "before": ResetBeforeGRUCell}
        cell = lookup(cells, self.reset, "place of the reset gate")
        if self._varies:
            return VariantGRUCell(
                self.n_inputs, self.n_hidden, reset=self.reset, activations=self.activations, clip=self.clip
            )
        return cell(self.n_inputs, self.n_hidden)
