"""The client's side: workers that hold the parts of a data set, and what is asked of them.

Everything that changes in training is held by the client. A request says all that an answer depends on, so when a
worker is lost its parts are given to those that are left, and the same request is made again: nothing is counted twice,
and nothing is missing. Workers that have joined are given parts, too. As the parts stay the same, so do the numbers.

The client asks the first worker directly, and the workers each other. Dask's connections notice at once when a process
ends, but not when a machine is silent; so whoever waits for an answer asks the scheduler every second who is there.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import platform
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client
from distributed.comm import CommClosedError
from distributed.protocol import pickle, to_serialize
from numpy.typing import NDArray

import rnnbp
from rnnbp.distributed.assignment import assign
from rnnbp.distributed.description import Description
from rnnbp.distributed.errors import ClusterError, Lost
from rnnbp.distributed.messages import Answer, Piece, Request
from rnnbp.distributed.worker import hold
from rnnbp.losses import Loss
from rnnbp.networks.network import Network

__all__ = ["Crew", "Material"]

Material = Callable[[int, str], Awaitable[Any]]

logger = logging.getLogger("rnnbp")

POLL = 1.0  # seconds between questions to the scheduler, while waiting
LOOK = 2.0  # seconds after which it is asked for workers that have joined
PATIENCE = 60.0  # seconds that a worker may be paused, or a reply of Dask may take, before it is an error
RETURN = 300.0  # seconds that are waited for a worker if none is left
ATTEMPTS = 12  # losses in a row, without an answer between them


@dataclass
class _Held:
    """A part: who has it, what keeps it there, and what it is."""

    address: str
    future: Any
    description: Description


class Crew:
    """Workers that hold the parts of a data set.

    Parameters
    ----------
    client : distributed.Client
    net : Network
        Whose layers they have.
    loss : Loss
    n_parts : int
    material : callable
        ``await material(part, address)`` returns what a part is made of, or what Dask makes it of, for a worker.
    """

    def __init__(self, client: Client, net: Network, loss: Loss, n_parts: int, material: Material) -> None:
        self.client, self.n_parts, self._material = client, n_parts, material
        self._settings = _pickled((net.__getstate__() | {"theta": 0.0}, loss), "the network and the loss")
        self._name = f"rnnbp-{uuid.uuid4().hex}"
        self._count = itertools.count()
        self._held: dict[int, _Held] = {}
        self._admitted: set[str] = set()
        self._looked = time.monotonic()

    def descriptions(self) -> list[Description]:
        """Have all parts brought to workers, and return what they are."""
        self.client.sync(self._until_done, self._hold)
        return [self._held[part].description for part in range(self.n_parts)]

    def ask(self, task: str, theta: NDArray[Any], pieces: Mapping[int, Piece], **options: Any) -> Answer:
        """Have a task carried out for some parts, and return what comes of it.

        Raises
        ------
        ClusterError
            If that cannot be done.
        Exception
            What a part's task has raised; that of the first part, if there are several.
        """
        pickled = _pickled(options, "what training is given (augment, teacher_forcing, optimizer)")
        answer: Answer = self.client.sync(self._until_done, self._attempt, task, theta, pieces, pickled)
        if answer.failed:
            raise answer.failed[min(answer.failed)]
        return answer

    def release(self) -> None:
        """Let workers forget their parts."""
        self._held.clear()

    async def _until_done(self, work: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        """Return what comes of some work, done again as often as workers are lost in it."""
        addresses = ""
        for _ in range(ATTEMPTS):
            try:
                return await work(*given)
            except Lost as lost:
                addresses = ", ".join(sorted(lost.addresses))
                gone = {part for part, held in self._held.items() if held.address in lost.addresses}
                if gone:
                    logger.warning("lost %s: %d parts of the data go to other workers", addresses, len(gone))
                for part in gone:
                    del self._held[part]
                await asyncio.sleep(POLL / 10)  # the scheduler may still be about to notice
            except Exception as error:
                if self.client.status == "running" or isinstance(error, ClusterError):
                    raise
                raise _without_scheduler(error) from error
        raise ClusterError(
            f"workers were lost {ATTEMPTS} times in a row, the last time {addresses}: are they killed because the "
            "data do not fit into their memory, or can they not connect to each other? Their logs may say"
        )

    # -- who is there ------------------------------------------------------------------------------------------------

    async def _present(self, *, running: bool = False) -> dict[str, int]:
        """Return the workers that the scheduler knows, and how many threads each has."""
        scheduler = self.client.scheduler
        try:
            found = await asyncio.wait_for(scheduler.ncores_running() if running else scheduler.ncores(), PATIENCE)
        except (OSError, TimeoutError) as error:
            raise _without_scheduler(error) from error
        return dict(found)

    async def _workers(self) -> list[str]:
        """Return the workers, when there are some, and all have been found to be such as are needed."""
        until = None
        while not (present := await self._present()):
            if not self._admitted:
                raise ClusterError(
                    "the cluster has no workers: start some, as cluster.scale(2) or the command dask-worker does, and "
                    "wait for them by client.wait_for_workers(1)"
                )
            if until is None:
                until = time.monotonic() + RETURN
                logger.warning("no worker is left; waiting for one to come, for at most %.0f s", RETURN)
            if time.monotonic() > until:
                raise ClusterError(f"all workers are gone, and none has come for {RETURN:.0f} s")
            await asyncio.sleep(POLL)
        if new := present.keys() - self._admitted:
            await self._admit(new)
        return sorted(present.keys() & self._admitted)

    async def _admit(self, new: Set[str]) -> None:
        """Check that workers can be reached, and have the right versions, as the scheduler must, which reads tasks."""
        try:
            versions: Any = await self.client.get_versions(packages=["rnnbp"])
        except OSError as error:
            raise Lost(new) from error
        if not (answering := new & versions["workers"].keys()):
            raise Lost(new)
        _expect_same_versions("the scheduler", versions["scheduler"])
        for address in sorted(answering):
            _expect_same_versions(f"worker {address}", versions["workers"][address])
            try:
                await self._watched(self.client.rpc(address).identity(), {address})
            except OSError as error:
                if address not in await self._present():
                    raise Lost({address}) from error
                raise ClusterError(
                    f"worker {address} cannot be reached from here ({type(error).__name__}: {error}): the client, as "
                    "other workers, must be able to connect to its port, which `dask worker --worker-port` sets, or "
                    "be run where it can"
                ) from error
        self._admitted |= answering

    async def _watched(self, work: Awaitable[Any], addresses: set[str], *, of_tasks: bool = False) -> Any:
        """Return the result of some work, unless one of the workers that it needs goes away.

        Or unless one is paused, and starts no tasks, if it is the work `of_tasks`.
        """
        task, running_at = asyncio.ensure_future(work), time.monotonic()
        try:
            while not (await asyncio.wait({task}, timeout=POLL))[0]:
                if gone := addresses - (await self._present()).keys():
                    raise Lost(gone)
                if not of_tasks:
                    continue
                if not (paused := addresses - (await self._present(running=True)).keys()):
                    running_at = time.monotonic()
                elif time.monotonic() - running_at > PATIENCE:
                    raise ClusterError(
                        f"worker {min(paused)} has been paused for {PATIENCE:.0f} s, as Dask does when its memory is "
                        "nearly full: the data need more workers, or more memory for each"
                    )
            return task.result()
        finally:
            task.cancel()

    # -- what they have ----------------------------------------------------------------------------------------------

    async def _hold(self) -> None:
        """Have each part held by a worker, and workers that have joined hold some."""
        if len(self._held) == self.n_parts and time.monotonic() - self._looked < LOOK:
            return
        workers = await self._workers()
        self._looked = time.monotonic()
        plan = assign(self.n_parts, workers, {part: held.address for part, held in self._held.items()})
        loads: dict[str, list[int]] = {}
        for part, address in plan.items():
            if part not in self._held or self._held[part].address != address:
                loads.setdefault(address, []).append(part)
        outcomes = await asyncio.gather(
            *(self._load(address, parts) for address, parts in loads.items()), return_exceptions=True
        )
        lost: set[str] = set()
        for outcome in outcomes:
            if isinstance(outcome, Lost):
                lost |= outcome.addresses
            elif outcome is not None:
                raise outcome
        if lost:
            raise Lost(lost)

    async def _load(self, address: str, parts: Iterable[int]) -> None:
        """Bring parts to a worker, one after the other, as each is there twice for a moment."""
        for part in parts:
            key = f"{self._name}-{part}-{next(self._count)}"
            try:
                material = await self._watched(self._material(part, address), {address})
                task = dask.delayed(hold)(self._name, part, key, self._settings, material, dask_key_name=key)
                future = self.client.compute(task, workers=[address], priority=1)
                del material, task
                description = await self._watched(future, {address}, of_tasks=True)
            except (Lost, ClusterError):
                raise
            except (TypeError, ValueError) as error:
                kind = TypeError if isinstance(error, TypeError) else ValueError
                raise kind(f"part {part} of the data: {error}") from error
            except CommClosedError as error:
                raise Lost({address}) from error
            except Exception as error:  # of what reads the data, or of Dask if the worker is gone
                await asyncio.sleep(POLL / 10)
                if address not in await self._present():
                    raise Lost({address}) from error
                raise ClusterError(f"part {part} of the data is not there: {type(error).__name__}: {error}") from error
            self._held[part] = _Held(address, future, description)

    # -- what they do ------------------------------------------------------------------------------------------------

    async def _attempt(self, task: str, theta: NDArray[Any], pieces: Mapping[int, Piece], options: bytes) -> Answer:
        """Ask those that hold the parts, once."""
        await self._hold()
        members: dict[str, dict[int, Piece]] = {}
        for part in sorted(pieces):
            members.setdefault(self._held[part].address, {})[part] = pieces[part]
        first = next(iter(members))
        request = Request(self._name, task, theta, list(members.items()), len(pieces), options)
        asked = self.client.rpc(first).rnnbp_ask(request=to_serialize(request))
        try:
            answer: Answer = (await self._watched(asked, set(members)))["answer"]
        except OSError as error:
            raise Lost({first}) from error
        if answer.lost:
            raise Lost(answer.lost)
        return answer


def _pickled(what: Any, named: str) -> bytes:
    try:
        found: bytes = pickle.dumps(what)
    except Exception as error:  # whatever the user's own objects raise
        raise TypeError(f"{named} cannot be sent to workers: {type(error).__name__}: {error}") from error
    return found


def _without_scheduler(error: Exception) -> ClusterError:
    return ClusterError(
        f"the scheduler cannot be reached any more ({type(error).__name__}: {error}): the network is as the last "
        "update has left it; with a checkpoint, the same call goes on from there on another cluster"
    )


def _expect_same_versions(who: str, found: Any) -> None:
    expected = {"rnnbp": rnnbp.__version__, "Python": _minor(platform.python_version())}
    theirs = {"rnnbp": found["packages"]["rnnbp"], "Python": _minor(found["host"]["python"])}
    for name, version in expected.items():
        if theirs[name] != version:
            has = f"has {name} {theirs[name]}" if theirs[name] else f"has no {name} installed"
            raise ClusterError(f"{who} {has}, but {name} {version} is running here: all must have the same")


def _minor(version: str) -> str:
    """Return a version of Python without what does not matter here."""
    return ".".join(version.split(".")[:2])
