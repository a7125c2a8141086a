"""What all exports of a cell ask of it: what its blocks begin with, and how a stage is written that leaves no trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import ACTIVATIONS
from rnnbp.cells import Cell, Stage
from rnnbp.cells.elman import activation_step
from rnnbp.cells.jordan import feedback_step
from rnnbp.data.packing import Packing
from rnnbp.gradients.recurrence import Recurrence

__all__ = ["softmax_outputs", "start_of"]

# Steps that look along the features, and which of their outputs are the block itself; the others are its softmax.
SOFTMAX = {
    activation_step(ACTIVATIONS["softmax"])[0]: (False,),
    feedback_step(ACTIVATIONS["softmax"])[0]: (True, False),
}


def start_of(cell: Cell, parameters: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return what the blocks, side by side, begin with: biases, and the means of what is random."""
    x = np.zeros((1, cell.n_inputs), next(iter(parameters.values())).dtype)
    return Recurrence(cell, parameters, x, Packing.full(1, 1), {}).bias()[: sum(map(cell.width, cell.blocks))]


def softmax_outputs(stage: Stage) -> dict[str, bool]:
    """Return the outputs of a stage of ours that looks along the features, and whether each is the block itself.

    Raises
    ------
    ValueError
        If the stage is another.
    """
    if stage.step not in SOFTMAX:
        raise ValueError(
            f"has a stage with elementwise=False, {stage.step.__name__}, which runs as NumPy: it leaves no trace to "
            "be written from"
        )
    return dict(zip(stage.outputs, SOFTMAX[stage.step], strict=True))
