"""The heart of the matrix product: tiles of sums that are kept in registers.

For R rows of a and a packed panel of b (`rnnbp.kernels.matrices`), with V vectors of the host's width a row::

    for k:  for each row r:  c[r, :] += a[r, k] * panel[k, :]

R V sums, V vectors of the panel and one of a must fit the registers: 6 x 4 of 32, or 6 x 2 of 16. a may have any
strides, so a tile computes a transposed product as well. Few rows would leave most registers unused and wait for each
sum in turn, so a tile of fewer rows takes several panels at once. Tails need no code of their own: a tile may have
fewer rows and vectors, and the last vector of c is loaded and stored under a mask. Each sum goes over k from first to
last, whatever the tile, so how a product is divided never changes a bit of it.

References
----------
K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008.
"""

from __future__ import annotations

from rnnbp.kernels import processor
from rnnbp.kernels.emitter import Memory, lane_mask, splat
from rnnbp.kernels.kinds import PLAIN_LOOP
from rnnbp.kernels.llvm import Writer

__all__ = ["ROWS", "SEVERAL", "tile_kernel", "tiles", "vectors"]

ROWS = 6  # of the largest tile
SEVERAL = ((1, 4), (1, 2), (2, 2), (3, 2))  # rows and panels of the tiles that take several panels at once

ARGUMENTS = (
    ("ptr", "c"), ("i64", "c_row"), ("ptr", "a"), ("i64", "a_row"), ("i64", "a_step"), ("ptr", "b"),
    ("i64", "depth"), ("i64", "last"),
)  # fmt: skip


def vectors() -> int:
    """Return how many vectors wide a panel is."""
    return 4 if processor.n_registers() == 32 else 2


def tiles() -> dict[str, tuple[int, int, int]]:
    """Return rows, vectors and panels of each tile, by name, in the order of their numbers.

    First come those of one panel, of 1 vector and of 1 to 6 rows, of 2 vectors..., then those of `SEVERAL`.
    """
    single = [(rows, wide, 1) for wide in range(1, vectors() + 1) for rows in range(1, ROWS + 1)]
    several = [(rows, vectors(), many) for rows, many in SEVERAL]
    return {f"tile{rows}x{wide}x{many}": (rows, wide, many) for rows, wide, many in [*single, *several]}


def tile_kernel(name: str, rows: int, wide: int, many: int, dtype: str) -> Writer:
    """Return a tile in LLVM's words: a function of `ARGUMENTS`.

    Row r of c begins at ``c + r c_row``; element (r, k) of a is at ``a + r a_row + k a_step``. Of c's last vector in a
    tile of one panel, only the first `last` lanes are touched.
    """
    kind, n = ("float" if dtype == "float32" else "double"), processor.lanes(dtype)
    w = Writer(name, ARGUMENTS, internal=True)
    memory = Memory(w, kind, n)
    mask = lane_mask(w, "%last", n) if n > 1 and many == 1 else None
    fma = f"llvm.fma.{f'v{n}' if n > 1 else ''}{'f32' if kind == 'float' else 'f64'}"
    panel = w.let(f"mul nsw i64 %depth, {wide * n}")

    def at(base: str, offset: str) -> str:
        return w.let(f"getelementptr inbounds {kind}, ptr {base}, i64 {offset}")

    starts = ["%b"]
    for _ in range(1, many):
        starts.append(at(starts[-1], panel))
    places, sums = [], []
    for r in range(rows):
        row = at("%c", w.let(f"mul nsw i64 %c_row, {r}"))
        for v in range(wide * many):
            only = mask if v == wide - 1 else None
            places.append((at(row, str(v * n)), only))
            sums.append(memory.load(*places[-1]))
    a_rows = [at("%a", w.let(f"mul nsw i64 %a_row, {r}")) for r in range(rows)]
    before, body, after = w.block, w.new(), w.new()
    w.choose(w.let("icmp sgt i64 %depth, 0"), body, after)
    w.begin(body)
    k, following = w.new(), w.new()
    running, results = [w.new() for _ in sums], [w.new() for _ in sums]
    w.do(f"%{k} = phi i64 [ 0, %{before} ], [ %{following}, %{body} ]")
    for phi, value, result in zip(running, sums, results, strict=True):
        w.do(f"%{phi} = phi {memory.whole} [ {value}, %{before} ], [ %{result}, %{body} ]")
    row_of_panel = w.let(f"mul nsw i64 %{k}, {wide * n}")
    columns = []
    for start in starts:
        base = at(start, row_of_panel)
        columns += [memory.load(at(base, str(v * n)), None) for v in range(wide)]
    step = w.let(f"mul nsw i64 %{k}, %a_step")
    for r in range(rows):
        factor = splat(w, kind, w.let(f"load {kind}, ptr {at(a_rows[r], step)}"), n)
        for v, column in enumerate(columns):
            i = r * len(columns) + v
            given = f"{memory.whole} {factor}, {memory.whole} {column}, {memory.whole} %{running[i]}"
            w.do(f"%{results[i]} = call {memory.whole} @{fma}({given})")
    w.declarations.add(f"declare {memory.whole} @{fma}({', '.join([memory.whole] * 3)})")
    w.do(f"%{following} = add nsw i64 %{k}, 1")
    w.end(
        f"br i1 {w.let(f'icmp slt i64 %{following}, %depth')}, label %{body}, label %{after}, !llvm.loop {PLAIN_LOOP}"
    )
    w.begin(after)
    finals = [w.new() for _ in sums]
    for final, value, result in zip(finals, sums, results, strict=True):
        w.do(f"%{final} = phi {memory.whole} [ {value}, %{before} ], [ %{result}, %{body} ]")
    for (place, only), final in zip(places, finals, strict=True):
        memory.store(f"%{final}", place, only)
    return w
