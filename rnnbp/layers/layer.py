"""What a layer is: a pure function of its parameters and its input, and the pullback of it.

A layer keeps its hyper-parameters and nothing else. It declares its parameters, which live in the network's flat
vector, and its forward pass returns what its backward pass needs. It sees a batch as the rows of a matrix
(`rnnbp.data.packing`): examples in a static network, frames in a recurrent one. Only layers that look along time ask
`Context.packing` how the rows are arranged.

To write a layer, derive from `Layer`, keep the constructor's arguments in attributes of the same names, and give
`parameters` (if there are any), `output_width`, `forward` and `backward`. `dense.py` is the example to follow. A layer
that looks along time also says how it goes frame by frame (`stream`), if it can.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnbp.configuration import Configurable
from rnnbp.data.packing import Packing
from rnnbp.data.workspace import Workspace
from rnnbp.names import advice
from rnnbp.parameters import Parameter

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part
    from rnnbp.layers.online import OnlineLayer

__all__ = ["BackwardContext", "Context", "Layer", "StreamStep"]

Array = NDArray[Any]
StreamStep = Callable[[Array], Array | None]


@dataclass(frozen=True, eq=False)
class Context:
    """What is true of one pass forwards through one layer.

    Attributes
    ----------
    packing : Packing or None
        How the rows are arranged in time; None where they are static examples.
    training : bool
        Whether dropout and its like are on.
    rng : numpy.random.Generator
        For those.
    workspace : Workspace
        Memory that is the layer's until the pass is over.
    keep : bool, default True
        Whether a backward pass may follow.
    compiled : bool, default True
        Whether the layer may run compiled loops of its own.
    teacher : ndarray of shape (n_rows, width) or None
        The targets as the layer's output should look, for teacher forcing; masked where the output itself is fed back.
    initial : mapping of str to ndarray of shape (B, width)
        The states a recurrent layer starts from; those missing are zero.

    See Also
    --------
    BackwardContext
    Layer

    Examples
    --------
    >>> Context(packing=None, training=False, rng=np.random.default_rng(0)).training
    False
    """

    packing: Packing | None
    training: bool
    rng: np.random.Generator
    workspace: Workspace = field(default_factory=Workspace)
    keep: bool = True
    compiled: bool = True
    teacher: Array | None = None
    initial: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class BackwardContext:
    """What is true of the way back.

    Attributes
    ----------
    packing, workspace
        Those of the way forwards.
    input_gradient : bool, default True
        Whether anybody wants dL/d(input).
    d_final : mapping of str to ndarray of shape (B, width)
        The loss's gradients with respect to the final states; those missing are zero.

    See Also
    --------
    Context
    Layer

    Examples
    --------
    >>> BackwardContext(packing=None).input_gradient
    True
    """

    packing: Packing | None
    workspace: Workspace = field(default_factory=Workspace)
    input_gradient: bool = True
    d_final: Mapping[str, Array] = field(default_factory=dict)


class Layer(Configurable, ABC):
    """A differentiable function of rows.

    Attributes
    ----------
    needs_time : bool
        Whether the layer takes sequences only.
    pools_time : bool
        Whether it makes one row of each sequence.
    frame_rank : int
        The number of axes of a frame of its input: 1 for features, 0 for symbols, which a network's first layer only
        can take.
    is_output_function : bool
        Whether a network's targets are also what should come into this layer, but for a function of it.
    runs_backwards : bool
        Whether it needs a sequence's end before its beginning, and so cannot stream.

    See Also
    --------
    Dense
    Recurrent

    Examples
    --------
    A layer of one's own, which doubles what comes in:

    >>> from rnnbp import Network
    >>> class Twice(Layer):
    ...     def output_width(self, input_width):
    ...         return input_width
    ...     def forward(self, parameters, x, context):
    ...         return 2 * x, None
    ...     def backward(self, parameters, gradients, dy, saved, context):
    ...         return 2 * dy
    >>> print(Network([Twice()]).forward([[1.0, 2.0]]))
    [[2. 4.]]
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("trainable", "requires_grad") and not hasattr(type(self), name):  # it would do nothing
            raise AttributeError(f"{self!r} has no attribute {name!r}{advice(name)}")
        super().__setattr__(name, value)

    needs_time: bool = False
    runs_backwards: bool = False
    pools_time: ClassVar[bool] = False
    frame_rank: ClassVar[int] = 1
    is_output_function: ClassVar[bool] = False

    @property
    def teacher_forced(self) -> bool:
        """Whether targets may take the place of its previous output in training, where it is a network's output."""
        return False

    def parameters(self) -> Sequence[Parameter]:
        """Declare the layer's parameters; none unless overridden."""
        return ()

    @property
    def multiply_adds(self) -> int:
        """How many a row of the output takes: as many as its matrices have numbers, unless overridden."""
        return sum(math.prod(parameter.shape) for parameter in self.parameters() if len(parameter.shape) == 2)

    def states(self) -> Mapping[str, int]:
        """Return the width of each state that the layer carries through time; none unless overridden."""
        return {}

    def output_packing(self, packing: Packing) -> Packing | None:
        """Return how the rows of the output lie in time, given those of the input.

        They lie alike unless overridden; None stands for one row a sequence.
        """
        return packing

    def output_lengths(self, lengths: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return how many steps go out of sequences of so many; as many unless overridden."""
        return lengths

    @abstractmethod
    def output_width(self, input_width: int) -> int:
        """Return the number of features that go out when `input_width` come in.

        Raises
        ------
        ValueError
            If the layer does not take so many features.
        """

    def check_input(self, frames: Array, n_features: int | None, dtype: np.dtype[Any]) -> Array:
        """Return frames as the layer takes them where it is a network's first.

        Parameters
        ----------
        frames : ndarray of shape (n, ...)
        n_features : int or None
            What is expected; None if any number will do.
        dtype : dtype
            The network's.

        Raises
        ------
        ValueError
            If they are no such frames, or if one holds NaN or infinity.
        """
        if n_features is not None and frames.shape[1] != n_features:
            raise ValueError(
                f"expected {n_features} features, but the input has {frames.shape[1]}: features are the last axis of "
                "(B, F), (T, B, F) and (T_i, F)"
            )
        if frames.dtype.kind not in "fiub":
            raise ValueError(
                f"expected numbers, but the input's dtype is {frames.dtype}: turn what is no number into one, or leave "
                "it out"
            )
        given = frames
        with np.errstate(over="ignore"):
            frames = frames.astype(dtype, copy=False)
        # the sum of squares is one fast pass, and finite only if all are; it may overflow where they are
        if not math.isfinite(np.vdot(frames, frames)) and not np.isfinite(frames).all():
            row, feature = map(int, np.argwhere(~np.isfinite(frames))[0])
            raise ValueError(
                f"the input holds {given[row, feature]} (feature {feature}), which is no finite {dtype} number: "
                "remove or replace it"
            )
        return frames

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return the layer as the engine runs it; None, unless overridden: then `forward` and `backward` run.

        Parameters
        ----------
        parameters : mapping of str to ndarray
            Views of the network's vector, which lie in it one after the other.
        dtype : dtype
        """
        return None

    @abstractmethod
    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Any]:
        """Return the output, and what `backward` needs.

        Parameters
        ----------
        parameters : mapping of str to ndarray
        x : ndarray of shape (n_rows, input_width)
            Not to be changed.
        context : Context

        Returns
        -------
        y : ndarray of shape (n_rows, output_width)
            A new array, or one of the workspace's.
        saved : object
            Anything.
        """

    @abstractmethod
    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Any,
        context: BackwardContext,
    ) -> Array | None:
        """Write the parameters' gradients and return that of the input.

        Parameters
        ----------
        parameters : mapping of str to ndarray
        gradients : mapping of str to ndarray
            Overwritten with dL/d(parameter).
        dy : ndarray of shape (n_rows, output_width)
            dL/dy; not to be changed.
        saved : object
            What `forward` has returned.
        context : BackwardContext

        Returns
        -------
        dx : ndarray of shape (n_rows, input_width) or None
            dL/dx; may be None if ``context.input_gradient`` is false.
        """

    def final_states(self, saved: Any) -> Mapping[str, Array]:
        """Return the states in which a pass has ended, under the names of `states`; none unless overridden."""
        return {}

    def initial_gradients(self, saved: Any) -> Mapping[str, Array]:
        """Return the gradients of the states that a pass began with, after the way back; none unless overridden."""
        return {}

    def stream(self, parameters: Mapping[str, Array], dtype: np.dtype[Any], *, compiled: bool) -> StreamStep:
        """Return a function that goes from one frame ``(1, input_width)`` to the next, with states of its own.

        Parameters
        ----------
        parameters : mapping of str to ndarray
        dtype : dtype
        compiled : bool
            Whether the layer may run compiled loops.

        Raises
        ------
        ValueError
            If the layer cannot go frame by frame.
        """
        if self.runs_backwards:
            raise ValueError(f"{self!r} runs backwards: it needs the whole sequence, so it cannot stream")
        if self.needs_time:
            raise ValueError(f"{self!r} looks along time in a way of its own: it cannot stream")
        context = Context(None, False, np.random.default_rng(0), keep=False, compiled=compiled)
        return lambda frame: self.forward(parameters, frame, context)[0]

    def check_online(self) -> None:
        """Check that the layer can learn while it streams.

        Raises
        ------
        ValueError
            If it cannot; says why.
        """
        if self.runs_backwards:
            raise ValueError(f"{self!r} runs backwards: it needs the whole sequence, so it cannot learn from a stream")
        if self.needs_time and not self.states():
            raise ValueError(
                f"{self!r} looks along time, so its output's gradient is not that of one frame: leave it out"
            )

    def online(self, parameters: Mapping[str, Array], n_below: int, dtype: np.dtype[Any]) -> OnlineLayer:
        """Return the layer at work on a stream that it learns from; see `rnnbp.layers.online`."""
        from rnnbp.layers.online import OnlineLayer

        return OnlineLayer(self, parameters, n_below, dtype)

    def check_scheduled_sampling(self) -> None:
        """Check that a teacher's values may be given for some of the rows only.

        Raises
        ------
        ValueError
            If not; says why.
        """
        raise ValueError(f"scheduled sampling needs a layer that is teacher-forced, and {self!r} is not")


def expect_width(layer: Layer, expected: int, given: int) -> None:
    """Check how many features come in.

    Raises
    ------
    ValueError
        If they are not as many as the layer takes.
    """
    if expected != given:
        raise ValueError(f"{layer!r} takes {expected} features, but {given} come in")
