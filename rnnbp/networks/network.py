"""A network: layers in sequence over one flat parameter vector.

::

    a(0) = x;  a(k) = layer_k(a(k-1); theta_k);  y = a(K)                    (1)   forward
    L, dy = loss(y, target)                                                  (2)
    da(K) = dy;  da(k-1), dtheta_k = pullback of layer_k, of da(k)           (1')  backward

A static network and a recurrent one differ in their layers only. Its three kinds of data have an owner each:
hyper-parameters the layers, parameters the vector ``theta``, activations the workspaces.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.configuration import brief, build, check_admitted, plain, shown
from rnnbp.data.batch import Batch
from rnnbp.data.workspace import Workspace
from rnnbp.files import model_file
from rnnbp.layers import Activation, Context, Embedding, Jordan, Layer
from rnnbp.losses import Loss
from rnnbp.networks.passes import Pass
from rnnbp.networks.program import Program
from rnnbp.networks.stream import Stream
from rnnbp.parameters import Parameter, Parameters

__all__ = ["Network"]

Array = NDArray[Any]
States = Mapping[str, Array]


class Network:
    """Layers in sequence.

    Parameters
    ----------
    layers : sequence of Layer
        Each takes what the one before it gives.
    dtype : {"float32", "float64"}, default "float32"
        Of parameters and activations.
    seed : int or None, default 0
        Seeds the initial parameters and dropout; None takes fresh entropy.
    compiled : bool, default True
        Whether layers that the engine knows run compiled. False runs all of them in NumPy, as their own files have it:
        for reading and debugging.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
        All parameters. It never moves: what is assigned to it is copied into it.
    parameters : mapping of str to ndarray
        Views of theta, under names like ``"0.input_weight"``.
    n_inputs, n_outputs : int
        The widths of input and output; n_inputs is None if any will do, or if the input is symbols.
    metadata : dict
        What was saved beside the network; see `save`.

    Raises
    ------
    TypeError
        If a layer is not one.
    ValueError
        If there is no layer, if one does not fit the one before it, or if the dtype is another.

    Examples
    --------
    >>> from rnnbp import layers
    >>> net = Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)])
    >>> net.forward(np.zeros((5, 4, 3))).shape  # T = 5 steps, B = 4 sequences
    (4, 2)
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        dtype: DTypeLike = "float32",
        seed: int | None = 0,
        compiled: bool = True,
    ) -> None:
        self._allocate(self._declare(layers, dtype, seed, compiled))
        self.parameters.initialize(self.rng)

    def _declare(
        self, layers: Sequence[Layer], dtype: DTypeLike, seed: int | None, compiled: bool = True
    ) -> list[Parameter]:
        """Check the settings and return the parameters that they need; no memory is taken for these yet."""
        self.layers = tuple(layers)
        self.dtype = np.dtype(dtype)
        self.seed = seed
        self.compiled = compiled
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, but {dtype!r} was given")
        self._check_layers()
        return [
            replace(parameter, name=f"{k}.{parameter.name}")
            for k, layer in enumerate(self.layers)
            for parameter in layer.parameters()
        ]

    def _allocate(self, declared: Sequence[Parameter]) -> None:
        """Lay the parameters out; they are zero."""
        self.parameters = Parameters(declared, self.dtype)
        self.rng = np.random.default_rng(self.seed)
        self.views = self.by_layer(self.parameters)
        self._idle: list[Program] = []  # programs that no pass is using
        self._latest: Program | None = None
        self.metadata: dict[str, Any] = {}

    @property
    def theta(self) -> Array:
        """All parameters: one flat vector that never moves; what is assigned to it is copied into it."""
        return self.parameters.theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        self.parameters.theta[...] = values

    def _check_layers(self) -> None:
        if not self.layers:
            raise ValueError("a network needs at least one layer")
        for k, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"layer {k} is {layer!r}, not a layer such as rnnbp.layers.Dense(64, 10)")
            if isinstance(layer, Embedding) and k > 0:
                raise ValueError(f"layer {k}, {layer!r}, takes symbols, so it must be the first layer")
        known = [
            getattr(layer, name) for layer in self.layers for name in ("n_inputs", "n_features") if hasattr(layer, name)
        ]
        self.n_inputs: int | None = None if isinstance(self.layers[0], Embedding) else (known[0] if known else None)
        width, pooled = self.n_inputs or 1, None
        for k, layer in enumerate(self.layers):
            if layer.needs_time and pooled is not None:
                raise ValueError(
                    f"layer {k}, {layer!r}, looks along time, but layer {pooled} has left one row a sequence"
                )
            try:
                width = layer.output_width(width)
            except ValueError as error:
                raise ValueError(f"layer {k} does not fit: {error}") from None
            pooled = k if layer.pools_time else pooled
        self.n_outputs = width
        self.teacher_forced_layer = self._teacher_forced_layer()
        self.is_recurrent = any(layer.needs_time for layer in self.layers)
        self.pools_time = pooled is not None

    def _teacher_forced_layer(self) -> int | None:
        """Return which layer a teacher's values go to: a Jordan layer that only activations follow."""
        last = max((k for k, layer in enumerate(self.layers) if not isinstance(layer, Activation)), default=0)
        layer = self.layers[last]
        return last if isinstance(layer, Jordan) and layer.teacher_forcing and not layer.bidirectional else None

    def by_layer(self, views: Mapping[str, Array]) -> list[dict[str, Array]]:
        """Return named values, such as gradients, for each layer under its own names."""
        split: list[dict[str, Array]] = [{} for _ in self.layers]
        for name, view in views.items():
            k, _, own = name.partition(".")
            split[int(k)][own] = view
        return split

    def take_program(self) -> Program:
        """Return a program that nobody else is using, to be given back; so threads do not share memory."""
        try:
            program = self._idle.pop()
        except IndexError:
            program = Program(self.layers, self.parameters, compiled=self.compiled)
        self._latest = program
        return program

    def give_program(self, program: Program) -> None:
        """Give a program back."""
        self._idle.append(program)

    @property
    def workspaces(self) -> list[Workspace]:
        """What the layers that run in NumPy keep of the latest pass; nothing before the first."""
        return [] if self._latest is None else [unit.workspace for unit in self._latest.units]

    def split_states(self, states: States | None, batch: Batch) -> Mapping[int, Mapping[str, Array]]:
        """Check states that users name, and return them for each layer under its own names, in packed order.

        Raises
        ------
        ValueError
            If a name is unknown or a shape wrong.
        """
        if not states:
            return {}
        widths = {f"{k}.{name}": w for k, layer in enumerate(self.layers) for name, w in layer.states().items()}
        packed = {}
        for name, state in states.items():
            if name not in widths:
                raise ValueError(f"no state {name!r}: this network's states are {', '.join(widths) or 'none'}")
            given, shape = np.asarray(state, self.dtype), (batch.n_examples, widths[name])
            if given.shape != shape:
                raise ValueError(f"state {name!r} must be of shape {shape}, but its shape is {given.shape}")
            packed[name] = given if batch.packing is None else batch.packing.sort(given)
        return dict(enumerate(self.by_layer(packed)))

    def __reduce__(self) -> tuple[Any, ...]:
        # made again, so that a copy's parameters are views of its own theta
        made_of = type(self), self.layers, self.dtype.name, self.seed, self.compiled
        return _remake, (*made_of, self.theta, self.rng, self.metadata)

    def __repr__(self) -> str:
        layers = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Network([\n{layers}], dtype={self.dtype.name!r}, seed={self.seed})  # {self.theta.size} parameters"

    # -- input ---------------------------------------------------------------------------------------------------

    def batch(self, x: ArrayLike | Sequence[ArrayLike], lengths: ArrayLike | None = None) -> Batch:
        """Check an input and lay it out in rows.

        Parameters
        ----------
        x : ndarray of shape (B, I) or (T, B, I), or list of ndarrays of shape (T_i, I)
            Static examples, padded time-major sequences, or sequences of any lengths. Symbols (for an `Embedding`) lack
            the last axis.
        lengths : array of int, of shape (B,), or None, default None
            The true lengths of padded sequences; None stands for full length.

        Returns
        -------
        Batch

        Raises
        ------
        ValueError
            If the input's rank or number of features is wrong, if it is empty, or if it holds NaN or infinity.
        """
        frame_rank = 0 if isinstance(self.layers[0], Embedding) else 1
        batch = Batch.of(x, lengths, frame_rank=frame_rank, static=not self.is_recurrent)
        batch.rows = self._check_rows(batch.rows)
        return batch

    def _check_rows(self, rows: Array) -> Array:
        first = self.layers[0]
        if isinstance(first, Embedding):
            return first.check_symbols(rows)
        if self.n_inputs is not None and rows.shape[1] != self.n_inputs:
            raise ValueError(f"expected {self.n_inputs} features, but the input has {rows.shape[1]}")
        if rows.dtype.kind not in "fiub":
            raise ValueError(f"expected numbers, but the input's dtype is {rows.dtype}")
        if rows.dtype == self.dtype:
            cast = rows
        else:
            with np.errstate(over="ignore"):
                cast = rows.astype(self.dtype)
        # the sum of squares is one fast pass, and finite only if all are; it may overflow where they are
        if not math.isfinite(np.vdot(cast, cast)) and not np.isfinite(cast).all():
            row, feature = map(int, np.argwhere(~np.isfinite(cast))[0])
            raise ValueError(
                f"the input holds {rows[row, feature]} (feature {feature}), which is no finite {self.dtype} number: "
                "remove or replace it"
            )
        return cast

    # -- passes --------------------------------------------------------------------------------------------------

    def run(
        self,
        x: ArrayLike | Sequence[ArrayLike] | Batch,
        lengths: ArrayLike | None = None,
        *,
        training: bool = False,
        keep: bool = True,
        initial_states: States | None = None,
        teacher: Array | None = None,
    ) -> Pass:
        """Run the network forwards, ready to run back.

        Parameters
        ----------
        x, lengths
            See `batch`.
        training : bool, default False
            Whether dropout is on.
        keep : bool, default True
            Whether to keep what `Pass.backward` needs; without, memory does not grow with the sequences' length.
        initial_states : mapping of str to ndarray of shape (B, width), or None
            States to start from, under names like ``"0.h"``, ``"0.c"``, ``"0.h_reverse"``; those missing are zero.
        teacher : ndarray of shape (n_rows, n_outputs) or None
            What to feed back in the place of outputs, packed; `loss_and_gradient` makes it of the targets. Where it is
            a masked array, the output itself is fed back at its masked rows.

        Returns
        -------
        Pass

        Raises
        ------
        ValueError
            If the input does not fit the network (see `batch`), or if an initial state does not.
        """
        batch = x if isinstance(x, Batch) else self.batch(x, lengths)
        return Pass(self, batch, training=training, keep=keep, initial_states=initial_states, teacher=teacher)

    def forward(
        self,
        x: ArrayLike | Sequence[ArrayLike],
        lengths: ArrayLike | None = None,
        training: bool = False,
        *,
        initial_states: States | None = None,
    ) -> Array:
        """Return the network's output.

        Parameters
        ----------
        x, lengths
            See `batch`.
        training : bool, default False
            Whether dropout is on.
        initial_states : mapping of str to ndarray of shape (B, width), or None
            See `run`.

        Returns
        -------
        y : ndarray of shape (B, n_outputs), or (T, B, n_outputs) for an output at each step
            In the second form zeros stand after a sequence's end.

        Raises
        ------
        ValueError
            See `run`.
        """
        batch = self.batch(x, lengths)
        initial = self.split_states(initial_states, batch)
        program = self.take_program()
        try:
            rows = program.forward(
                batch.rows, batch.packing, training=training, keep=False, rng=self.rng, initial=initial
            )
            return batch.in_users_order(rows, per_step=not self.pools_time)
        finally:
            self.give_program(program)

    def loss_and_gradient(
        self,
        x: ArrayLike | Sequence[ArrayLike] | Batch,
        target: ArrayLike | Sequence[ArrayLike],
        loss: Loss,
        lengths: ArrayLike | None = None,
        *,
        training: bool = True,
        sample_weight: ArrayLike | None = None,
        initial_states: States | None = None,
    ) -> tuple[float, Array]:
        """Return the loss of a batch and its gradient with respect to theta.

        Parameters
        ----------
        x, lengths
            See `batch`.
        target : array, or list of arrays of shape (T_i, ...)
            One a sequence or example, of shape (B, ...), or one a step, of shape (T, B, ...); see the loss.
        loss : Loss
        training : bool, default True
            Whether dropout and teacher forcing are on.
        sample_weight : array of shape (B,) or (T, B), or None
            See the loss.
        initial_states : mapping of str to ndarray of shape (B, width), or None
            See `run`.

        Returns
        -------
        value : float
        gradient : ndarray of shape (n_parameters,)
            A new array; `unflatten` names its parts.

        Raises
        ------
        ValueError
            If input or target do not fit the network or the loss.
        """
        batch = x if isinstance(x, Batch) else self.batch(x, lengths)
        per_step = not self.pools_time
        rows = batch.lay_out_target(target, loss, self.n_outputs, per_step=per_step)
        weight = None if sample_weight is None else batch.lay_out_weight(sample_weight, per_step=per_step)
        return self.rows_gradient(batch, rows, loss, weight=weight, training=training, initial_states=initial_states)

    def rows_gradient(
        self,
        batch: Batch,
        target: Array,
        loss: Loss,
        *,
        weight: Array | None = None,
        training: bool = True,
        initial_states: States | None = None,
        final_states: dict[str, Array] | None = None,
        teacher_forcing: float = 1.0,
    ) -> tuple[float, Array]:
        """Return loss and gradient of a batch whose targets and weights are laid out in rows already.

        See `loss_and_gradient`, which checks and lays out what users have. `final_states` is filled in, and
        `teacher_forcing` is the probability with which each step of each sequence is taught (scheduled sampling).
        """
        teacher = None
        if training and self.teacher_forced_layer is not None and teacher_forcing > 0.0:
            teacher = loss.feedback(target, self.n_outputs, self.dtype)
            if teacher_forcing < 1.0:
                alone = self.rng.random(len(teacher)) >= teacher_forcing
                teacher = np.ma.MaskedArray(teacher, np.broadcast_to(alone[:, None], teacher.shape))
        forward = self.run(batch, training=training, initial_states=initial_states, teacher=teacher)
        if final_states is not None:
            final_states |= forward.final_states
        value, d_output = loss.value_and_gradient(forward.rows, target, weight)
        return value, forward.backward_rows(d_output, input_gradient=False).theta

    def first_non_finite(self, batch: Batch) -> str | None:
        """Say which layer, and at which step, is the first whose output for a batch is NaN or infinite."""
        packing, a = batch.packing, batch.rows
        for unit in Program(self.layers, self.parameters, compiled=False).units:
            a = unit.layer.forward(unit.parameters, a, unit.workspace, Context(packing, False, self.rng))
            packing = None if unit.layer.pools_time else packing
            if not np.isfinite(a).all():
                row = int(np.argwhere(~np.isfinite(a))[0, 0])
                place = f"the output of layer {unit.k}, {unit.layer!r}"
                return place if packing is None else f"{place}, at step {packing.step_of_row[row]}"
        return None

    def unflatten(self, vector: Array) -> dict[str, Array]:
        """Return the named views of a vector that is laid out like theta, such as a gradient.

        Raises
        ------
        ValueError
            If its shape is not theta's.
        """
        return self.parameters.views_of(vector)

    def stream(self) -> Stream:
        """Return the network as it is now, to be fed frame by frame.

        Returns
        -------
        Stream
            Its `push` takes the next frames and returns their outputs.

        Raises
        ------
        ValueError
            If a layer runs backwards in time.

        Examples
        --------
        >>> from rnnbp import layers
        >>> stream = Network([layers.GRU(3, 8), layers.Dense(8, 2)]).stream()
        >>> stream.push(np.zeros(3)).shape, stream.push(np.zeros((10, 3))).shape
        ((2,), (10, 2))
        """
        return Stream(self.layers, self.parameters.copy(), self.n_inputs, compiled=self.compiled)

    # -- files ---------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> None:
        """Write the network to a file, in one atomic step.

        Parameters
        ----------
        path : path-like
        metadata : mapping, or None
            Anything that JSON can hold and that the network's users need, such as the settings of its audio features
            and the names of its classes; `load` returns it in ``net.metadata``.

        Raises
        ------
        ValueError
            If the metadata is nothing that JSON can hold, or if a layer holds an object that its constructor's
            annotations do not name, so that it could not be loaded.
        OSError
            If the file cannot be written; names it.

        Warns
        -----
        RuntimeWarning
            If a parameter is NaN or infinite; the file is written all the same.
        """
        for layer in self.layers:
            check_admitted(layer)
        self._warn_of_non_finite(f"the network that is saved in {path}")
        description = {
            "layers": [plain(layer) for layer in self.layers],
            "dtype": self.dtype.name,
            "seed": self.seed,
            "metadata": dict(self.metadata if metadata is None else metadata),
        }
        model_file.write(path, dict(self.parameters), description)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Network:
        """Read a network that `save` has written.

        Parameters
        ----------
        path : path-like

        Returns
        -------
        Network
            With what was saved beside it in ``metadata``.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ModelFileError
            If it is no model file, is truncated or damaged, was written by a newer version, or if its arrays do not fit
            its architecture.

        Warns
        -----
        RuntimeWarning
            If a parameter is NaN or infinite.

        Notes
        -----
        A file may come from anywhere. It names layers and their settings; only classes that are layers (or
        initializers and gradient algorithms, where a layer takes one) are looked up, and memory is taken for
        parameters only after their sizes have been compared with the file's.
        """
        with model_file.opened(path) as file:
            layers, settings, metadata = cls._described(file)
            net = cls.__new__(cls)
            try:
                declared = net._declare(layers, **settings)
            except Exception as error:  # layers of a user's own may answer wrong settings in any way
                raise model_file.ModelFileError(f"{path}: its description makes no network: {brief(error)}") from error
            model_file.check_shapes(file, {p.name: p.shape for p in declared}, net.dtype)
            net._allocate(declared)
            file.read_into(net.parameters)
        net.metadata = metadata
        net._warn_of_non_finite(f"the network in {path}")
        return net

    @staticmethod
    def _described(file: model_file.ModelFile) -> tuple[list[Layer], dict[str, Any], dict[str, Any]]:
        """Return the layers, the dtype and seed, and the metadata that a file describes."""
        described = file.description
        wrong = f"{file.path}: its description makes no network"
        if "checkpoint" in described:
            raise model_file.ModelFileError(f"{wrong}: it is a checkpoint, which rnnbp.fit(..., checkpoint=path) takes")
        listed, seed, metadata = described.get("layers"), described.get("seed"), described.get("metadata")
        if not isinstance(listed, list):
            raise model_file.ModelFileError(f"{wrong}: it lists no layers")
        if described.get("dtype") not in ("float32", "float64"):
            raise model_file.ModelFileError(
                f"{wrong}: dtype must be float32 or float64, but is {shown(described.get('dtype'))}"
            )
        if seed is not None and (type(seed) is not int or seed < 0):
            raise model_file.ModelFileError(f"{wrong}: seed must be a whole number or null, but is {shown(seed)}")
        if not isinstance(metadata, dict):
            raise model_file.ModelFileError(f"{wrong}: its metadata are no mapping")
        layers = []
        for k, settings in enumerate(listed):
            try:
                layers.append(build(settings, Layer))
            except ValueError as error:
                raise model_file.ModelFileError(f"{wrong}: layer {k}: {error}") from error
        return layers, {"dtype": described["dtype"], "seed": seed}, metadata

    def _warn_of_non_finite(self, what: str) -> None:
        for name, view in self.parameters.items():
            if n := view.size - int(np.isfinite(view).sum()):
                warnings.warn(
                    f"{what} holds NaN or infinity in {name!r} ({n} of {view.size} numbers): what it computes will be "
                    "no numbers either. Did training diverge?",
                    RuntimeWarning,
                    stacklevel=3,
                )
                return


def _remake(
    cls: type[Network],
    layers: Sequence[Layer],
    dtype: str,
    seed: int | None,
    compiled: bool,
    theta: Array,
    rng: np.random.Generator,
    metadata: dict[str, Any],
) -> Network:
    net = cls.__new__(cls)
    net._allocate(net._declare(layers, dtype, seed, compiled))
    net.theta[...] = theta
    net.rng, net.metadata = rng, metadata
    return net
