"""Within a Dask worker: networks, parts of data sets, and answers to requests.

A part is brought by a Dask task, `hold`, whose result is a description of it. The worker has the part for as long as
that result is kept: Dask lets go of it when the client drops its future, or is gone, and then so does the worker.
Requests come from the client or from another worker over the connections that Dask itself uses (`Worker.rpc`), as those
of its own shuffling do: they need no port of their own, and are encrypted if the cluster is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, ClassVar

import numpy as np
from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin
from distributed.protocol import pickle, to_serialize
from distributed.utils import sync

from rnnbp.data.training_set import TrainingSet
from rnnbp.distributed.description import Description, describe, read_part
from rnnbp.distributed.errors import ClusterError
from rnnbp.distributed.messages import Answer, Piece, Request
from rnnbp.distributed.sums import add_up
from rnnbp.distributed.tasks import TASKS
from rnnbp.kernels import threads
from rnnbp.networks.network import Network

__all__ = ["Holdings", "hold"]

_installing = Lock()


class Holding:
    """A network, a loss, and parts of a data set.

    Parameters
    ----------
    settings : bytes
        The network's state and the loss, pickled.
    """

    def __init__(self, settings: bytes) -> None:
        try:
            self._state, self.loss = pickle.loads(settings)
        except Exception as error:  # whatever importing the user's own modules raises
            raise ClusterError(
                f"a worker cannot make the network or the loss ({type(error).__name__}: {error}): modules of your own "
                "must be there, too; client.upload_file sends one"
            ) from error
        self.parts: dict[int, tuple[str, TrainingSet]] = {}
        self._idle: list[Network] = []

    def network(self) -> Network:
        """Return a network that no other thread uses; `answer` takes it back."""
        try:
            return self._idle.pop()
        except IndexError:
            net = Network.__new__(Network)
            net.__setstate__(self._state)
            return net

    def answer(self, request: Request, pieces: Iterable[tuple[int, Piece]]) -> Answer:
        """Carry out a task for some parts: on one thread, so that the bits do not depend on the number of threads."""
        net, answer, options = self.network(), Answer(), pickle.loads(request.options)
        with threads.limit(1), np.errstate(over="ignore", invalid="ignore"):
            for part, piece in pieces:
                net.theta[...] = request.theta
                try:
                    vector, answer.found[part] = TASKS[request.task](
                        net, self.parts[part][1], self.loss, piece, part=part, **options
                    )
                except Exception as error:  # whatever the user's own functions raise
                    answer.failed[part] = _portable(error)
                else:
                    if vector is not None:
                        answer.sums[0, piece.leaf] = vector
        self._idle.append(net)
        answer.sums = add_up(answer.sums, request.n_leaves)
        return answer


class Holdings(WorkerPlugin):
    """What a worker holds for all who train on the cluster."""

    name: ClassVar[str] = "rnnbp"

    def setup(self, worker: Worker) -> None:
        """Begin to listen."""
        self.worker = worker
        self.holdings: dict[str, Holding] = {}
        self.held: dict[str, tuple[str, int]] = {}
        self.lock = Lock()  # tasks run in threads
        self.executor = ThreadPoolExecutor(worker.state.nthreads, thread_name_prefix="rnnbp")
        worker.handlers["rnnbp_ask"] = self.ask

    def teardown(self, worker: Worker) -> None:
        """Let go of all."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.holdings.clear()

    def take(self, name: str, part: int, key: str, settings: bytes, material: Any) -> Description:
        """Take a part of a data set, as long as Dask has what it calls `key`."""
        data = material
        if not isinstance(material, TrainingSet):
            holding = Holding(settings)
            data = read_part(holding.network().interface, holding.loss, *material)
        if data is not None:
            with self.lock:
                self.holdings.setdefault(name, Holding(settings)).parts[part] = key, data
                self.held[key] = name, part
        return describe(data)

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """Let go of a part when Dask lets go of its description."""
        if finish not in ("released", "forgotten") or key not in self.held:
            return
        with self.lock:
            name, part = self.held.pop(key)
            holding = self.holdings[name]
            if holding.parts[part][0] == key:
                del holding.parts[part]
            if not holding.parts:
                del self.holdings[name]

    async def ask(self, request: Request) -> dict[str, Any]:
        """Answer a request, together with those that it is passed on to."""
        below = [asyncio.ensure_future(self._pass_on(branch)) for branch in request.branches()]
        answer = await self._answer(request)
        for branch in below:
            answer.join(await branch, request.n_leaves)
        return {"answer": to_serialize(answer)}

    async def _pass_on(self, branch: Request) -> Answer:
        address = branch.members[0][0]
        try:
            reply = await self.worker.rpc(address).rnnbp_ask(request=to_serialize(branch))
        except OSError:
            return Answer(lost={address})
        answer: Answer = reply["answer"]
        return answer

    async def _answer(self, request: Request) -> Answer:
        address, pieces = request.members[0]
        holding = self.holdings.get(request.holding)
        if holding is None or not pieces.keys() <= holding.parts.keys():
            return Answer(lost={address})
        loop, items, n = asyncio.get_running_loop(), list(pieces.items()), self.worker.state.nthreads
        answers = await asyncio.gather(
            *(
                loop.run_in_executor(self.executor, holding.answer, request, items[i::n])
                for i in range(min(n, len(items)))
            )
        )
        for other in answers[1:]:
            answers[0].join(other, request.n_leaves)
        return answers[0]


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent: this one, or one that says what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class is made of
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def hold(name: str, part: int, key: str, settings: bytes, material: Any) -> Description:
    """Bring a part of a data set into the worker that this task runs in."""
    description: Description = _holdings_of(get_worker()).take(name, part, key, settings, material)
    return description


def _holdings_of(worker: Worker) -> Any:
    """Return the plugin of the worker that this task runs in; it is given one when it is first needed."""
    with _installing:
        if Holdings.name not in worker.plugins:
            sync(worker.loop, worker.plugin_add, plugin=Holdings(), name=Holdings.name, catch_errors=False)
    return worker.plugins[Holdings.name]
