"""Is a gradient the derivative of its loss? Finite differences tell; where it is not, this is where to look.

Compared are, in float64 whatever the network's dtype, dL/d(output), which is the loss's own, and the gradients by every
parameter, by the input and by the initial states, which are the backward pass's. See `finite_differences` for how.

A mistake in one layer's pullback makes its gradients wrong and those of the layers before it, while those of later
layers stay right. And a mistake in time spreads to earlier steps: so sequences that disagree are cut after 1, 2, 4, ...
steps, and between those by bisection, until one more step makes the difference. The last layer and the first length
that disagree name the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnbp.configuration import shown, whole_number
from rnnbp.diagnostics.finite_differences import Leaf, relative_error
from rnnbp.diagnostics.problem import Problem, network_copy
from rnnbp.gradients import BPTT
from rnnbp.layers import Layer
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network

__all__ = ["GradientCheck", "GradientError", "check_gradients"]

Array = NDArray[Any]


class GradientError(AssertionError):
    """A gradient is not the derivative of its loss; the details are in ``result``, a `GradientCheck`.

    See Also
    --------
    check_gradients
    GradientCheck

    Examples
    --------
    >>> from rnnbp import layers
    >>> class Wrong(layers.Dense):
    ...     def backward(self, parameters, gradients, dy, saved, context):
    ...         dx = super().backward(parameters, gradients, dy, saved, context)
    ...         gradients["bias"] *= 2.0
    ...         return dx
    ...     def compiled(self, parameters, dtype):
    ...         return None
    >>> try:
    ...     check_gradients(Network([Wrong(2, 1)]), np.ones((3, 2)), np.zeros((3, 1)), "mean_squared_error")
    ... except GradientError as error:
    ...     print("0.bias" in str(error))
    True
    """

    def __init__(self, result: GradientCheck) -> None:
        super().__init__(str(result))
        self.result = result


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradients` found.

    Attributes
    ----------
    errors : dict of str to float
        The largest relative error of ``"output"`` (the loss's own gradient), of each parameter, like
        ``"0.input_weight"``, of the input, ``"x"``, and of each initial state, like ``"initial 0.h"``.
    places : dict of str to tuple of int, or None
        The element of each that has this error; None where random directions were tried. (Of ``"output"`` and ``"x"``,
        the first index is a packed row; see `rnnbp.data.sequences`.)
    tolerance : float
    step : int or None
        If there is an error: sequences cut after this step (from 0) disagree, and one step shorter they do not. None
        for static examples, too.
    wrong_there : tuple of str
        What disagrees in sequences that are cut so.
    hint : str
        If there is an error: where to look for the mistake.

    See Also
    --------
    check_gradients

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.Dense(2, 1)])
    >>> check = check_gradients(net, np.ones((3, 2)), np.zeros((3, 1)), "mean_squared_error")
    >>> check.max_error < check.tolerance, sorted(check.errors)
    (True, ['0.bias', '0.weight', 'output', 'x'])
    """

    errors: dict[str, float]
    places: dict[str, tuple[int, ...] | None]
    tolerance: float
    step: int | None = None
    wrong_there: tuple[str, ...] = ()
    hint: str = ""

    @property
    def max_error(self) -> float:
        """The largest relative error."""
        return max(self.errors.values())

    @property
    def wrong(self) -> tuple[str, ...]:
        """The names of what disagrees."""
        return tuple(name for name, error in self.errors.items() if not error <= self.tolerance)

    @property
    def ok(self) -> bool:
        """Whether all errors are within the tolerance."""
        return not self.wrong

    def __repr__(self) -> str:
        width, verdict = max(map(len, self.errors)), "agrees" if self.ok else "DISAGREES"
        lines = [
            f"the gradient {verdict} with finite differences; largest relative errors, {self.tolerance:g} allowed:"
        ]
        for name, error in self.errors.items():
            place = self.places[name]
            where = "" if place is None else f" at [{', '.join(map(str, place))}]"
            lines.append(f"  {name:<{width}}  {error:.1e}" + (f"  wrong{where}" if name in self.wrong else ""))
        if self.step is not None:
            lines.append(f"from step {self.step} on; in sequences that end there, wrong: {', '.join(self.wrong_there)}")
        return "\n".join([*lines, self.hint] if self.hint else lines)


