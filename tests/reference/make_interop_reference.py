"""Make interop_reference.npz: weights of PyTorch and Keras as they name them, inputs, and what comes out.

Needs ``pip install torch keras``; run as ``KERAS_BACKEND=torch python tests/reference/make_interop_reference.py``. The
tests read the file and need neither. Made with torch 2.13 and Keras 3.15.

An array is called ``program:case:x``, ``:y``, or ``:weight/`` and the name that the program gives it.
"""

from pathlib import Path

import keras
import numpy as np
import torch
from torch import nn

T, B, I, H = 6, 3, 4, 3  # noqa: E741
random = np.random.default_rng(7)


def numbers(shape):
    """Return random multiples of 1/64 between -1 and 1."""
    return (random.integers(-64, 65, tuple(shape)) / 64.0).astype(np.float32)


class Pattern(nn.Module):
    """A recurrent module and a linear one."""

    def __init__(self, kind, **settings):
        super().__init__()
        self.rnn = kind(I, H, **settings)
        self.head = nn.Linear(H * (2 if settings.get("bidirectional") else 1), 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


def of_pytorch():
    """Return the cases of PyTorch."""
    found = {}
    for name, module in {
        "rnn": Pattern(nn.RNN),
        "lstm": Pattern(nn.LSTM, bidirectional=True, num_layers=2),
        "gru": Pattern(nn.GRU),
    }.items():
        module.load_state_dict({key: torch.tensor(numbers(t.shape)) for key, t in module.state_dict().items()})
        x = numbers((T, B, I))
        found |= {f"pytorch:{name}:weight/{key}": t.numpy() for key, t in module.state_dict().items()}
        found |= {f"pytorch:{name}:x": x, f"pytorch:{name}:y": module(torch.tensor(x)).detach().numpy()}
    return found


def of_keras():
    """Return the cases of Keras."""
    layers, found, steps = keras.layers, {}, {"return_sequences": True}
    for name, recurrent in {
        "rnn": layers.SimpleRNN(H, name="rnn", **steps),
        "lstm": layers.Bidirectional(layers.LSTM(H, **steps), name="rnn"),
        "gru": layers.GRU(H, name="rnn", **steps),
        "gru_before": layers.GRU(H, reset_after=False, name="rnn", **steps),
    }.items():
        model = keras.Sequential([keras.Input((None, I)), recurrent, layers.Dense(2, name="head")])
        for layer in model.layers:
            parts = {"": layer}
            if name == "lstm" and layer.name == "rnn":
                parts = {"forward/": layer.forward_layer, "backward/": layer.backward_layer}
            for prefix, part in parts.items():
                for variable in part.trainable_weights:
                    variable.assign(numbers(variable.shape))
                    found[f"keras:{name}:weight/{layer.name}/{prefix}{variable.name}"] = np.array(variable.numpy())
        x = numbers((T, B, I))
        y = keras.ops.convert_to_numpy(model(x.swapaxes(0, 1))).swapaxes(0, 1)
        found |= {f"keras:{name}:x": x, f"keras:{name}:y": y}
    return found


if __name__ == "__main__":
    np.savez_compressed(Path(__file__).with_name("interop_reference.npz"), **of_pytorch(), **of_keras())
