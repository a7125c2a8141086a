"""What the project compiles, without its compiler: its NumPy text as it stands; the beam search in plain Python."""

from collections import defaultdict
from functools import partial
from math import exp, inf, log1p

import numpy as np

from benchmarks.contestants import Prepared, own
from benchmarks.tasks import BeamDecoding, Recurrent


def beam_decoding(task: BeamDecoding) -> Prepared:
    """Return a beam search with a dictionary of prefixes for each step."""
    logits = task.logits()

    def run():
        return [_search(each, task.width) for each in logits]

    def check():
        best = run()
        return {"score": np.array([score for score, _ in best]), "labels": np.concatenate([found for _, found in best])}

    return Prepared(run, check)


def _search(logits: np.ndarray, width: int) -> tuple[float, list[int]]:
    """Return the score and the labels of the best prefix; class 0 is the blank."""
    log_p = logits.astype(float)
    log_p -= log_p.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    beam = {(): (0.0, -inf)}
    for y in log_p.tolist():
        following = defaultdict(lambda: [-inf, -inf])
        for prefix, (b, nb) in beam.items():
            both, last = _add(b, nb), prefix[-1] if prefix else None
            stays = following[prefix]
            stays[0] = _add(stays[0], both + y[0])
            if prefix:
                stays[1] = _add(stays[1], nb + y[last])
            for c in range(1, len(y)):
                longer = following[*prefix, c]
                longer[1] = _add(longer[1], (b if c == last else both) + y[c])
        ranked = sorted(following.items(), key=lambda item: -_add(*item[1]))
        beam = {prefix: (b, nb) for prefix, (b, nb) in ranked[:width]}
    prefix, parts = next(iter(beam.items()))
    return _add(*parts), list(prefix)


def _add(a: float, b: float) -> float:
    """Return log(e^a + e^b)."""
    high, low = (a, b) if a > b else (b, a)
    return high if low == -inf else high + log1p(exp(low - high))


TASKS = {Recurrent: partial(own.recurrent, compiled=False), BeamDecoding: beam_decoding}
