"""A network: layers in sequence over one flat parameter vector.

::

    a(0) = x;  a(k) = layer_k(a(k-1); theta_k);  y = a(K)                    (1)   forward
    L, dy = loss(y, target)                                                  (2)
    da(K) = dy;  da(k-1), dtheta_k = pullback of layer_k, of da(k)           (1')  backward

A static network and a recurrent one differ in their layers only. Its three kinds of data have an owner each:
hyper-parameters the layers, parameters the vector ``theta``, activations the workspaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp import losses
from rnnbp.cells import Cell
from rnnbp.configuration import flag, shown
from rnnbp.configuration import path as check_path
from rnnbp.configuration import seed as check_seed
from rnnbp.data.batch import Batch
from rnnbp.data.interface import Interface
from rnnbp.data.packing import Packing
from rnnbp.data.sequences import Sequences
from rnnbp.files import model_file
from rnnbp.layers import Activation, LastStep, Layer
from rnnbp.losses import Loss
from rnnbp.names import FREEZING, explained, explained_attributes
from rnnbp.networks import network_file
from rnnbp.networks.passes import Pass, check_finite, loss_and_gradient
from rnnbp.networks.program import Programs
from rnnbp.networks.stream import Stream
from rnnbp.networks.summary import Summary
from rnnbp.parameters import Parameter, Parameters
from rnnbp.reading import read_array
from rnnbp.warning import warn

__all__ = ["Network", "check_network"]

Array = NDArray[Any]
States = Mapping[str, Array]
SETTINGS = ("layers", "dtype", "seed", "compiled")
HINTS = {  # what elsewhere is an attribute of a network
    "fit": "write rnnbp.fit(net, x, target, loss=...)",
    "train": "write rnnbp.fit(net, x, target, loss=...); layers such as Dropout work in training only",
    "eval": "dropout is off unless forward(..., training=True) is asked for",
    "compile": "loss and optimizer are arguments of rnnbp.fit(net, x, target, loss=..., optimizer=...)",
    "predict": "write rnnbp.predict(net, x)",
    "evaluate": "write rnnbp.evaluate(net, x, target, loss)",
    "backward": "write net.run(x).backward(d_output), or net.loss_and_gradient(x, target, loss)",
    "state_dict": "net.parameters has the parameters by name, and net.theta all of them",
    "load_state_dict": "write net.theta = ..., or net.parameters[name][:] = ...",
    "get_weights": "net.parameters has the parameters by name, and net.theta all of them",
    "set_weights": "write net.theta = ..., or net.parameters[name][:] = ...",
    "weights": "net.parameters has the parameters by name, and net.theta all of them",
    "add": "layers are given when it is made: Network([...])",
    "trainable": FREEZING,
}


@explained_attributes(HINTS)
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

    @explained
    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        dtype: DTypeLike = "float32",
        seed: int | None = 0,
        compiled: bool = True,
    ) -> None:
        self._allocate(self._declare(layers, dtype, seed, compiled))
        self._warn_of_wrong_ends()
        self.parameters.initialize(self.rng)

    def _declare(
        self, layers: Sequence[Layer], dtype: DTypeLike, seed: int | None, compiled: bool = True
    ) -> list[Parameter]:
        """Check the settings and return the parameters that they need; no memory is taken for these yet."""
        if not isinstance(layers, Iterable) or isinstance(layers, (str, Mapping)):
            raise TypeError(f"layers must be a list of layers, but {shown(layers)} was given: write Network([...])")
        self.layers = tuple(layers)
        try:
            self.dtype = np.dtype("none" if dtype is None else dtype)
        except TypeError:
            self.dtype = np.dtype(object)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, but {shown(dtype)} was given")
        self.seed = check_seed("seed", seed)
        self.compiled = flag("compiled", compiled)
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
        self.programs = Programs(self.layers, self.parameters, compiled=self.compiled)
        self.metadata: dict[str, Any] = {}

    @property
    def theta(self) -> Array:
        """All parameters: one flat vector that never moves; what is assigned to it is copied into it."""
        return self.parameters.theta

    @theta.setter
    def theta(self, values: ArrayLike) -> None:
        theta = self.parameters.theta
        if values is theta:  # as it is after ``net.theta -= step``
            return
        given = read_array(values, "theta", theta.dtype)
        if given.shape != theta.shape:
            raise ValueError(
                f"theta must be a vector of shape {theta.shape}, all parameters, but its shape is {given.shape}: one "
                "number for all is written by net.theta[:] = 0.0, one parameter by net.parameters[name][:] = ..."
            )
        theta[...] = given

    def _check_layers(self) -> None:
        if not self.layers:
            raise ValueError("a network needs at least one layer")
        for k, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                hint = ""
                if isinstance(layer, Cell):
                    hint = ": derive a layer from rnnbp.layers.Recurrent, and return the cell from its make_cell"
                elif isinstance(layer, type):
                    hint = f": make one, as {layer.__name__}(...) does"
                elif isinstance(layer, (Network, list, tuple)):
                    hint = ": put its layers into the one list, as [*layers, *more] does"
                raise TypeError(f"layer {k} is {shown(layer)}, not a layer such as rnnbp.layers.Dense(64, 10){hint}")
            layer.check_settings()
            if layer.frame_rank == 0 and k > 0:
                raise ValueError(f"layer {k}, {layer!r}, takes symbols, so it must be the first layer")
        known = [
            getattr(layer, name) for layer in self.layers for name in ("n_inputs", "n_features") if hasattr(layer, name)
        ]
        self.n_inputs: int | None = None if self.layers[0].frame_rank == 0 else (known[0] if known else None)
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
        self.is_recurrent = any(layer.needs_time for layer in self.layers)
        self.pools_time = pooled is not None
        first = self.layers[0]
        self.interface = Interface(
            frame_rank=first.frame_rank,
            takes_static=not self.is_recurrent,
            dtype=self.dtype,
            check=partial(first.check_input, n_features=self.n_inputs, dtype=self.dtype),
            n_outputs=self.n_outputs,
            per_step=not self.pools_time,
            teacher_forced_layer=self._teacher_forced_layer(),
            output_packing=partial(_output_packing, self.layers),
            output_lengths=partial(_output_lengths, self.layers),
            output_function=self.layers[-1].name if isinstance(self.layers[-1], Activation) else None,
        )

    def _warn_of_wrong_ends(self) -> None:
        """Warn of a last step at which a layer that runs backwards has only begun, and of halves that are none."""
        before: Layer | None = None  # the last that looks along time
        for k, layer in enumerate(self.layers):
            if not layer.needs_time:
                continue
            if isinstance(layer, LastStep) and before is not None and before.states():
                backwards_only = bool(getattr(before, "reverse", None))
                both_ways = before.runs_backwards and not backwards_only
                if layer.bidirectional and not both_ways:
                    what = "which is not bidirectional, so that half of its features are those of the other end"
                elif not layer.bidirectional and (both_ways or layer.reverse != backwards_only):
                    direction = "one direction of which" if both_ways else "which"
                    what = f"{direction} has there seen that one frame only"
                else:
                    continue
                advice = "bidirectional=True" if both_ways else "reverse=True" if backwards_only else ""
                what += f": write LastStep({advice})"
                warn(f"layer {k}, {layer!r}, follows {before!r}, {what}")
            before = layer

    def _teacher_forced_layer(self) -> int | None:
        """Return the layer that a teacher's values go to: one that takes them, and that only activations follow."""
        last = max((k for k, layer in enumerate(self.layers) if not layer.is_output_function), default=0)
        return last if self.layers[last].teacher_forced else None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable" and not hasattr(type(self), name):
            getattr(self, name)  # an error that says what to write
        super().__setattr__(name, value)

    def __call__(self, x: Any = None, /, **kwargs: Any) -> NoReturn:
        """Raise a TypeError that says which methods to call."""
        raise TypeError(
            "a Network is not called: write rnnbp.predict(net, x); or net.forward(x), which takes training=True too; "
            "or net.run(x), for gradients and states"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*SETTINGS, "theta", "rng", "metadata")} | {
            "dtype": self.dtype.name
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        # made again, so that a copy's parameters are views of its own theta
        layers, *settings = (state[name] for name in SETTINGS)
        self._allocate(self._declare(layers, *settings))
        self.theta[...] = state["theta"]
        self.rng, self.metadata = state["rng"], state["metadata"]

    def __repr__(self) -> str:
        layers = "".join(f"    {layer!r},\n" for layer in self.layers)
        return f"Network([\n{layers}], dtype={self.dtype.name!r}, seed={self.seed})  # {self.theta.size} parameters"

    def summary(self) -> Summary:
        """Return a table of layers, output shapes, parameters and multiply-adds a frame, to be printed.

        Returns
        -------
        Summary
            In a notebook, an HTML table.

        Examples
        --------
        >>> from rnnbp import layers
        >>> print(Network([layers.GRU(3, 8), layers.LastStep(), layers.Dense(8, 2)]).summary())
        input (T, 3)
           layer        output  parameters  multiply-adds
        -------------------------------------------------
        0  GRU(3, 8)    (T, 8)         312            264
        1  LastStep()   (8,)             0              0
        2  Dense(8, 2)  (2,)            18            16*
        -------------------------------------------------
           together                    330            264
        * once a sequence: 16 in all; the others, for each frame
        """
        return Summary.of(self.layers, self.n_inputs, is_recurrent=self.is_recurrent)

    # -- input ---------------------------------------------------------------------------------------------------

    def batch(self, x: ArrayLike | Sequence[ArrayLike] | Sequences, lengths: ArrayLike | None = None) -> Batch:
        """Check an input and lay it out in rows.

        Parameters
        ----------
        x : ndarray of shape (B, I) or (T, B, I), list of ndarrays of shape (T_i, I), or Sequences
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
        return Batch.of(x, lengths, self.interface)

    def _laid_out(self, x: ArrayLike | Sequence[ArrayLike] | Sequences | Batch, lengths: ArrayLike | None) -> Batch:
        """Return the batch of an input; one that is laid out already may be another network's."""
        if not isinstance(x, Batch):
            return self.batch(x, lengths)
        if lengths is not None:
            raise ValueError("a batch has its own lengths: leave out `lengths`")
        x.check(self.interface, self.n_inputs)
        return x

    # -- passes --------------------------------------------------------------------------------------------------

    @explained
    def run(
        self,
        x: ArrayLike | Sequence[ArrayLike] | Sequences | Batch,
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
            If the input does not fit the network (see `batch`), if an initial state does not, or if a teacher is given
            to a network that feeds back no targets.
        """
        batch = self._laid_out(x, lengths)
        check_finite(initial_states, self.dtype)
        return Pass(
            self.programs,
            batch,
            self.interface,
            self.rng,
            training=training,
            keep=keep,
            initial_states=initial_states,
            teacher=teacher,
        )

    @explained
    def forward(
        self,
        x: ArrayLike | Sequence[ArrayLike] | Sequences,
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
        check_finite(initial_states, self.dtype)
        return Pass(
            self.programs,
            batch,
            self.interface,
            self.rng,
            training=training,
            keep=False,
            initial_states=initial_states,
            final_states=False,
        ).output

    @explained
    def loss_and_gradient(
        self,
        x: ArrayLike | Sequence[ArrayLike] | Sequences | Batch,
        target: ArrayLike | Sequence[ArrayLike] | Sequences,
        loss: Loss | str,
        lengths: ArrayLike | None = None,
        *,
        training: bool = True,
        sample_weight: ArrayLike | Sequences | None = None,
        initial_states: States | None = None,
    ) -> tuple[float, Array]:
        """Return the loss of a batch and its gradient with respect to theta.

        Parameters
        ----------
        x, lengths
            See `batch`.
        target : array, or list of arrays of shape (T_i, ...)
            One a sequence or example, of shape (B, ...), or one a step, of shape (T, B, ...); see the loss.
        loss : Loss or str
            Such as ``losses.CrossEntropy()`` or its name.
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
        loss = losses.get(loss)
        batch = self._laid_out(x, lengths)
        check_finite(initial_states, self.dtype)
        rows = batch.lay_out_target(target, loss, self.interface)
        weight = (
            None
            if sample_weight is None
            else batch.lay_out_weight(sample_weight, self.interface, per_sequence=loss.per_sequence)
        )
        value, gradient, _ = loss_and_gradient(
            self, batch, rows, loss, weight=weight, training=training, initial_states=initial_states
        )
        return value, gradient

    def unflatten(self, vector: Array) -> dict[str, Array]:
        """Return the named views of a vector that is laid out like theta, such as a gradient.

        Raises
        ------
        ValueError
            If its shape is not theta's.
        """
        return self.parameters.views_of(vector)

    @explained
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
        return Stream(self.layers, self.parameters.copy(), self.interface, compiled=self.compiled)

    # -- files ---------------------------------------------------------------------------------------------------

    @explained
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
            If the metadata is nothing that JSON can hold, or if the network could not be loaded: a layer holds an
            object that its constructor's annotations do not name, or its settings were changed after the network was
            made.
        OSError
            If the file cannot be written; names it.

        Warns
        -----
        RuntimeWarning
            If a parameter is NaN or infinite; the file is written all the same.
        """
        check_path("path", path)
        if metadata is not None and not isinstance(metadata, Mapping):
            raise TypeError(f"metadata must be a mapping, as a dict is, but {shown(metadata)} was given")
        network_file.warn_of_non_finite(self, f"the network that is saved in {path}")
        given = self.metadata if metadata is None else metadata
        model_file.write(path, dict(self.parameters), network_file.description_of(self, given))

    @classmethod
    @explained
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
        check_path("path", path)
        with model_file.opened(path) as file:
            (net,) = network_file.read(cls, file, {"": file.description})
        network_file.warn_of_non_finite(net, f"the network in {path}")
        return net


def check_network(net: object) -> None:
    """Check that a function that takes a network first was given one.

    Raises
    ------
    TypeError
        If it was not.
    """
    if isinstance(net, Network):
        return
    if hasattr(net, "get_params"):
        hint = "an estimator has methods of its own, fit and predict; once it is fitted, its network is `network_`"
    elif isinstance(net, (list, tuple)) and any(isinstance(each, Layer) for each in net):
        hint = "make one of the layers, as Network([...]) does"
    elif net is Network:
        hint = "make one, as Network([...]) does"
    else:
        hint = "it comes first, before the data"
    raise TypeError(f"net must be a Network, but a {type(net).__name__} was given: {hint}")


def _output_packing(layers: Sequence[Layer], packing: Packing) -> Packing | None:
    """Return how the rows of the last layer's output lie in time; None for one row a sequence."""
    for layer in layers:
        found = layer.output_packing(packing)
        if found is None:
            return None
        packing = found
    return packing


def _output_lengths(layers: Sequence[Layer], lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    for layer in layers:
        lengths = layer.output_lengths(lengths)
    return lengths
