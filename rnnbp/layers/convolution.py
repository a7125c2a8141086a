"""Convolution over time: a dense layer over a window of frames, the same at every step; a time-delay layer.

With width K, stride S, dilation D, and the place c of the present frame in its window (its end if the layer is causal,
else its middle)::

    window(t) = [x(t S + (k - c) D)]  for k = 0, ..., K - 1                  (1)   zero outside the sequence
    y(t) = window(t) W + b            for t = 0, ..., ceil(L / S) - 1        (2)

    dW = sum_t window(t)^T dy(t);  db = sum_t dy(t);  dwindow = dy W^T       (2')
    dx(t S + (k - c) D) += dwindow(t)[k]                                     (1')

What lies before a sequence's own first frame, or after its last, is zero, never a batch-mate or padding. Frames that
are stacked and strided are a convolution whose weight is the identity.

References
----------
A. Waibel, T. Hanazawa, G. Hinton, K. Shikano and K. J. Lang, "Phoneme recognition using time-delay neural networks",
IEEE Transactions on Acoustics, Speech, and Signal Processing 37, 1989.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnbp import initializers
from rnnbp.configuration import flag, shown, whole_number
from rnnbp.data.packing import Packing
from rnnbp.initializers import Initializer
from rnnbp.layers.layer import BackwardContext, Context, Layer, StreamStep, expect_width
from rnnbp.parameters import Parameter

if TYPE_CHECKING:
    from rnnbp.layers.compiled import Part

__all__ = ["Conv1D", "Taps"]

Array = NDArray[Any]
Index = NDArray[np.intp]
LONGEST = 1 << 48  # steps that a window may reach over, and be apart from the next one


class Conv1D(Layer):
    """A dense layer over a window of frames, at every step or every few.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Features of a frame that comes in, and that goes out.
    width : int
        K, the number of frames in a window.
    stride : int, default 1
        S, the number of steps from one window to the next: a sequence of L steps leaves with ceil(L / S).
    dilation : int, default 1
        D, the number of steps from one frame of a window to the next.
    causal : bool, default False
        Whether a window ends with the present frame, so that the layer can stream; else it is in the window's middle
        (for an even width, just behind it).
    weight_initializer, bias_initializer : str or Initializer
        By default "glorot", over the whole window, and "zeros".

    Raises
    ------
    ValueError
        If a number is not a whole one of at least 1, if windows are longer or further apart than any sequence (2^48
        steps), or an initializer's name is unknown.

    Notes
    -----
    Its parameters are ``weight`` of shape (K I, n_outputs), the window's first frame first, and ``bias`` (n_outputs,).

    Examples
    --------
    >>> from rnnbp import Network
    >>> net = Network([Conv1D(3, 8, 5, stride=2)])
    >>> net.forward(np.zeros((9, 4, 3))).shape  # T = 9 steps, B = 4 sequences
    (5, 4, 8)
    """

    needs_time = True

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        width: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        causal: bool = False,
        weight_initializer: str | Initializer = "glorot",
        bias_initializer: str | Initializer = "zeros",
    ) -> None:
        self.n_inputs = whole_number("n_inputs", n_inputs)
        self.n_outputs = whole_number("n_outputs", n_outputs)
        self.width = whole_number("width", width)
        self.stride = whole_number("stride", stride)
        self.dilation = whole_number("dilation", dilation)
        for name, steps in (("stride", self.stride), ("(width - 1) * dilation", (self.width - 1) * self.dilation)):
            if steps > LONGEST:
                raise ValueError(
                    f"{name} must be at most {LONGEST} steps, but it is {shown(steps)}: no sequence is so long"
                )
        self.causal = flag("causal", causal)
        self.weight_initializer = weight_initializer
        self.bias_initializer = bias_initializer
        self.runs_backwards = not causal and width > 1
        self._weight = Parameter("weight", (width * n_inputs, n_outputs), initializers.get(weight_initializer))
        self._bias = Parameter("bias", (n_outputs,), initializers.get(bias_initializer))

    def parameters(self) -> Sequence[Parameter]:
        """Declare weight and bias."""
        return self._weight, self._bias

    def output_width(self, input_width: int) -> int:
        """Return n_outputs."""
        expect_width(self, self.n_inputs, input_width)
        return self.n_outputs

    def output_packing(self, packing: Packing) -> Packing | None:
        """Return how every S-th step lies."""
        return packing.strided(self.stride)

    def output_lengths(self, lengths: Index) -> Index:
        """Return ceil(L / S)."""
        return -(-lengths // self.stride)

    def compiled(self, parameters: Mapping[str, Array], dtype: np.dtype[Any]) -> Part | None:
        """Return a `ConvolutionPart`."""
        from rnnbp.layers.compiled.convolution import ConvolutionPart

        return ConvolutionPart(parameters["weight"], self.taps, self.n_inputs)

    def taps(self, packing: Packing) -> Taps:
        """Return where the frames of the windows lie; see `Taps`."""
        key = (self.width, self.stride, self.dilation, self.causal)
        made = packing.derived.get(key)
        if made is None:
            centre = self.width - 1 if self.causal else (self.width - 1) // 2
            offsets = (np.arange(self.width) - centre) * self.dilation
            made = packing.derived[key] = Taps(packing, offsets, self.stride)
        return made

    def forward(self, parameters: Mapping[str, Array], x: Array, context: Context) -> tuple[Array, Array]:
        """Compute (1) and (2)."""
        assert context.packing is not None, "the network lets only sequences come here"
        source = self.taps(context.packing).source
        padded = np.concatenate([x, np.zeros((1, x.shape[1]), x.dtype)])  # row -1 is what lies outside
        windows = padded[source.T].reshape(source.shape[1], -1)  # 1
        return np.asarray(windows @ parameters["weight"] + parameters["bias"]), windows  # 2

    def backward(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        dy: Array,
        saved: Array,
        context: BackwardContext,
    ) -> Array | None:
        """Compute (2') and (1')."""
        np.matmul(saved.T, dy, out=gradients["weight"])  # 2'
        np.sum(dy, axis=0, out=gradients["bias"])  # 2'
        if not context.input_gradient:
            return None
        assert context.packing is not None
        d_windows = np.asarray(dy @ parameters["weight"].T).reshape(len(dy), self.width, -1)  # 2'
        dx = np.zeros((context.packing.n_rows + 1, self.n_inputs), dy.dtype)
        for k, source in enumerate(self.taps(context.packing).source):
            dx[source] += d_windows[:, k]  # 1': a window has a frame once, and row -1 is what lies outside
        return dx[:-1]

    def stream(self, parameters: Mapping[str, Array], dtype: np.dtype[Any], *, compiled: bool) -> StreamStep:
        """Return a step that keeps the last frames, and puts out at every S-th."""
        if self.runs_backwards:
            raise ValueError(f"{self!r} looks ahead, so it cannot stream: give it causal=True")
        frames = np.zeros(((self.width - 1) * self.dilation + 1, self.n_inputs), dtype)
        n_seen, weight, bias = 0, parameters["weight"], parameters["bias"]

        def step(frame: Array) -> Array | None:
            nonlocal n_seen
            frames[:-1] = frames[1:]
            frames[-1] = frame[0]
            n_seen += 1
            if (n_seen - 1) % self.stride:
                return None
            return np.asarray(frames[:: self.dilation].reshape(1, -1) @ weight + bias)

        return step


class Taps:
    """Where the frames of all windows over a batch lie.

    Parameters
    ----------
    packing : Packing
        Of the input.
    offsets : ndarray of int, of shape (K,)
        Of a window's frames from the present one, in steps.
    stride : int

    Attributes
    ----------
    source : ndarray of int, of shape (K, n_output_rows)
        The input's row that is the k-th frame of each window; -1 outside the sequence.
    """

    def __init__(self, packing: Packing, offsets: Index, stride: int) -> None:
        output = packing.strided(stride)
        step = output.step_of_row * stride + offsets[:, None]
        sequence = output.sequence_of_row
        inside = (step >= 0) & (step < packing.lengths[sequence])
        self.source = np.where(inside, packing.starts[step.clip(0, packing.n_steps - 1)] + sequence, -1)
        self.stride, self._n_rows = stride, packing.n_rows

    def receivers(self) -> Index:
        """Return, for each k, the window whose k-th frame each row of the input is, of shape (K, n_rows); -1 if none.

        It is the inverse of `source`, which tells each row of dx where to gather from (1').
        """
        found = np.full((len(self.source), self._n_rows + 1), -1, np.intp)
        for window, source in zip(found, self.source, strict=True):
            window[source] = np.arange(len(source))
        return found[:, :-1]