@explained
def check_gradients(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    target: ArrayLike | Sequence[ArrayLike],
    loss: Loss | str,
    lengths: ArrayLike | None = None,
    *,
    training: bool = True,
    tolerance: float = 1e-6,
    n_directions: int = 8,
    seed: int | None = 0,
) -> GradientCheck:
    """Check the gradient of a loss by its output, by every parameter, by the input and by the initial states.

    Parameters
    ----------
    net : Network
        It is left as it is; a copy in float64 is checked.
    x, target, loss, lengths
        See `Network.loss_and_gradient`. Two or three ragged sequences of a handful of steps show most mistakes.
    training : bool, default True
        Whether dropout (with the same masks every time) and teacher forcing are on, as they are in training.
    tolerance : float, default 1e-6
        The relative error that is allowed.
    n_directions : int, default 8
        How many random directions are tried for whatever has more than 300 elements; the rest is tried along each
        element.
    seed : int or None, default 0
        Of those directions.

    Returns
    -------
    GradientCheck

    Raises
    ------
    GradientError
        If a gradient disagrees; says which parameter, where in it, from which step on, and where to look for the
        mistake. Its ``result`` is the `GradientCheck`.
    ValueError
        If input or target do not fit the network or the loss.

    Notes
    -----
    An algorithm that gives another gradient by intention, such as truncated backpropagation over more steps than it
    looks back, is found to disagree. Where a function has no derivative (a relu at exactly 0), it may.

    Examples
    --------
    >>> from rnnbp import Network, gradients, layers
    >>> net = Network([layers.GRU(2, 3, gradient=gradients.BPTT(compiled=False)), layers.Dense(3, 1)])
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(4, 2, 2)), rng.normal(size=(4, 2, 1))
    >>> check_gradients(net, x, y, "mean_squared_error", lengths=[4, 2]).ok
    True
    """
    whole_number("n_directions", n_directions)
    if not tolerance > 0:
        raise ValueError(f"tolerance must be above 0, but {shown(tolerance)} was given")
    problem = Problem.of(network_copy(net, dtype="float64"), x, target, loss, lengths, training=training)
    rng = np.random.default_rng(seed)

    def compare(problem: Problem) -> GradientCheck:
        errors, places = {}, {}
        for name, leaf in _leaves(problem).items():
            errors[name], places[name] = relative_error(leaf, tolerance=tolerance, n_directions=n_directions, rng=rng)
        return GradientCheck(errors, places, tolerance)

    result = compare(problem)
    if result.ok:
        return result
    result = replace(result, hint=_hint(problem, result))
    if problem.batch.packing is not None and not problem.loss.per_sequence:  # sequences can be cut
        agreed, length, wrong = 0, problem.batch.packing.n_steps, result.wrong
        while length - agreed > 1:
            doubled = max(2 * agreed, 1)
            probe = min(doubled, (agreed + length) // 2)
            cut = compare(problem.truncated(probe))
            if cut.ok:
                agreed = probe
            else:
                length, wrong = probe, cut.wrong
        result = replace(result, step=length - 1, wrong_there=wrong)
    raise GradientError(result)


def _leaves(problem: Problem) -> dict[str, Leaf]:
    """Return the output, and all that the network's output depends on."""
    rows, loss, target = problem.run().rows.copy(), problem.loss, problem.target
    by_output = loss.value_and_gradient(rows.copy(), target)[1]
    gradients = problem.gradients()
    return {
        "output": Leaf(rows, by_output, lambda: loss.value_and_gradient(rows.copy(), target)[0]),
        **{name: Leaf(values, gradients[name], problem.value) for name, values in problem.leaves().items()},
    }


def _hint(problem: Problem, result: GradientCheck) -> str:
    """Say where the mistake must be."""
    if "output" in result.wrong:
        return f"look at the loss, {type(problem.loss).__name__}: its gradient is not that of its value"
    layers = problem.net.layers
    owners = {name: _layer_of(name) for name in result.errors if name != "output"}
    last = max(owners[name] for name in result.wrong)
    # a layer whose own gradients are right may still hand back a wrong one
    next_owner = min((k for k in owners.values() if k > last), default=len(layers) - 1)
    suspects = [f"layer {k}, {_named(layers[k])}" for k in range(max(last, 0), next_owner + 1)]
    if len(suspects) == 1:
        return f"look at the backward pass of {suspects[0]}"
    return f"look at the backward pass of {suspects[0]}, or at what is handed back by {' or '.join(suspects[1:])}"


def _layer_of(name: str) -> int:
    """Return the layer that a parameter or initial state belongs to; -1 for the input."""
    return -1 if name == "x" else int(name.removeprefix("initial ").split(".")[0])


def _named(layer: Layer) -> str:
    """Return a layer's class, and its gradient algorithm where that is another than full backpropagation."""
    algorithm = getattr(layer, "gradient", None)
    plain = algorithm is None or type(algorithm) is BPTT
    return type(layer).__name__ + ("" if plain else f" with {algorithm!r}")
