"""`verify`: a header compiled, run on sequences, and compared with the network's own stream."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.interop.c.exporting import arithmetic, render, whole_of
from rnnbp.names import explained
from rnnbp.networks.network import Network

if TYPE_CHECKING:
    from rnnbp.audio import AudioFeatures

__all__ = [
    "COMPILERS",
    "Verification",
    "build",
    "compared",
    "find_compiler",
    "outputs_of",
    "program",
    "streamed",
    "verify",
]

Array = NDArray[Any]

COMPILERS = ("gcc", "clang", "cc")
LIMIT = 600.0  # seconds that a compiler or the program may take

# Reads sequences: a number of frames, or of samples, then these. Writes for each the number of its outputs, then these,
# as `run` has computed them, and once more, as `step` has.
PROGRAM = Template("""\
#include "$stem.h"
#include <stdio.h>
#include <stdlib.h>

static struct ${stem}_state s;
$read
int main(void)
{
    uint32_t given;
    while (fread(&given, sizeof given, 1, stdin) == 1) {
        size_t n_steps = 0, n_out, t;
        uint32_t n = 0, k = 0;
        ${stem}_input *x = ${stem}_read(given, &n_steps);
        ${stem}_output *y, *again;
        if (!x)
            return 1;
        n_out = n_steps * ${STEM}_N_OUTPUTS;
        y = (${stem}_output *)malloc(n_out * sizeof *y);
        again = (${stem}_output *)malloc(n_out * sizeof *y);
        if (!y || !again)
            return 1;
        ${stem}_init(&s);
        n = (uint32_t)${stem}_run(&s, x, n_steps, y);
        ${stem}_init(&s);
        for (t = 0; t < n_steps; ++t)
            if (${stem}_step(&s, x + t * ${STEM}_N_INPUTS, again + k * ${STEM}_N_OUTPUTS) == 1)
                ++k;
        if (k != n)
            return 2;
        fwrite(&n, sizeof n, 1, stdout);
        fwrite(y, sizeof *y, (size_t)n * ${STEM}_N_OUTPUTS, stdout);
        fwrite(again, sizeof *y, (size_t)n * ${STEM}_N_OUTPUTS, stdout);
        free(x);
        free(y);
        free(again);
    }
    return 0;
}
""")
READ_FRAMES = Template("""
static ${stem}_input *${stem}_read(uint32_t n_frames, size_t *n_steps)
{
    const size_t n_in = (size_t)n_frames * ${STEM}_N_INPUTS;
    ${stem}_input *x = (${stem}_input *)malloc(n_in * sizeof *x);
    *n_steps = n_frames;
    return x && fread(x, sizeof *x, n_in, stdin) == n_in ? x : NULL;
}
""")
READ_SAMPLES = Template("""
static ${stem}_input *${stem}_read(uint32_t n_samples, size_t *n_steps)
{
    static struct ${stem}_recording r;
    float *samples = (float *)malloc(n_samples * sizeof *samples);
    ${stem}_input *x;
    size_t t;
    if (!samples || fread(samples, sizeof *samples, n_samples, stdin) != n_samples
        || !${stem}_listen(&r, samples, n_samples))
        return NULL;
    *n_steps = r.n_frames;
    x = (${stem}_input *)malloc(r.n_frames * ${STEM}_N_INPUTS * sizeof *x);
    for (t = 0; x && t < r.n_frames; ++t)
        ${stem}_features(&r, t, x + t * ${STEM}_N_INPUTS);
    free(samples);
    return x;
}
""")


def program(stem: str, *, listens: bool = False) -> str:
    """Return a program around a header; it reads samples if it `listens`, else frames."""
    names = {"stem": stem, "STEM": stem.upper()}
    return PROGRAM.substitute(names, read=(READ_SAMPLES if listens else READ_FRAMES).substitute(names))


@dataclass(frozen=True)
class Verification:
    """How far the C code is from the network.

    Attributes
    ----------
    difference : float
        The largest difference of an output.
    largest : float
        The largest output of the network, in size.
    agreement : float
        For how many of the outputs the largest number stands at the same place: the same class, where they are logits.
    n_outputs : int
        How many numbers were compared.
    compiler : str

    See Also
    --------
    verify

    Examples
    --------
    >>> import rnnbp
    >>> from rnnbp import layers
    >>> net = rnnbp.Network([layers.GRU(2, 4), layers.LastStep(), layers.Dense(4, 3)])
    >>> verify(net, [np.ones((5, 2))]).difference < 1e-5  # doctest: +SKIP
    True
    """

    difference: float
    largest: float
    agreement: float
    n_outputs: int
    compiler: str

    @property
    def relative(self) -> float:
        """The largest difference over the largest output; over 1 where all outputs are smaller than 1e-30."""
        return self.difference / self.largest if self.largest >= 1e-30 else self.difference


@explained
def verify(
    net: Any,
    sequences: Sequence[ArrayLike],
    *,
    dtype: DTypeLike | None = None,
    quantize: Literal["int8"] | None = None,
    calibration: Sequence[ArrayLike] | None = None,
    features: AudioFeatures | None = None,
    compiler: str | None = None,
    flags: Sequence[str] = ("-std=c99", "-O2"),
) -> Verification:
    """Export a network, compile the header, and compare its outputs with those of `Network.stream`.

    Parameters
    ----------
    net : Network, estimator, Pipeline or TransformedTargetRegressor
        As for `export`; scalers are in the network that is compared with.
    sequences : sequence of arrays of shape (T_i, F)
        Of any lengths; symbols, for an `Embedding`, lack the last axis. With `features` they are recordings, of shape
        (n_samples,); also where a pipeline begins with `AudioFeatures`.
    dtype, quantize, calibration, features
        As for `export`.
    compiler : str or None, default None
        A program that takes gcc's arguments; None looks for gcc, clang and cc.
    flags : sequence of str, default ("-std=c99", "-O2")

    Returns
    -------
    Verification
        `Verification.relative` is below 1e-6 for float32 where the network is not chaotic, and about 1e-4 from samples
        on, as features are logarithms.

    Raises
    ------
    RuntimeError
        If there is no compiler, or if it or the program it makes fails.
    TypeError
        If the flags are no list.
    ValueError
        If there are no frames, or as `export`, `Stream.push` and `AudioFeatures.transform` say.

    Examples
    --------
    >>> from rnnbp import Network, layers
    >>> from rnnbp.interop import c
    >>> net = Network([layers.GRU(3, 16), layers.Dense(16, 2)])
    >>> rng = np.random.default_rng(0)
    >>> c.verify(net, [rng.normal(size=(n, 3)) for n in (20, 1, 7)]).relative < 1e-6  # doctest: +SKIP
    True
    """
    if isinstance(flags, str):
        raise TypeError(f"flags must be a list of str, one a flag, but {flags!r} was given: write {flags.split()!r}")
    command = find_compiler() if compiler is None else compiler
    net, features, _ = whole_of(net, dtype, quantize, features)
    text = render(net, "model", dtype=dtype, quantize=quantize, calibration=calibration, features=features)
    given = [np.asarray(sequence) for sequence in sequences]
    expected = [streamed(net, frames) for frames in (given if features is None else _heard(features, given))]
    if not any(map(len, expected)):
        raise ValueError("the sequences must have at least one output, but they have none")
    with tempfile.TemporaryDirectory() as folder:
        runnable = build(text, Path(folder), command, flags, listens=features is not None)
        actual = outputs_of([str(runnable)], given, net, arithmetic(net, dtype, quantize))
    return compared(expected, actual, command)


def _heard(features: AudioFeatures, recordings: Sequence[Array]) -> list[Array]:
    """Return the frames of recordings."""
    for wave in recordings:
        if wave.ndim != 1:
            raise ValueError(f"with features, sequences must be recordings of shape (n,), but one is {wave.shape}")
    return [np.asarray(frames) for frames in features.transform([wave.astype(np.float32) for wave in recordings])]


def compared(expected: Sequence[Array], actual: Sequence[Array], compiler: str) -> Verification:
    """Compare a network's outputs for some sequences with those that `outputs_of` returns.

    Raises
    ------
    RuntimeError
        If there are not as many.
    """
    for k, (own, wanted) in enumerate(zip(actual, expected, strict=True)):
        if own.shape[1:] != wanted.shape:
            raise RuntimeError(
                f"sequence {k} has outputs of shape {wanted.shape}, but the C code's are {own.shape[1:]}"
            )
    wanted = np.concatenate(expected, dtype=np.float64)
    found = np.concatenate(actual, axis=1, dtype=np.float64)
    agreement = (found.argmax(axis=2) == wanted.argmax(axis=1)).mean()
    difference, largest = np.abs(found - wanted).max(), np.abs(wanted).max()
    return Verification(float(difference), float(largest), float(agreement), wanted.size, compiler)


def streamed(net: Network, sequence: Array) -> Array:
    """Return the outputs of a sequence, as a stream gives them."""
    if sequence.ndim != 1 + net.layers[0].frame_rank:
        shape = "(T, F)" if net.layers[0].frame_rank else "(T,)"
        raise ValueError(f"sequences must be arrays of shape {shape}, but one of shape {sequence.shape} was given")
    outputs = net.stream().push(sequence)
    assert outputs is not None, "a row of frames has a row of outputs"
    return outputs


def find_compiler() -> str:
    """Return the first C compiler that there is.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    found = next(filter(None, map(shutil.which, COMPILERS)), None)
    if found is None:
        raise RuntimeError(f"verify needs a C compiler ({', '.join(COMPILERS)}), but there is none on the path")
    return found


