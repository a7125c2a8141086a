"""A header's text: what its shares are put together to."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from rnnbp.interop.c.header import Header, Share
from rnnbp.interop.c.text import as_comment

__all__ = ["document"]

OPENING = Template("""\
$stem.h: a network that goes frame by frame, exported by rnnbp. Do not edit.

$layers
$note
    struct ${stem}_state s;
    ${stem}_input x[${STEM}_N_INPUTS];              $a_frame
    ${stem}_output y[${STEM}_N_OUTPUTS];            $an_output
    ${stem}_init(&s);                               before the first frame of each sequence
    if (${stem}_step(&s, x, y) == 1) ...            for each frame

It needs nothing but a compiler for C99 or C++11: no allocation, no library of mathematics. Include it in one file of a
program. Arithmetic must be that of IEEE 754, so no -ffast-math; frames must be finite.

Cost: $cost
""")

TEXT = Template("""\
#ifndef ${STEM}_H
#define ${STEM}_H

#ifdef __FAST_MATH__
#error "$stem.h rounds with IEEE 754's arithmetic: compile it without -ffast-math"
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define ${STEM}_RESTRICT __restrict
#else
#define ${STEM}_RESTRICT restrict
#endif

#define ${STEM}_N_INPUTS $n_inputs
#define ${STEM}_N_OUTPUTS $n_outputs

typedef $frame_type ${stem}_input;
typedef $number ${stem}_output;

$parts

/* What lasts from frame to frame. */
struct ${stem}_state {
$members
};

/* Begin a new sequence. */
static inline void ${stem}_init(struct ${stem}_state *s)
{
    memset(s, 0, sizeof *s);
}

/*
 * Take the frame x and write its output to y, which must not overlap.
 * Return 1 if there is one, 0 if none is due$refused.
 */
static inline int ${stem}_step(struct ${stem}_state *s, const ${stem}_input *x, ${stem}_output *y)
{
$body
}

/*
 * Take n_steps frames, one after the other, and write the outputs that are due to y, one after the other.
 * Return how many there are.
 */
static inline size_t ${stem}_run(struct ${stem}_state *s, const ${stem}_input *x, size_t n_steps, ${stem}_output *y)
{
    size_t n = 0, t;
    for (t = 0; t < n_steps; ++t)
        if (${stem}_step(s, x + t * ${STEM}_N_INPUTS, y + n * ${STEM}_N_OUTPUTS) == 1)
            ++n;
    return n;
}
$features
#endif
""")


def document(header: Header, layers: Sequence[str], *, n_inputs: int, n_outputs: int, features: str = "") -> str:
    """Return a header's text.

    Parameters
    ----------
    header : Header
    layers : sequence of str
        What the opening comment says of each layer.
    n_inputs, n_outputs : int
        Of a frame, and of the output.
    features : str
        What computes frames from samples.
    """
    buffers, body = _body(header, n_inputs)
    symbols = header.frame_type == "int32_t"
    names = {"stem": header.stem, "STEM": header.stem.upper()}
    listed = "\n".join(f"{k:4}  {text}" for k, text in enumerate(layers))
    opening = OPENING.substitute(
        names,
        layers=listed,
        note=f"\n{header.note}\n" if header.note else "",
        cost=_cost(header, buffers),
        a_frame="one symbol" if symbols else f"{n_inputs} features",
        an_output=f"{n_outputs} numbers",
    )
    shares = [share.definition() for share in header.shares]
    members = [f"struct {share.name} {_member(share)};" for share in header.shares if share.members]
    text = TEXT.substitute(
        names,
        n_inputs=n_inputs,
        n_outputs=n_outputs,
        features=features,
        number=header.number,
        frame_type=header.frame_type,
        parts="\n\n".join([*header.functions.texts.values(), *shares]),
        members="\n".join(f"    {member}" for member in members or ["unsigned char none; /* nothing does */"]),
        refused=", -1 if x is no symbol of the network" if symbols else "",
        body="\n".join(f"    {line}" for line in body),
    )
    return f"{as_comment(opening.rstrip())}\n{text}"


def _member(share: Share) -> str:
    return share.name.removeprefix(f"{share.header.stem}_")


def _body(header: Header, n_inputs: int) -> tuple[int, list[str]]:
    """Return the bytes of the buffers between layers, and the statements of a step."""
    buffers: list[tuple[str, int]] = []
    calls, current = list[str](), "x"
    for share in header.shares:
        target = "y" if share is header.shares[-1] else f"a{len(buffers)}"
        if target != "y":
            buffers.append((target, share.width))
        state = f"&s->{_member(share)}, " if share.members else ""
        call = f"{share.name}({state}{current}, {target})"
        calls += [f"if ((due = {call}) != 1)", "    return due;"] if share.returns else [f"{call};"]
        current = target
    if not header.shares:
        calls.append(f"memcpy(y, x, {n_inputs} * sizeof({header.number}));")
    lines = [f"{header.number} {name}[{width}];" for name, width in buffers]
    lines += ["int due;"] * any(share.returns for share in header.shares)
    lines += [] if any(share.members for share in header.shares) else ["(void)s;"]
    size = 4 if header.number == "float" else 8
    return size * sum(width for _, width in buffers), [*lines, *calls, "return 1;"]


def _cost(header: Header, buffers: int) -> str:
    shares = header.shares
    multiply_adds, weights, state = (
        sum(getattr(share, name) for share in shares) for name in ("multiply_adds", "weight_bytes", "state_bytes")
    )
    stack = buffers + max((share.stack_bytes for share in shares), default=0)
    return (
        f"{multiply_adds} multiply-adds a frame{', at most' * any(share.returns for share in shares)}, {weights} bytes "
        f"of weights,\n{state} bytes of state, and on the stack {stack} bytes of arrays."
    )
