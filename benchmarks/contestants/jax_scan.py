"""JAX on the CPU: ``jit`` of ``lax.scan`` with the input product hoisted out, compiled before it is timed."""

from __future__ import annotations

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import sigmoid

from benchmarks.contestants import Prepared, Unavailable
from benchmarks.tasks import Recurrent, Streaming

jax.config.update("jax_platforms", "cpu")


def elman(parameters, state, z):
    """Compute one step of `rnnbp.cells.elman`."""
    (h,) = state
    return (jnp.tanh(z + h @ parameters["recurrent_weight"]),)


def gru(parameters, state, z):
    """Compute one step of `rnnbp.cells.gru`, the reset gate after the product."""
    (h,) = state
    x_r, x_z, x_n = jnp.split(z, 3, axis=-1)
    h_r, h_z, h_n = jnp.split(h @ parameters["recurrent_weight"] + parameters["recurrent_bias"], 3, axis=-1)
    r, u = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * h_n)
    return (n + u * (h - n),)


def lstm(parameters, state, z):
    """Compute one step of `rnnbp.cells.lstm`."""
    h, c = state
    i, f, g, o = jnp.split(z + h @ parameters["recurrent_weight"], 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return (sigmoid(o) * jnp.tanh(c), c)


STEPS = {"elman": elman, "gru": gru, "lstm": lstm}


def zeros(cell: str, n_sequences: int, hidden: int) -> tuple[jax.Array, ...]:
    """Return the state that sequences begin with."""
    return tuple(jnp.zeros((n_sequences, hidden), jnp.float32) for _ in range(2 if cell == "lstm" else 1))


def output(cell, parameters, x):
    """Return the layer's output (T, B, H)."""

    def step(state, z):
        state = STEPS[cell](parameters, state, z)
        return state, state[0]

    z = x @ parameters["input_weight"] + parameters["bias"]
    return lax.scan(step, zeros(cell, x.shape[1], parameters["recurrent_weight"].shape[0]), z)[1]


def loss(cell, parameters, x, dy):
    """Return a number whose gradient by the output is dy, and the output."""
    y = output(cell, parameters, x)
    return jnp.vdot(y, dy), y


def compiled(function, *arguments):
    """Return a function compiled for its arguments, applied to them, and the seconds that took."""
    began = time.perf_counter()
    ready = jax.jit(function).lower(*arguments).compile()
    return partial(ready, *arguments), time.perf_counter() - began


def recurrent(task: Recurrent) -> Prepared:
    """Return a training step, or inference, of one layer."""
    if task.ragged:
        raise Unavailable("JAX compiles for one shape: ragged batches are padded")
    parameters = {name: jnp.asarray(value) for name, value in task.parameters().items()}
    x, dy = (jnp.asarray(a) for a in task.data())
    if task.training:
        function = jax.value_and_grad(partial(loss, task.cell), argnums=(0, 1), has_aux=True)
        call, seconds = compiled(function, parameters, x, dy)
    else:
        call, seconds = compiled(partial(output, task.cell), parameters, x)

    def run():
        return jax.block_until_ready(call())

    def check():
        if not task.training:
            return {"output": np.asarray(run())}
        (_, y), (d_parameters, d_x) = run()
        named = {f"d_{name}": np.asarray(d) for name, d in d_parameters.items()}
        return {"output": np.asarray(y), "d_x": np.asarray(d_x), **named}

    return Prepared(run, check, compile_seconds=seconds)


def streaming(task: Streaming) -> Prepared:
    """Return one jitted step."""
    parameters = {name: jnp.asarray(value) for name, value in task.layer.parameters().items()}
    frames = [jnp.asarray(frame) for frame in task.layer.data()[0]]

    @jax.jit
    def step(parameters, state, frame):
        return lstm(parameters, state, frame @ parameters["input_weight"] + parameters["bias"])

    state = [zeros("lstm", 1, task.hidden)]
    began = time.perf_counter()
    jax.block_until_ready(step(parameters, state[0], frames[0]))
    seconds = time.perf_counter() - began

    def push(frame=frames[0]):
        state[0] = step(parameters, state[0], frame)
        return jax.block_until_ready(state[0][0])

    def check():
        state[0] = zeros("lstm", 1, task.hidden)
        return {"output": np.array([push(frame) for frame in frames])}

    return Prepared(push, check, compile_seconds=seconds)


TASKS = {Recurrent: recurrent, Streaming: streaming}
