"""Which worker holds which parts of the data.

Each part is held by one worker, and workers hold equally many, give or take one. When workers go or come, as few parts
as possible move. At the start a worker's parts are neighbours, which are summed where they are; see
`rnnbp.distributed.sums`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["assign"]


def assign(n_parts: int, workers: Sequence[str], held: Mapping[int, str]) -> dict[int, str]:
    """Return the worker of each part.

    Parameters
    ----------
    n_parts : int
    workers : sequence of str
        At least one.
    held : mapping of int to str
        The present holders, of which some may be no worker any more.

    Examples
    --------
    >>> assign(4, ["a", "b"], {})
    {0: 'a', 1: 'a', 2: 'b', 3: 'b'}
    >>> assign(4, ["a", "b", "c"], {0: "a", 1: "a", 2: "b", 3: "b"})
    {0: 'a', 1: 'a', 2: 'b', 3: 'c'}
    """
    own = {worker: [part for part in range(n_parts) if held.get(part) == worker] for worker in workers}
    by_load = sorted(workers, key=lambda worker: -len(own[worker]))  # stable: in their order, if they hold as much
    least, n_more = divmod(n_parts, len(workers))
    quota = {worker: least + (i < n_more) for i, worker in enumerate(by_load)}
    kept = {part: worker for worker in workers for part in own[worker][: quota[worker]]}
    free = [part for part in range(n_parts) if part not in kept]
    for worker in workers:
        room = quota[worker] - min(len(own[worker]), quota[worker])
        kept |= dict.fromkeys(free[:room], worker)
        free = free[room:]
    return dict(sorted(kept.items()))
