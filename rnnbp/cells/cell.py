"""What a recurrent cell is: its equations, and a declaration of what they connect.

One time step takes an input x and the previous states (h', c', ...) to new states (h, c, ...). A cell says how::

    input     z += x W + b                    once for the whole sequence, outside the loop over time
    stage     z += h' U  (products)           then  saved, (h, c) = step(z, (c',))   (elementwise)
    ...                                       most cells have one stage

and nothing else. z is divided into named `blocks`, one for each pre-activation. Products are carried out by machinery
that all cells share (`rnnbp.gradients`), which therefore knows their pullbacks too: only `step`, the elementwise part,
has a `pullback` of its own.

Both are pure functions of tuples, in the vocabulary of `rnnbp.kernels.elementwise`::

    saved, outputs = step(blocks, inputs)
    d_blocks, d_inputs = pullback(saved, inputs, outputs, d_outputs)

where `inputs` are states of the previous step, and what an earlier stage of this step has put out. A stage without a
pullback has one derived from its step, which then returns the outputs alone (`rnnbp.kernels.derivative`)::

    outputs = step(blocks, inputs)

`saved` replaces the blocks in memory, and holds what the pullback wants to know of them (usually the gates after their
activation functions); in the backward pass d_blocks replaces it in turn. So blocks and variables are all that is
stored: T B (sum of block widths + sum of variable widths) numbers.

As the functions name no index, they can be run on whole arrays, where they can be read and debugged, or traced, once,
for the compiled loop.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, pairwise
from types import MappingProxyType
from typing import Any

from rnnbp.configuration import whole_number
from rnnbp.kernels.derivative import derive
from rnnbp.kernels.elementwise import Operand
from rnnbp.kernels.trace import Graph, trace
from rnnbp.lazy import cached_property

__all__ = ["Cell", "Product", "Stage"]

Step = Callable[[Any, Any], tuple[tuple[Operand, ...], tuple[Operand, ...]]]
Pullback = Callable[[Any, Any, Any, Any], tuple[tuple[Operand, ...], tuple[Operand, ...]]]


@dataclass(frozen=True)
class Product:
    """``z[into] += source @ weight + bias``.

    Attributes
    ----------
    weight : str
        The name of the parameter. Products that name the same one share it: each has columns of its own, in the order
        in which the cell lists them. A layer draws "input_weight", "output_weight" and other names as its
        `input_initializer` says, and "recurrent_weight", to which recurrent dropout applies, as its
        `recurrent_initializer`; a diagonal one starts at zero.
    source : str
        ``"x"`` or the name of a variable.
    into : tuple of str
        The blocks that the product's columns are added to, in the order of the columns.
    bias : str or None
        The name of a parameter that is added too.
    lag : int, default 1
        1 for the source's value at the previous step, 0 for its value at this one, computed by an earlier stage.
    diagonal : bool, default False
        Whether the weight is a vector that multiplies the source element by element (a peephole).
    gain : str or None
        For layer normalisation, the name of a parameter: what is added is ``standardize(source @ weight) * gain +
        bias``, standardised over all columns of the weight, which is then this product's alone. A diagonal product
        names its weight here, which multiplies the standardised source: ``standardize(source) * weight + bias``.

    See Also
    --------
    Cell
    Stage

    Examples
    --------
    >>> from rnnbp.cells import GRUCell
    >>> GRUCell.input
    Product(weight='input_weight', source='x', into=('r', 'z', 'n'), bias='bias', lag=1, diagonal=False, gain=None)
    """

    weight: str
    source: str
    into: tuple[str, ...]
    bias: str | None = None
    lag: int = 1
    diagonal: bool = False
    gain: str | None = None


@dataclass(frozen=True)
class Stage:
    """Some products, and the elementwise functions that follow them.

    Attributes
    ----------
    products : tuple of Product
        Added to the blocks first.
    blocks : tuple of str
        What `step` is given and overwrites. Each block belongs to one stage.
    outputs : tuple of str
        The variables that `step` computes.
    reads : tuple of str
        The states whose previous values `step` is given.
    uses : tuple of str
        The variables of this step, computed by an earlier stage, that it is given after those.
    step : callable
        See the module's text.
    pullback : callable or None
        None has it derived.
    elementwise : bool, default True
        Whether each element can be computed alone; False if the functions look along the last axis (softmax). Such a
        stage runs in NumPy, and needs a pullback.

    Raises
    ------
    TraceError
        If a pullback is to be derived, and the step does what cannot be traced; names the line.
    ValueError
        If a stage that is not elementwise has no pullback.

    See Also
    --------
    Cell
    Product

    Examples
    --------
    >>> from rnnbp.cells import LSTMCell
    >>> [stage] = LSTMCell.stages
    >>> stage.blocks, stage.outputs
    (('i', 'f', 'g', 'o'), ('h', 'c'))
    """

    products: tuple[Product, ...]
    blocks: tuple[str, ...]
    outputs: tuple[str, ...]
    step: Step
    pullback: Pullback | None = None
    reads: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    elementwise: bool = True

    def __post_init__(self) -> None:
        if self.pullback is None:
            if not self.elementwise:
                raise ValueError(
                    f"the pullback of {self.step.__name__} cannot be derived, as the stage is not elementwise: give one"
                )
            n_inputs = len(self.reads) + len(self.uses)
            step, pullback = derive(self.step, len(self.blocks), n_inputs, len(self.outputs))
            object.__setattr__(self, "step", step)
            object.__setattr__(self, "pullback", pullback)

    @cached_property
    def graph(self) -> Graph:
        """The step, traced: from blocks and inputs to what is saved and the outputs.

        Raises
        ------
        TraceError
            If it does what cannot be traced, or returns another number of values than the stage declares.
        """
        return _graph(self)

    @cached_property
    def differentiated(self) -> tuple[tuple[str, int], ...]:
        """The variables whose gradients the stage has to do with, each once, with lag 1 for values of the step before.

        A state that the stage reads and puts out is there once, with lag 0: of what was put out nothing is left after
        the stage, and the gradient of the state before takes its place.
        """
        before = [(name, 0 if name in self.outputs else 1) for name in self.reads]
        return tuple(dict.fromkeys([*((name, 0) for name in (*self.outputs, *self.uses)), *before]))

    @cached_property
    def backward_graph(self) -> Graph:
        """The pullback, traced, with what adds up.

        From what was saved, the inputs, the outputs, and the gradients that are `differentiated`, to the gradients of
        the blocks, and those of the variables before the stage: of a variable that it puts out a new one begins, to
        others it adds.

        Raises
        ------
        TraceError
            See `graph`.
        """
        return _backward_graph(self)


@lru_cache(maxsize=256)  # layers of one kind have stages that are equal
def _graph(stage: Stage) -> Graph:
    n_blocks, n_inputs = len(stage.blocks), len(stage.reads) + len(stage.uses)
    return trace(stage.step, (n_blocks, n_inputs), (n_blocks, len(stage.outputs)))


@lru_cache(maxsize=256)
def _backward_graph(stage: Stage) -> Graph:
    pullback, differentiated = stage.pullback, stage.differentiated
    assert pullback is not None

    def backward(saved: Any, inputs: Any, outputs: Any, ds: Any) -> Any:
        d = dict(zip(differentiated, ds, strict=True))
        d_blocks, d_inputs = pullback(saved, inputs, outputs, tuple(d[name, 0] for name in stage.outputs))
        total = {(name, lag): value for (name, lag), value in d.items() if name not in stage.outputs or lag}
        slots = [(name, 0 if name in stage.outputs else 1) for name in stage.reads] + [(n, 0) for n in stage.uses]
        for slot, value in zip(slots, d_inputs, strict=True):
            total[slot] = total[slot] + value if slot in total else value
        return d_blocks, tuple(total.get(slot, 0.0) for slot in differentiated)

    n_blocks, n, n_inputs = len(stage.blocks), len(differentiated), len(stage.reads) + len(stage.uses)
    return trace(backward, (n_blocks, n_inputs, len(stage.outputs), n), (n_blocks, n))


class Cell(ABC):
    """A recurrent cell of given size; `rnnbp.cells.checking` says what its declarations must be like.

    Parameters
    ----------
    n_inputs, n_hidden : int
        I and H.

    Attributes
    ----------
    blocks : tuple of str
        The pre-activations, in the order in which they lie in z.
    states : tuple of str
        The variables that are carried from one step to the next.
    variables : tuple of str
        All that the stages compute: the states, and what one stage hands to another within a step.
    output : str
        The variable that the layer puts out.
    forced : str or None
        The state that a teacher's values replace in teacher forcing.
    noise : mapping of str to float
        Blocks that are random, and their means: in training each element is 1 with this probability, else 0, drawn anew
        for each sequence and step; at inference it is the mean. They lie side by side in z, in this order.
    input : Product
        Of x; its blocks start from it.
    stages : tuple of Stage

    See Also
    --------
    Product
    Stage
    rnnbp.layers.Recurrent

    Examples
    --------
    A cell without learnt recurrent weights: each state keeps a tenth of what it was.

    >>> class Echo(Cell):
    ...     blocks, states = ("z",), ("h",)
    ...     input = Product("input_weight", "x", into=("z",), bias="bias")
    ...     stages = (
    ...         Stage((), blocks=("z",), reads=("h",), outputs=("h",), step=lambda z, h: (0.1 * h[0] + z[0],)),
    ...     )
    >>> Echo(2, 3).n_columns
    3
    """

    blocks: tuple[str, ...]
    states: tuple[str, ...]
    output: str = "h"
    teacher_forced: str | None = None
    noise: Mapping[str, float] = MappingProxyType({})
    input: Product
    stages: tuple[Stage, ...]

    def __init__(self, n_inputs: int, n_hidden: int) -> None:
        self.n_inputs = whole_number("n_inputs", n_inputs)
        self.n_hidden = whole_number("n_hidden", n_hidden)

    def width(self, name: str) -> int:
        """Return the width of a block or variable, or of the input ``"x"``."""
        return self.n_inputs if name == "x" else self.n_hidden

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """All that the stages compute, in the order in which they do."""
        return tuple(chain.from_iterable(stage.outputs for stage in self.stages))

    @cached_property
    def looked_back_at(self) -> frozenset[str]:
        """The states whose previous values a stage looks at, by reading or multiplying, after one has put out new ones.

        On the way back their two gradients are there at the same time.
        """
        found, known = set[str](), set[str]()
        for stage in self.stages:
            before = {*stage.reads, *(product.source for product in stage.products if product.lag)}
            found |= before & known
            known.update(stage.outputs)
        return frozenset(found)

    @cached_property
    def is_elementwise(self) -> bool:
        """Whether all stages are."""
        return all(stage.elementwise for stage in self.stages)

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """All products: the input's, then those of the stages."""
        return (self.input, *chain.from_iterable(stage.products for stage in self.stages))

    @cached_property
    def columns(self) -> dict[str, slice]:
        """The columns of each block in z."""
        stops = list(accumulate(map(self.width, self.blocks)))
        return {block: slice(stop - self.width(block), stop) for block, stop in zip(self.blocks, stops, strict=True)}

    @cached_property
    def before_norm(self) -> dict[Product, slice]:
        """The columns of z, after the blocks, that hold each product to be normalised as it was before."""
        products = [product for product in self.products if product.gain is not None and not product.diagonal]
        widths = [sum(map(self.width, product.into)) for product in products]
        stops = list(accumulate(widths, initial=sum(map(self.width, self.blocks))))
        return {product: slice(*ends) for product, ends in zip(products, pairwise(stops), strict=True)}

    @cached_property
    def n_columns(self) -> int:
        """The width of z."""
        return sum(map(self.width, (*self.blocks, *chain.from_iterable(product.into for product in self.before_norm))))

    @cached_property
    def weights(self) -> dict[str, tuple[Product, ...]]:
        """The products that share each weight."""
        names = dict.fromkeys(product.weight for product in self.products)
        return {name: tuple(p for p in self.products if p.weight == name) for name in names}

    @cached_property
    def column_map(self) -> dict[Product, tuple[tuple[slice, slice], ...]]:
        """For each product, which columns of its weight go to which columns of z, in as few pieces as can be."""
        column_map = {}
        for sharing in self.weights.values():
            start = 0
            for product in sharing:
                pieces: list[tuple[slice, slice]] = []
                for block in product.into:
                    source, target = slice(start, start + self.width(block)), self.columns[block]
                    if pieces and pieces[-1][1].stop == target.start and not product.diagonal:
                        source = slice(pieces[-1][0].start, source.stop)
                        target = slice(pieces[-1][1].start, target.stop)
                        pieces.pop()
                    pieces.append((source, target))
                    start += self.width(block)
                column_map[product] = tuple(pieces)
        return column_map
