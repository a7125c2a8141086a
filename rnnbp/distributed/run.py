"""A training run whose gradients are summed by workers.

With g_p, v_p and n_p the gradient, the loss and its normalizer (`Loss.normalizer`) of a minibatch's examples in part
p::

    g = sum_p n_p g_p / N,   v = sum_p n_p v_p / N,   N = sum_p n_p, or 1 if the loss is a sum

which is what the whole minibatch has by the definition of a loss, whoever holds the parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.data.training_set import TrainingSet
from rnnbp.distributed.data import Spread
from rnnbp.distributed.messages import Piece
from rnnbp.distributed.sums import root
from rnnbp.distributed.tasks import split_state
from rnnbp.optimizers import Optimizer, State, clip_by_norm
from rnnbp.training.evaluation import judge
from rnnbp.training.run import Found, NonFiniteError, TrainingRun

__all__ = ["ClusterRun"]

Array = NDArray[Any]
Index = NDArray[np.intp]


@dataclass
class ClusterRun(TrainingRun):
    """A training run on a cluster; see `TrainingRun`."""

    computes_here: ClassVar[bool] = False

    def __exit__(self, *_: object) -> None:
        for data in (self.data, self.validation):
            if isinstance(data, Spread):
                data.crew.release()

    def minibatch(
        self,
        chosen: Index,
        start: int = 0,
        stop: int | None = None,
        *,
        rng: np.random.Generator | None = None,
        **options: Any,
    ) -> Found:
        """Return loss and gradient of some examples, which are finite; see `TrainingRun.minibatch`."""
        data = self.data
        assert isinstance(data, Spread)
        part_of, within = data.locate(chosen)
        where = {int(part): np.flatnonzero(part_of == part) for part in np.unique(part_of)}
        initial = options.pop("initial_states", {})
        pieces = {
            part: Piece(leaf, within[at], {name: state[at] for name, state in initial.items()} or None)
            for leaf, (part, at) in enumerate(where.items())
        }
        answer = data.crew.ask(
            "gradient",
            self.net.theta,
            pieces,
            epoch=len(self.history),
            steps=(start, stop),
            seeds=(_seed(self.net.rng), None if rng is None else _seed(rng)),
            **options,
        )
        values, shares, n_rows, finals = zip(*(answer.found[part] for part in where), strict=True)
        whole = 1.0 if self.loss.is_sum else sum(shares)
        gradient = root(answer.sums, len(pieces)) / np.asarray(whole or 1.0, self.net.dtype)
        norm = clip_by_norm(gradient, np.inf)
        if not (math.isfinite(norm) or np.isfinite(gradient).all()):
            raise NonFiniteError(f"in epoch {len(self.history) + 1} the sum of the parts' gradients is not finite")
        value = sum(value * share for value, share in zip(values, shares, strict=True)) / (whole or 1.0)
        carried: dict[str, Array] = {}
        for name, state in finals[0].items():
            carried[name] = np.empty((len(chosen), *state.shape[1:]), state.dtype)
            for at, final in zip(where.values(), finals, strict=True):
                carried[name][at] = final[name]
        return Found(value, gradient, carried, whole, norm, sum(n_rows))

    def descend_apart(
        self, pieces: Sequence[Any], optimizer: Optimizer, state: State, times: Sequence[float], **options: Any
    ) -> tuple[float, float, float, int]:
        """Let each part change parameters of its own by its examples of some minibatches, and take their mean."""
        data, theta, rng = self.data, self.net.theta, options.pop("rng")
        assert isinstance(data, Spread)
        located = [data.locate(chosen) for (chosen,) in pieces]
        present = np.unique(np.concatenate([part_of for part_of, _ in located]))
        work = {
            int(part): Piece(leaf, [within[part_of == part] for part_of, within in located])
            for leaf, part in enumerate(present)
        }
        answer = data.crew.ask(
            "local_updates",
            theta,
            work,
            epoch=len(self.history),
            seeds=(_seed(self.net.rng), None if rng is None else _seed(rng)),
            l2=self.l2,
            optimizer=optimizer,
            state=state,
            times=times,
            **options,
        )
        totals, shares, norms, n_rows, rests = zip(*(answer.found[part] for part in work), strict=True)
        weights = np.array(shares)  # of each part in each minibatch
        mean = root(answer.sums, len(work)) / np.asarray(weights.sum() or 1.0, theta.dtype)
        if not np.isfinite(mean).all():
            raise NonFiniteError(f"in epoch {len(self.history) + 1} the mean of the parts' parameters is not finite")
        vectors, _ = split_state(theta, state)
        for target, found in zip((theta, *vectors.values()), np.split(mean, 1 + len(vectors)), strict=True):
            target[...] = found
        for name in rests[0]:  # counts of updates, of which a part without examples has done fewer
            state[name][...] = np.max([rest[name] for rest in rests], axis=0)
        together = weights.sum(axis=0)
        norm = float(((weights * norms).sum(axis=0) / np.where(together, together, 1.0)).sum())
        share = float(len(pieces) if self.loss.is_sum else together.sum())
        return sum(totals) / (share or 1.0), share, norm, sum(n_rows)

    def validate(self, validation: TrainingSet) -> tuple[float, float | None]:
        """Return the loss of validation data, and their score if one is asked for."""
        assert isinstance(validation, Spread)
        pieces = validation.everything()
        found = validation.crew.ask("evaluation", self.net.theta, pieces, scored=self.score is not None).found
        return judge([found[part] for part in sorted(found)], self.loss, self.score)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**63))
