"""Training on a stream: each block of sequences is made anew, shown once, and thrown away.

`rnnbp.fit` trains on the data that it is given; here it is called for one block after the other, and the optimizer's
state goes on from each to the next, so that the whole is one descent. Between two blocks the network can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import rnnbp
from rnnbp import losses, optimizers

__all__ = ["train"]


def train(
    net: rnnbp.Network,
    blocks: Iterable[tuple[Any, Any]],
    *,
    loss: losses.Loss,
    optimizer: Callable[[float], optimizers.Optimizer],
    rate: optimizers.Schedule,
    batch_size: int,
) -> Iterator[int]:
    """Train on one block after the other, and yield after each how many have been shown.

    Parameters
    ----------
    net : Network
        Changed in place.
    blocks : iterable of (x, target)
        See `rnnbp.fit`.
    loss : Loss
    optimizer : callable
        ``optimizer(rate)`` makes the optimizer for a block, such as ``partial(optimizers.Adam, clip_norm=1.0)``.
    rate : Schedule
        The learning rate; its unit of time is the block.
    batch_size : int
    """
    state = None
    for done, (x, target) in enumerate(blocks):
        step = optimizer(rate(done))
        state = step.init(net.theta, decayed=net.parameters.decayed) if state is None else state
        rnnbp.fit(
            net,
            x,
            target,
            loss=loss,
            optimizer=step,
            max_epochs=1,
            batch_size=batch_size,
            optimizer_state=state,
            progress=False,
        )
        yield done + 1
