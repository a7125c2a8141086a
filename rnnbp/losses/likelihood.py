"""Likelihoods of label sequences, by the engine; see `rnnbp.losses.forward_backward` for the equations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.kernels import threads
from rnnbp.losses.label_sequences import LabelSequences

__all__ = ["negative_log_likelihoods"]

Array = NDArray[Any]

OPERATIONS = 40  # of a state at a step, in multiply-adds


def negative_log_likelihoods(
    rows: Array, target: LabelSequences, blank: int, shares: Array
) -> tuple[NDArray[np.float64], Array]:
    """Return the loss of each sequence, and the gradient of their sum weighted by `shares`; on the engine.

    An infinite loss has a gradient of 0.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, C)
    target : LabelSequences
        Over the steps of these rows.
    blank : int
    shares : ndarray of shape (B,)
    """
    from rnnbp.kernels import processor
    from rnnbp.kernels.ctc import CTCRecord, work_size
    from rnnbp.kernels.engine import engine

    packing = target.packing
    assert packing is not None
    n_labels = int(target.lengths.max())
    states = int(packing.lengths @ (target.lengths + 1))
    n_shares = threads.worth_waking(len(target), OPERATIONS * states)
    dtype = rows.dtype.name
    size = work_size(processor.lanes(dtype), rows.shape[1], packing.n_steps, n_labels)
    gradient, losses = np.empty(rows.shape, rows.dtype), np.empty(len(target))
    record = CTCRecord(
        layout=packing.layout(1),
        width=rows.shape[1], blank=blank, z=np.ascontiguousarray(rows), dz=gradient,
        labels=target.values, offsets=target.offsets, shares=np.ascontiguousarray(shares, np.float64), loss=losses,
        work=np.empty(n_shares * size, rows.dtype), work_size=size,
        norms=np.empty(n_shares * packing.n_steps), n_shares=n_shares,
    )  # fmt: skip
    made = engine(dtype)
    instruction = made.instruction("ctc", record)
    instruction.n_shares = n_shares
    threads.Runner(made, [instruction]).run(0, 1)
    return losses, gradient
