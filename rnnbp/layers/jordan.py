"""The layer of a Jordan cell: the network sees its own previous output."""

from __future__ import annotations

from typing import Any

from rnnbp.cells import Cell, JordanCell
from rnnbp.configuration import flag
from rnnbp.layers.recurrent import Recurrent

__all__ = ["Jordan"]


class Jordan(Recurrent):
    """A recurrent layer that is fed its own previous output; see `rnnbp.cells.jordan`.

    In training the target takes the place of the previous output (teacher forcing); at inference the loop is closed.
    Teacher forcing needs targets for this very output, so it applies where the layer runs in one direction and is the
    network's last but for activations; anywhere else the loop is closed in training too.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.
    n_outputs : int or None, default None
        The width of the output; None stands for n_hidden.
    activation : str, default "tanh"
        Of the hidden units.
    feedback_activation : str, default "identity"
        What makes of the output what it stands for, before it is fed back: "identity" for values, "softmax" for
        classes, "sigmoid" for probabilities (losses take logits, and so the layer puts out logits).
    teacher_forcing : bool, default True
        Whether targets are fed back in training where they can be.
    **options
        bidirectional, reverse, recurrent_dropout, zoneout, gradient, input_initializer, recurrent_initializer and
        bias_initializer: see `Recurrent`.

    Raises
    ------
    ValueError
        If zoneout is asked for with teacher forcing, which would leave nothing of it, or as `Recurrent` says.

    Notes
    -----
    Its parameters are ``input_weight`` (I, H), ``bias`` (H,), ``recurrent_weight`` (n_outputs, H), ``output_weight``
    (H, n_outputs) and ``output_bias`` (n_outputs,); its state is ``v``, the output as it is fed back.

    See Also
    --------
    Elman
    rnnbp.training.NextStep

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbp import Network
    >>> net = Network([Jordan(3, 8, n_outputs=2)])
    >>> net.forward(np.zeros((5, 4, 3))).shape
    (5, 4, 2)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        n_outputs: int | None = None,
        activation: str = "tanh",
        feedback_activation: str = "identity",
        teacher_forcing: bool = True,
        **options: Any,
    ) -> None:
        self.n_outputs = n_outputs
        self.activation = activation
        self.feedback_activation = feedback_activation
        self.teacher_forcing = flag("teacher_forcing", teacher_forcing)
        super().__init__(n_inputs, n_hidden, **options)
        if self.zoneout and teacher_forcing:
            raise ValueError("zoneout has no effect where targets are fed back: give teacher_forcing=False with it")

    @property
    def teacher_forced(self) -> bool:
        """Whether it is, and runs in one direction."""
        return self.teacher_forcing and not self.bidirectional

    def make_cell(self) -> Cell:
        """Return a `JordanCell`."""
        return JordanCell(
            self.n_inputs,
            self.n_hidden,
            self.n_hidden if self.n_outputs is None else self.n_outputs,
            activation=self.activation,
            feedback_activation=self.feedback_activation,
        )