def build(text: str, folder: Path, compiler: str, flags: Sequence[str], *, listens: bool = False) -> Path:
    """Compile a header named model.h, with a `program` that reads sequences and writes outputs; return the program.

    Raises
    ------
    RuntimeError
        If the compiler fails; with what it says.
    """
    (folder / "model.h").write_text(text)
    (folder / "main.c").write_text(program("model", listens=listens))
    runnable = folder / "main"
    _call([compiler, *flags, str(folder / "main.c"), "-o", str(runnable)], b"")
    return runnable


def outputs_of(command: Sequence[str], sequences: Sequence[Array], net: Network, dtype: np.dtype[Any]) -> list[Array]:
    """Run such a program as `build` makes; return each sequence's outputs (2, n, n_outputs): by run, and by step."""
    symbols = net.layers[0].frame_rank == 0
    frames = [np.ascontiguousarray(each, np.int32 if symbols else dtype) for each in sequences]
    written = _call(command, b"".join(np.uint32(len(each)).tobytes() + each.tobytes() for each in frames))
    outputs, at = [], 0
    for _ in sequences:
        n = int(np.frombuffer(written, np.uint32, 1, at)[0])
        outputs.append(np.frombuffer(written, dtype, 2 * n * net.n_outputs, at + 4).reshape(2, n, net.n_outputs))
        at += 4 + outputs[-1].nbytes
    return outputs


def _call(command: Sequence[str], given: bytes) -> bytes:
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{command[0]} does not run: {error}") from None
    if done.returncode:
        raise RuntimeError(f"{command[0]} fails ({done.returncode}): {done.stderr.decode(errors='replace')[:4000]}")
    return done.stdout
