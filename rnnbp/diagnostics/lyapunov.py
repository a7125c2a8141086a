"""Lyapunov exponents: how fast a network's dynamics pulls neighbouring states together, or tears them apart.

With S(t) all states of all layers, S(t) = F(S(t-1), x(t)) and J(t) = dF/dS(t-1), Benettin's method carries an
orthonormal frame Q along the trajectory and counts how it grows in each direction::

    Q'(t) = J(t) Q(t-1)                                                      (1)
    Q(t) R(t) = Q'(t)                         QR decomposition               (2)
    lambda_i = mean over t of log |R_ii(t)|                                  (3)   in nats a step

J comes from the pullback: pulled back through one step, the i-th unit vector gives the i-th row of J, so one batch of
as many copies of the state gives all of it, for any cell and any layers between the recurrent ones. Where a network
predicts its own next input, the loop can be closed, x(t) = y(t-1), and S includes x.

lambda_1 > 0 is chaos, lambda_1 = 0 a cycle (or its border), lambda_1 < 0 a steady answer to the input. Gradients obey
the same products: backpropagated over n steps they grow or fade about as exp(n lambda_1).

Cost: with D numbers in S, one network step of D copies and O(D^2 k) for the QR decomposition of k directions, a step.

References
----------
G. Benettin, L. Galgani, A. Giorgilli and J.-M. Strelcyn, "Lyapunov characteristic exponents for smooth dynamical
systems and for Hamiltonian systems; a method for computing all of them", Meccanica 15, 1980.
J. L. Kaplan and J. A. Yorke, "Chaotic behavior of multidimensional difference equations", 1979 (the dimension).
R. Vogt, M. Puelma Touzel, E. Shlizerman and G. Lajoie, "On Lyapunov exponents for RNNs: understanding information
propagation using dynamical systems tools", Frontiers in Applied Mathematics and Statistics 8, 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import whole_number
from rnnbp.data.batch import Batch
from rnnbp.data.packing import Packing
from rnnbp.diagnostics.problem import network_copy
from rnnbp.diagnostics.recording import expect_states
from rnnbp.gradients import BPTT
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["LyapunovExponents", "lyapunov_exponents"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LyapunovExponents:
    """The exponents of a network's dynamics; see `lyapunov_exponents`.

    Attributes
    ----------
    exponents : ndarray of shape (k,)
        In nats a step, the largest first; the mean over all steps of all sequences that count.
    growth : ndarray of shape (n, B, k)
        ``log |R_ii|`` at each step that counts, NaN after a sequence's end: the exponents are its mean.
    n_states : int
        D, the number of all states together (those fed back included).

    See Also
    --------
    lyapunov_exponents
    rnnbp.plotting.plot_lyapunov

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Elman(1, 3)], dtype="float64")
    >>> found = lyapunov_exponents(net, np.zeros((200, 1, 1)))
    >>> found.n_states, bool((np.diff(found.exponents) <= 0).all())  # the largest first
    (3, True)
    """

    exponents: Array
    growth: Array
    n_states: int

    @property
    def running(self) -> Array:
        """The exponents as they would be if measuring had ended at each step, of shape (n, k)."""
        counted = ~np.isnan(self.growth)
        sums = np.where(counted, self.growth, 0).sum(axis=1).cumsum(axis=0)
        return np.asarray(sums / counted.sum(axis=1).cumsum(axis=0))

    @property
    def entropy(self) -> float:
        """The sum of the positive exponents, in nats a step: how fast the dynamics forgets its past (Pesin)."""
        return float(np.maximum(self.exponents, 0).sum())

    @property
    def dimension(self) -> float:
        """The dimension of the attractor, after Kaplan and Yorke; NaN if too few exponents were computed."""
        sums = np.cumsum(self.exponents)
        if self.exponents[0] < 0:
            return 0.0
        below = np.flatnonzero(sums < 0)
        if not below.size:
            return float(self.n_states) if len(self.exponents) == self.n_states else float("nan")
        j = int(below[0])
        return float(j + sums[j - 1] / abs(self.exponents[j]))

    def __repr__(self) -> str:
        shown = ", ".join(f"{value:.4g}" for value in self.exponents[:6])
        more = f", ... ({len(self.exponents)} in all)" if len(self.exponents) > 6 else ""
        steps = int((~np.isnan(self.growth[..., 0])).sum())
        return (
            f"LyapunovExponents({shown}{more}) in nats a step, over {steps} steps; "
            f"entropy {self.entropy:.3g}, dimension {self.dimension:.3g}"
        )


@explained
def lyapunov_exponents(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike] | None = None,
    lengths: ArrayLike | None = None,
    *,
    n_steps: int | None = None,
    n_exponents: int | None = None,
    transient: int | None = None,
    seed: int | None = 0,
) -> LyapunovExponents:
    """Return the Lyapunov exponents of a recurrent network.

    There are three ways to run it: driven by an input, ``lyapunov_exponents(net, x)``; left alone, with an input of
    zeros, ``lyapunov_exponents(net, n_steps=1000)``; or in closed loop, ``lyapunov_exponents(net, x, n_steps=1000)``,
    where x brings it on its way and its own outputs are then its inputs.

    Parameters
    ----------
    net : Network
        It is left as it is; a copy in float64 is measured. All its layers run forwards in time.
    x, lengths
        See `Network.batch`. Its states begin at zero.
    n_steps : int or None, default None
        The number of steps to run it for, alone or in closed loop.
    n_exponents : int or None, default None
        How many to compute, the largest; None stands for as many as there are states.
    transient : int or None, default None
        How many of the first steps do not count, while the trajectory settles and the frame turns into its directions;
        None stands for a tenth. In closed loop, x comes before them.
    seed : int or None, default 0
        Of the first frame, and of the states that a network left alone begins in (standard normal).

    Returns
    -------
    LyapunovExponents

    Raises
    ------
    ValueError
        If the network carries no states, or if a layer runs backwards; if there is neither x nor n_steps; if outputs
        cannot be inputs in closed loop; if no step is left to count.

    Examples
    --------
    A linear recurrence has the logarithms of its eigenvalues:

    >>> from rnnbp import layers
    >>> net = Network([layers.Elman(1, 2, activation="identity")], dtype="float64")
    >>> net.parameters["0.recurrent_weight"][...] = [[0.5, 1.0], [0.0, 2.0]]
    >>> lyapunov_exponents(net, n_steps=100, transient=50).exponents / np.log(2)
    array([ 1., -1.])
    """
    system = _Dynamics(net, closed=x is not None and n_steps is not None)
    if x is None:
        if n_steps is None:
            raise ValueError(
                "give x to drive the network with, or n_steps to leave it alone for, or both to close the loop"
            )
        path = system.left_alone(whole_number("n_steps", n_steps), np.random.default_rng(seed))
    elif n_steps is None:
        path = system.driven(x, lengths)
    else:
        path = system.fed_back(x, lengths, whole_number("n_steps", n_steps))
    k = system.n_states if n_exponents is None else whole_number("n_exponents", n_exponents)
    if k > system.n_states:
        raise ValueError(f"{k} exponents were asked for, but the network has {system.n_states} states")
    total = path.packing.n_steps
    skipped = total // 10 if transient is None else whole_number("transient", transient, least=0)
    if skipped >= total:
        raise ValueError(f"of {total} steps, {skipped} are transient: none is left to count; give more steps")
    growth = _growth(system, path, k, np.random.default_rng(seed))[skipped:]
    exponents = np.nansum(growth, axis=(0, 1)) / (~np.isnan(growth[..., 0])).sum()
    order = np.argsort(-exponents, kind="stable")
    return LyapunovExponents(exponents[order], growth[..., order], system.n_states)


class _Path(NamedTuple):
    """Where the dynamics starts, and what drives it."""

    start: Array  # (B, D), in packed order
    rows: Array | None  # the inputs, packed; None in closed loop
    packing: Packing


class _Dynamics:
    """A network as a map from all its states (and, in closed loop, its output) to themselves."""

    def __init__(self, net: Network, *, closed: bool) -> None:
        expect_states(net, "measuring Lyapunov exponents")
        for k, layer in enumerate(net.layers):
            if layer.runs_backwards:
                raise ValueError(
                    f"layer {k}, {layer!r}, runs backwards: only a network whose layers all run forwards is a "
                    "dynamical system"
                )
            if layer.needs_time and not layer.pools_time and not layer.states():
                raise ValueError(
                    f"layer {k}, {layer!r}, looks at other frames without a state: only a network whose past is all in "
                    "its states is a dynamical system"
                )
        if closed and (net.pools_time or net.n_inputs != net.n_outputs):
            raise ValueError(
                f"in closed loop outputs are inputs: that needs an output at each step, and as many as inputs, but "
                f"there are {net.n_inputs} inputs and {net.n_outputs} outputs"
                + (" a sequence" if net.pools_time else "")
                + "; leave out x or n_steps"
            )
        self.net = network_copy(net, dtype="float64", gradient=partial(BPTT, compiled=False))
        self.closed = closed
        stateful = [(k, layer) for k, layer in enumerate(net.layers) if layer.needs_time]
        widths = {f"{k}.{name}": width for k, layer in stateful for name, width in layer.states().items()}
        stops = dict(zip(widths, accumulate(widths.values()), strict=True))
        self.columns = {name: slice(stop - widths[name], stop) for name, stop in stops.items()}
        self.n_states = sum(widths.values())
        self.n_numbers = self.n_states + (net.n_outputs if closed else 0)

    def driven(self, x: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None) -> _Path:
        """Return the path of an input."""
        batch = self.net.batch(x, lengths)
        assert batch.packing is not None
        return _Path(np.zeros((batch.n_examples, self.n_states)), batch.rows, batch.packing)

    def left_alone(self, n_steps: int, rng: np.random.Generator) -> _Path:
        """Return a path without an input."""
        if self.net.interface.frame_rank == 0:
            raise ValueError("symbols have no zero, so this network cannot be left alone: give x")
        packing = Packing.full(n_steps, 1)
        start = rng.normal(size=(1, self.n_states))
        return _Path(start, np.zeros((n_steps, self.net.n_inputs or 1)), packing)

    def fed_back(self, x: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None, n_steps: int) -> _Path:
        """Return the path that begins where an input has led."""
        batch = self.net.batch(x, lengths)
        assert batch.packing is not None
        forward = self.net.run(batch, keep=False)
        last = batch.packing.unsort(forward.rows[batch.packing.last])
        start = np.concatenate([*forward.final_states.values(), last], axis=1)
        return _Path(start, None, Packing.full(n_steps, len(start)))

    def step(self, state: Array, x: Array | None) -> tuple[Array, Array]:
        """Return the next states (B, D) and the Jacobians (B, D, D)."""
        n_sequences, n = state.shape
        x = state[:, self.n_states :] if x is None else x
        copies = Batch(np.repeat(x, n, axis=0), Packing.full(1, n_sequences * n))
        initial = {name: np.repeat(state[:, own], n, axis=0) for name, own in self.columns.items()}
        forward = self.net.run(copies, initial_states=initial)
        final = forward.final_states
        parts = [final[name][::n] for name in self.columns]
        units = np.tile(np.eye(n), (n_sequences, 1))  # row i of each Jacobian is the pullback of unit vector i
        d_rows = np.zeros_like(forward.rows)
        if self.closed:
            parts.append(forward.rows[::n].copy())
            d_rows[...] = units[:, self.n_states :]
        pulled = forward.backward_rows(d_rows, {name: units[:, own] for name, own in self.columns.items()})
        rows = [pulled.initial_states[name] for name in self.columns]
        if self.closed:
            assert pulled.x is not None
            rows.append(pulled.x[0])
        return np.concatenate(parts, axis=1), np.concatenate(rows, axis=1).reshape(n_sequences, n, n)


def _growth(system: _Dynamics, path: _Path, k: int, rng: np.random.Generator) -> Array:
    """Return log |R_ii| of each step and sequence, of shape (T, B, k)."""
    state, packing = path.start, path.packing
    growth = np.full((packing.n_steps, packing.n_sequences, k), np.nan)
    frame = np.linalg.qr(rng.normal(size=(packing.n_sequences, system.n_numbers, k))).Q
    for t, n in enumerate(packing.counts):
        x = None if path.rows is None else path.rows[packing.starts[t] : packing.starts[t + 1]]
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is reported below
            state, jacobian = system.step(state[:n], x)
        if not (np.isfinite(state).all() and np.isfinite(jacobian).all()):
            raise ArithmeticError(f"the dynamics diverges: at step {t} its states are no longer finite")
        frame, r = np.linalg.qr(jacobian @ frame[:n])  # 1, 2
        with np.errstate(divide="ignore"):  # a direction that is lost has -inf
            growth[t, :n] = np.log(np.abs(np.diagonal(r, axis1=1, axis2=2)))  # 3
    return np.ascontiguousarray(growth[:, packing.unsort(np.arange(packing.n_sequences))])
