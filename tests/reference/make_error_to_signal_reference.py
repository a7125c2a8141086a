"""Write error_to_signal_reference.npz: the loss of Wright et al. (2020), computed by PyTorch in float64.

Run it with PyTorch installed: python tests/reference/make_error_to_signal_reference.py. The tests only read the file.
For case <name> it holds <name>.output and .target (T, B, F), .lengths, the settings .pre_emphasis, .dc_weight and
.floor, and PyTorch's .losses (B,) and .gradient (of their mean to the output).
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

random = np.random.default_rng(0)


def case(lengths, n_outputs=1, *, pre_emphasis=0.85, dc_weight=1.0, floor=1e-5, loudness=1.0):
    target = loudness * random.normal(0.1, 1, (max(lengths), len(lengths), n_outputs))
    return {
        "output": target + loudness * random.normal(0.05, 0.3, target.shape), "target": target,
        "lengths": np.array(lengths), "pre_emphasis": pre_emphasis, "dc_weight": dc_weight, "floor": floor,
    }  # fmt: skip


CASES = {
    "ordinary": case([30, 30]),
    "ragged": case([12, 40, 1, 25]),
    "two channels": case([20, 9], 2),
    "plain": case([15, 15], pre_emphasis=0.0, dc_weight=0.0),
    "other settings": case([15, 22], pre_emphasis=0.95, dc_weight=3.0, floor=0.1),
    "quiet": case([50, 30], loudness=1e-3),
}


def loss(output, target, given):
    """The loss of one sequence, of shape (T, F)."""
    taps = torch.tensor([[[-given["pre_emphasis"], 1.0]]], dtype=torch.float64)

    def emphasised(signal):
        return functional.conv1d(functional.pad(signal.T[:, None], (1, 0)), taps)

    error = target - output
    ratio = emphasised(error).square().mean() / (emphasised(target).square().mean() + given["floor"])
    dc = error.mean(0).square().mean() / (target.square().mean() + given["floor"])
    return ratio + given["dc_weight"] * dc


def compute(given):
    output = torch.as_tensor(given["output"]).requires_grad_()
    target = torch.as_tensor(given["target"])
    losses = torch.stack([loss(output[:n, b], target[:n, b], given) for b, n in enumerate(given["lengths"])])
    losses.mean().backward()
    return losses.detach().numpy(), output.grad.numpy()


arrays = {}
for name, given in CASES.items():
    losses, gradient = compute(given)
    arrays |= {f"{name}.{key}": array for key, array in {**given, "losses": losses, "gradient": gradient}.items()}
np.savez_compressed(Path(__file__).with_name("error_to_signal_reference.npz"), **arrays)
