"""A training step as one compiled call.

::

    x, t = rows of the training set                                          gather
    y = network(x);  L, dy = loss(y, t);  dtheta = network backwards(dy)     the program
    L += c |W|^2 / 2;  dtheta += c W                                         weight decay, if there is any
    stop if L or |dtheta| is not finite;  dtheta <- clip(dtheta)
    theta <- update(theta, dtheta)                                           the optimizer's rule

The instructions are those that the parts run one by one have, so the numbers are the same. Memory is laid out once for
each shape of a minibatch, or, where lengths differ, anew for each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import speaks_for
from rnnbp.data.packing import Packing
from rnnbp.kernels import threads
from rnnbp.networks.network import Network
from rnnbp.networks.segment import Segment
from rnnbp.optimizers import Optimizer, State, clip_by_norm
from rnnbp.optimizers.rule import Update
from rnnbp.training.run import TrainingRun

__all__ = ["CompiledStep", "can_compile"]

Array = NDArray[Any]
Index = NDArray[np.intp]

SHAPES = 4  # of minibatches that stay laid out; all others share the memory of one


def can_compile(net: Network, run: TrainingRun) -> bool:
    """Whether all of a training step is known to the engine, but maybe the update."""
    program, target = net.programs.take(), run.data.target  # which also compiles what is not yet, before a run begins
    net.programs.give(program)
    if net.interface.teacher_forced_layer is not None or target is None or run.loss.kernel(target) is None:
        return False
    if not speaks_for(type(run.loss), "kernel", ("value_and_gradient", "normalizer")):
        return False
    return len(program.segments) == 1 and isinstance(program.segments[0], Segment)


class CompiledStep:
    """What stays the same from step to step of a training run.

    Parameters
    ----------
    run : TrainingRun
    optimizer : Optimizer
    state : dict of str to ndarray
        Of the optimizer.
    """

    def __init__(self, run: TrainingRun, optimizer: Optimizer, state: State) -> None:
        from rnnbp.kernels.training import Gradient

        net, data = run.net, run.data
        self.run_, self.net, self.data, self.optimizer, self.state = run, net, data, optimizer, state
        self.gradient, self.loss, self.norm = np.empty_like(net.theta), np.zeros(1), np.zeros(1)
        target = data.target
        assert target is not None
        self.kernel = run.loss.kernel(target)
        if self.kernel == "cross_entropy":
            self.target = np.ascontiguousarray(target, np.int64)
        else:
            self.target = np.ascontiguousarray(target, net.dtype)
        self.plain = data.weight is None and run.loss.row_weights(target[:1]) is None
        self.frames = np.ascontiguousarray(data.frames, net.dtype)
        rule = optimizer.rule() if speaks_for(type(optimizer), "rule", ("_step", "update")) else None
        self.update = None if rule is None else Update(rule, net.theta, self.gradient, state)
        self.record = Gradient(
            n=net.theta.size, theta=net.theta, gradient=self.gradient, loss=self.loss, norm=self.norm,
        )  # fmt: skip
        if run.l2:
            self.record.decayed = net.parameters.decayed.astype(net.dtype)
        self.limits: tuple[float, float] | None = None
        self.shapes: dict[Any, _Shape] = {}
        self.running: _Shape | None = None

    def run(self, chosen: Index, epoch: float) -> tuple[float, float, float]:
        """Train on some examples.

        Returns
        -------
        value, share, norm : float
            The loss, what it is divided by, and the gradient's norm.
        """
        data, run = self.data, self.run_
        if data.lengths is None:
            packing, rows, labelled = Packing.full(1, len(chosen)), chosen, chosen
        else:
            packing = data.packing_of(chosen)
            rows = data.rows_of(chosen, packing)
            labelled = data.outputs_of(chosen, packing, rows)
        weights = None
        if self.plain:
            normalizer = float(len(labelled))
        else:
            target, weight = data.labels(labelled)
            assert target is not None
            normalizer = run.loss.normalizer(target, weight)
            weights = run.loss.row_weights(target, weight)
        self.n_rows = len(rows)
        shape = self._shape(packing, len(labelled))
        shape.take(rows, labelled, weights, normalizer or 1.0)
        if run.l2:
            self.record.factor = run.l2 / normalizer if normalizer else 0.0
        if self.update is not None:
            limits = self.optimizer.clip_value or 0.0, self.optimizer.clip_norm or 0.0
            if limits != self.limits:  # a callback may change them
                self.limits = self.record.clip_value, self.record.clip_norm = limits
            self.update.set(self.optimizer.numbers(self.state, self.optimizer.rate(epoch, self.state)))
        shape.run()
        value = float(self.loss[0])
        if shape.was_stopped():
            value = self._by_parts(chosen, shape)
        if self.update is None:
            self.optimizer.update(self.net.theta, self.gradient, self.state, epoch=epoch, loss=value)
        return value, normalizer, float(self.norm[0])

    def _by_parts(self, chosen: Index, shape: _Shape) -> float:
        """Say what is not finite, or, if only a sum of squares was too large, go on with a norm that is not."""
        part = self.data.take(chosen)
        (value, gradient, _), norm = self.run_.gradient(part)
        if self.run_.l2:
            value = self.run_.penalize(value, gradient, self.run_.share(part))
            norm = clip_by_norm(gradient, np.inf)
        self.gradient[...], self.norm[0] = gradient, norm
        shape.finish()
        return value

    def _shape(self, packing: Packing, n_labelled: int) -> _Shape:
        """Return a shape laid out for a minibatch."""
        key = (packing, threads.count()) if packing.is_rectangular else None
        shape = self.shapes.get(key)
        if shape is not None and key is not None:
            return shape
        if len(self.shapes) >= SHAPES:
            key = None
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = _Shape(self)
        shape.lay_out(packing, n_labelled)
        return shape


class _Shape:
    """The instructions of a step, and memory for minibatches of one shape."""

    def __init__(self, step: CompiledStep) -> None:
        from rnnbp.kernels.records import address_of
        from rnnbp.kernels.static import Moved
        from rnnbp.kernels.training import LossRows

        self.step, net = step, step.net
        program = net.programs.take()
        (segment,) = program.segments
        assert isinstance(segment, Segment)
        self.segment, engine = segment, segment.parts[0].engine
        width = step.frames.shape[1]
        self.moved = Moved(a=step.frames, a_pitch=width, to_pitch=width, width=width)
        self.rows = LossRows(loss=step.loss, indexed=1)
        name = "classes" if step.kernel == "cross_entropy" else "target"
        setattr(self.rows, name, step.target)

        instruction = engine.instruction
        given = [instruction("gather", self.moved), *segment.prepare, *segment.forwards]
        given += [instruction(str(step.kernel), self.rows), *segment.back]
        if step.run_.l2:
            given.append(instruction("decay", step.record))
        given.append(instruction("check", step.record))
        self.n_checked = len(given)
        if step.update is not None:
            given += [instruction("clip", step.record), step.update.instruction]
        self.n = len(given)
        self.runner = threads.Runner(engine, given)
        base = address_of(step.gradient)
        for offset, part in segment.trained:
            part.take_gradient(base + offset)

    def lay_out(self, packing: Packing, n_labelled: int) -> None:
        """Find memory for minibatches like this."""
        segment, step = self.segment, self.step
        width, dtype = step.frames.shape[1], step.net.dtype
        segment.lay_out(packing, width, True)
        segment.lay_back(False)
        self.x, self.dz = np.empty((packing.n_rows, width), dtype), np.empty(segment.y.shape, dtype)
        self.moved.to, self.moved.n = self.x, packing.n_rows
        segment.parts[0].take(self.x)
        segment.parts[-1].take_back(self.dz)
        self.rows.z, self.rows.dz, self.rows.n, self.rows.width = segment.y, self.dz, n_labelled, segment.y.shape[1]
        self.shares = np.empty(n_labelled)
        self.rows.shares, self.rows.n_shares = self.shares, 1
        self.index, self.labelled = np.empty(packing.n_rows, np.int64), np.empty(n_labelled, np.int64)
        self.moved.index, self.rows.index = self.index, self.labelled
        self.runner.lay_out()

    def take(self, rows: Index, labelled: Index, weights: Array | None, normalizer: float) -> None:
        """Take which rows of the training set to train on, and the weights of their losses."""
        self.index[:], self.labelled[:] = rows, labelled
        if weights is None:
            self.shares[0] = 1.0 / normalizer
        else:
            np.divide(weights, normalizer, out=self.shares)
            self.rows.n_shares = len(weights)
        for _, part in self.segment.stateful:
            part.begin({}, training=True, rng=self.step.net.rng, teacher=None)

    def run(self) -> None:
        """Carry out the step."""
        if self.step.running is not self:
            self.step.running, self.step.record.program = self, self.runner.program
        self.runner.run(0, self.n)

    def was_stopped(self) -> bool:
        """Whether something was not finite, and the update left out."""
        if not self.runner.program.is_set("stopped"):
            return False
        self.runner.program.stopped = 0
        return True

    def finish(self) -> None:
        """Carry out what comes after the check."""
        self.runner.run(self.n_checked, self.n)
