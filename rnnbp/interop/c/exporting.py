"""`export`: a network as one header of C."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.configuration import shown
from rnnbp.files.model_file import write_atomically
from rnnbp.interop.c.document import document
from rnnbp.interop.c.header import Header
from rnnbp.interop.c.layers import Writer, writer_of
from rnnbp.interop.c.quantization import Quantized, measured
from rnnbp.interop.c.text import stem_of
from rnnbp.layers import Layer
from rnnbp.names import explained
from rnnbp.networks.network import Network

if TYPE_CHECKING:
    from rnnbp.audio import AudioFeatures

__all__ = ["arithmetic", "export", "render", "whole_of"]

Array = NDArray[Any]

A_LINE = 116  # characters of a comment
NOTE = """\
Matrices have 8 bits, with a scale for each row; what they are multiplied with is rounded to 16 bits, whose range was
measured on a few sequences: what is more than twice as large as anything in them is cut off."""
LISTENS = """\
Frames of a recording's samples come from {stem}_listen(&r, samples, n_samples) and, for each t below r.n_frames,
{stem}_features(&r, t, x), where r is a struct {stem}_recording; what that costs is not counted below."""


@explained
def export(
    net: Any,
    path: str | PathLike[str],
    *,
    dtype: DTypeLike | None = None,
    quantize: Literal["int8"] | None = None,
    calibration: Sequence[ArrayLike] | None = None,
    features: AudioFeatures | None = None,
) -> None:
    """Write a network, or a fitted model, as a header of C99, which is valid C++ too, in one atomic step.

    It has, where the file is ``model.h``::

        struct model_state                      what is carried from frame to frame
        model_init(&s)                          begins a new sequence
        model_step(&s, x, y)                    takes a frame, writes an output; 1, or 0 if none is due (strides)
        model_run(&s, x, n_steps, y)            takes frames, writes outputs; returns how many
        MODEL_N_INPUTS, MODEL_N_OUTPUTS

    An output is what `Network.stream` gives for the frame: where a network pools over time, what it would be if the
    sequence ended there. A network of symbols takes frames of one ``int32_t``, and its step returns -1 for a symbol
    that there is not, and changes nothing. The opening comment says what a frame costs.

    Parameters
    ----------
    net : Network, estimator, Pipeline or TransformedTargetRegressor
        Each of its layers must be able to stream. Scalers before an estimator and of its targets become part of its
        first layer and its last; `AudioFeatures` at the front stand for `features`. The header's comment says which
        features go in and which classes come out.
    path : path-like
        The header's name without its suffix begins all names in it.
    dtype : {"float32", "float64"} or None, default None
        Of weights and arithmetic; None stands for the network's own.
    quantize : {"int8"} or None, default None
        "int8" has matrices in 8 bits, with a scale for each row, and what they are multiplied with in 16; all else is
        computed in float32. See `rnnbp.interop.c.quantization`.
    calibration : sequence of arrays of shape (T_i, F), or None
        A few typical sequences, which show what ranges the 16 bits are to cover; with `quantize` only.
    features : AudioFeatures or None, default None
        What makes the network's frames of a recording: then the header takes samples, too (``model_listen`` and
        ``model_features``, see `rnnbp.interop.c.frontend`). Without time derivatives, and for float32 only.

    Raises
    ------
    TypeError
        If `net` is no network, and has none.
    InteropError
        If a model does more than its network can: names what.
    ValueError
        If the name is no identifier, the dtype another, a parameter is not finite, if a layer runs backwards or is
        of a kind that has no C (the message says which), or if there are no sequences to calibrate with.

    See Also
    --------
    verify : compiles the header, and compares.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from rnnbp import Network, layers
    >>> from rnnbp.interop import c
    >>> net = Network([layers.LSTM(13, 64), layers.LastStep(), layers.Dense(64, 10)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     c.export(net, Path(folder) / "digits.h")
    ...     text = (Path(folder) / "digits.h").read_text()
    >>> print(*[line for line in text.splitlines() if "Cost" in line])
     * Cost: 20352 multiply-adds a frame, 82472 bytes of weights,
    """
    text = render(net, stem_of(path), dtype=dtype, quantize=quantize, calibration=calibration, features=features)
    write_atomically(path, text.encode("ascii"))


def render(
    net: Any,
    stem: str,
    *,
    dtype: DTypeLike | None = None,
    quantize: Literal["int8"] | None = None,
    calibration: Sequence[ArrayLike] | None = None,
    features: AudioFeatures | None = None,
) -> str:
    """Return the text of the header that `export` writes."""
    net, features, notes = whole_of(net, dtype, quantize, features)
    kind = arithmetic(net, dtype, quantize)
    if (quantize is None) != (calibration is None):
        raise ValueError(
            "calibration must be sequences where quantize is given, and None where it is not, but "
            f"quantize={quantize!r} and {'none' if calibration is None else 'some'} were given"
        )
    symbols = net.layers[0].frame_rank == 0
    if net.n_inputs is None and not symbols:
        raise ValueError(
            "the network must have a layer that says how many features it takes, such as Dense(13, 10), but takes any "
            "number of them"
        )
    _check_finite(net, kind)
    writers = [_writer(k, layer) for k, layer in enumerate(net.layers)]
    products = None if calibration is None else Quantized(measured(net, _checked(net, calibration)))
    said = [fill(each, A_LINE, subsequent_indent="    ") for each in notes]
    note = "\n\n".join(filter(None, ["\n".join(said), NOTE if quantize else ""]))
    header = Header(stem, kind.name, "int32_t" if symbols else None, products, note)
    width = taken = net.n_inputs or 1  # a symbol is one number
    for k, (layer, write) in enumerate(zip(net.layers, writers, strict=True)):
        try:
            n_inputs, width = width, layer.output_width(width)
            share = header.share(k, width)
            if write(layer, net.parameters.within(f"{k}."), n_inputs, share):
                header.shares.append(share)
        except ValueError as error:
            raise _refusal(k, layer, error) from None
    described = [repr(layer) for layer in net.layers]
    audio = ""
    if features is not None:
        from rnnbp.interop.c.frontend import add_features

        audio = add_features(header, features, taken)
        header.note = "\n\n".join(filter(None, [header.note, LISTENS.format(stem=stem)]))
    return document(header, described, n_inputs=taken, n_outputs=net.n_outputs, features=audio)


def whole_of(
    model: Any, dtype: DTypeLike | None, quantize: Literal["int8"] | None, features: AudioFeatures | None
) -> tuple[Network, AudioFeatures | None, list[str]]:
    """Return the network of a model, its features or those that were given, and what goes in and comes out.

    Raises
    ------
    ValueError
        If there are both; and see `rnnbp.interop.whole.whole`.
    """
    if isinstance(model, Network):
        return model, features, []
    from rnnbp.interop.whole import whole

    net, own, notes = whole(model, dtype="float32" if quantize else dtype)
    if own is not None and features is not None:
        raise ValueError(f"features must be None where the model begins with {own!r}, but some were given")
    return net, own or features, notes


def arithmetic(net: Network, dtype: DTypeLike | None, quantize: Literal["int8"] | None) -> np.dtype[Any]:
    """Return the dtype that a header computes in.

    Raises
    ------
    ValueError
        If there is no such dtype or quantisation, or if they do not go together.
    """
    if quantize not in (None, "int8"):
        raise ValueError(f"quantize must be 'int8' or None, but {shown(quantize)} was given")
    own = np.dtype(np.float32) if quantize else net.dtype
    kind = own if dtype is None else np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, but {shown(dtype)} was given")
    if kind != own and quantize:
        raise ValueError(f"dtype must be float32 with quantize={quantize!r}, but {shown(dtype)} was given")
    return kind


def _writer(k: int, layer: Layer) -> Writer:
    try:
        return writer_of(layer)
    except ValueError as error:
        raise _refusal(k, layer, error) from None


def _refusal(k: int, layer: Layer, error: ValueError) -> ValueError:
    return ValueError(f"layer {k}, {layer!r}, cannot be exported to C: it {error}")


def _checked(net: Network, calibration: Sequence[ArrayLike]) -> list[Array]:
    """Return the frames to calibrate with."""
    given = [np.asarray(sequence) for sequence in calibration]
    rank = net.layers[0].frame_rank
    for sequence in given:
        if sequence.ndim != 1 + rank:
            shape = "(T, F)" if rank else "(T,)"
            raise ValueError(f"calibration must be arrays of shape {shape}, but one of {sequence.shape} was given")
    if not any(map(len, given)):
        raise ValueError("calibration must be sequences of at least one frame, but has none")
    return [net.interface.check(sequence) for sequence in given if len(sequence)]


def _check_finite(net: Network, dtype: np.dtype[Any]) -> None:
    for name, values in net.parameters.items():
        with np.errstate(over="ignore"):
            cast = values.astype(dtype)
        if not np.isfinite(cast).all():
            wrong = cast[~np.isfinite(cast)][0]
            raise ValueError(f"the parameters must be finite {dtype} numbers, but {name!r} holds {wrong}")
