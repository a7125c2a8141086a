"""Modules of PyTorch that it has not: a chain of layers over sequences of several lengths, and what looks along time.

This file needs PyTorch. All take time-major frames, (T, B, F), and the sequences' lengths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

__all__ = ["Chain", "Convolution", "LastStep", "MaxOverTime", "MeanOverTime", "ReversedRNN"]

STATES = {nn.LSTM: ("h", "c"), nn.GRU: ("h",), nn.RNN: ("h",)}


def inside(x: Tensor, lengths: Tensor) -> Tensor:
    """Return whether each step lies in its sequence, of shape (T, B, 1)."""
    return (torch.arange(len(x), device=x.device)[:, None] < lengths.to(x.device))[:, :, None]


class LastStep(nn.Module):
    """Each sequence's own last frame; of what comes from a backward direction, the first."""

    def __init__(self, *, bidirectional: bool = False, reverse: bool = False) -> None:
        super().__init__()
        self.bidirectional, self.reverse = bidirectional, reverse

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, F)."""
        last = x[lengths.to(x.device) - 1, torch.arange(x.shape[1], device=x.device)]
        n = 0 if self.reverse else x.shape[2] // 2 if self.bidirectional else x.shape[2]
        return torch.cat([last[:, :n], x[0, :, n:]], 1)


class MeanOverTime(nn.Module):
    """The mean of each sequence's own frames."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, F)."""
        return torch.where(inside(x, lengths), x, 0.0).sum(0) / lengths.to(x)[:, None]


class MaxOverTime(nn.Module):
    """The largest values of each sequence's own frames."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return (B, F)."""
        return torch.where(inside(x, lengths), x, -torch.inf).amax(0)


class Convolution(nn.Module):
    """A convolution over time that sees zeros outside a sequence.

    Parameters
    ----------
    convolution : nn.Conv1d
        Without padding.
    before, after : int
        How many frames of zeros go before a sequence, and after it.
    """

    def __init__(self, convolution: nn.Conv1d, before: int, after: int) -> None:
        super().__init__()
        self.convolution, self.before, self.after = convolution, before, after

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return (ceil(T / stride), B, n_outputs)."""
        frames = torch.where(inside(x, lengths), x, 0.0).permute(1, 2, 0)
        y: Tensor = self.convolution(nn.functional.pad(frames, (self.before, self.after)))
        return y.permute(2, 0, 1)


class ReversedRNN(nn.Module):
    """A recurrent module that runs over each sequence from its own end."""

    def __init__(self, module: nn.RNNBase) -> None:
        super().__init__()
        self.module = module


class Chain(nn.Module):
    """Layers one after the other.

    Parameters
    ----------
    layers : sequence of nn.Module
        Recurrent ones, those of this file, and such as go frame by frame.

    Notes
    -----
    ``module(x, lengths)`` returns the output, (T, B, F) with zeros after a sequence's end, or (B, F) after pooling.
    ``module.run(x, lengths, initial_states)`` returns it and the final states, under names like ``"0.h"``. Without
    lengths all sequences are as long as x.
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output."""
        return self.run(x, lengths)[0]

    def run(
        self, x: Tensor, lengths: Tensor | None = None, initial_states: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the output and the final states."""
        final: dict[str, Tensor] = {}
        given = dict(initial_states or {})
        n, pooled = lengths, not any(map(_looks_along_time, self.layers))
        if n is None and not pooled:
            n = torch.full((x.shape[1],), len(x))
        for k, layer in enumerate(self.layers):
            if isinstance(layer, (nn.RNNBase, ReversedRNN)):
                x = self._recurrent(layer, x, n, k, given, final)
            elif isinstance(layer, (LastStep, MeanOverTime, MaxOverTime)):
                x, pooled = layer(x, n), True
            elif isinstance(layer, Convolution):
                x, (stride,) = layer(x, n), layer.convolution.stride
                n = (n + stride - 1) // stride
            else:
                x = layer(x)
        if lengths is not None and not pooled:
            x = torch.where(inside(x, n), x, 0.0)
        return x, final

    def _recurrent(
        self,
        layer: nn.Module,
        x: Tensor,
        lengths: Tensor | None,
        k: int,
        given: Mapping[str, Tensor],
        final: dict[str, Tensor],
    ) -> Tensor:
        backwards = isinstance(layer, ReversedRNN)
        module = layer.module if isinstance(layer, ReversedRNN) else layer
        assert isinstance(module, nn.RNNBase)
        assert lengths is not None
        names = [f"{k}.{state}" for state in STATES[type(module)]]
        suffixes = ("", "_reverse") if module.bidirectional else ("",)
        zero = x.new_zeros(x.shape[1], module.hidden_size)
        initial = [torch.stack([given.get(name + suffix, zero) for suffix in suffixes]) for name in names]
        x = _reversed(x, lengths) if backwards else x
        packed = pack_padded_sequence(x, lengths.cpu(), enforce_sorted=False)
        output, states = module(packed, tuple(initial) if len(initial) == 2 else initial[0])
        for name, state in zip(names, states if len(names) == 2 else (states,), strict=True):
            final.update({name + suffix: state[d] for d, suffix in enumerate(suffixes)})
        y, _ = pad_packed_sequence(output, total_length=len(x))
        return _reversed(y, lengths) if backwards else y


def _looks_along_time(layer: nn.Module) -> bool:
    return isinstance(layer, (nn.RNNBase, ReversedRNN, LastStep, MeanOverTime, MaxOverTime, Convolution))


def _reversed(x: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence from its own end; what lies after it means nothing."""
    steps = torch.arange(len(x), device=x.device)[:, None]
    return x[lengths.to(x.device) - 1 - steps, torch.arange(x.shape[1], device=x.device)]
