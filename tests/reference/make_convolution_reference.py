"""Write convolution_reference.npz: convolutions over ragged batches computed by PyTorch.

Run it with PyTorch installed: python tests/reference/make_convolution_reference.py. The tests only read the file. Each
sequence is convolved alone, padded with zeros at its own ends. Under "<case>:" are the sequences "x0", "x1", ..., the
outputs "y0", ..., their cotangents "d_y0", ..., the gradients "d_x0", ... of the inputs, and weight and bias
(PyTorch's, of shape (n_outputs, n_inputs, width)) with their gradients.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

LENGTHS = (7, 1, 12, 4, 12, 2)
CASES = {
    f"{width},{stride},{dilation},{'causal' if causal else 'centred'}": (width, stride, dilation, causal)
    for width, stride, dilation in ((1, 1, 1), (3, 1, 1), (4, 2, 1), (5, 3, 2), (2, 4, 3))
    for causal in (False, True)
}


def main():
    """Convolve, and keep what comes of it."""
    random, arrays = np.random.default_rng(0), {}
    for case, (width, stride, dilation, causal) in CASES.items():
        weight, bias = (torch.tensor(random.normal(size=shape), requires_grad=True) for shape in ((4, 3, width), (4,)))
        centre = width - 1 if causal else (width - 1) // 2
        for i, length in enumerate(LENGTHS):
            x = torch.tensor(random.normal(size=(length, 3)), requires_grad=True)
            padded = functional.pad(x.T[None], (centre * dilation, (width - 1 - centre) * dilation))
            y = functional.conv1d(padded, weight, bias, stride=stride, dilation=dilation)[0].T
            d_y = torch.tensor(random.normal(size=tuple(y.shape)))
            y.backward(d_y)
            named = {"x": x.detach(), "y": y.detach(), "d_y": d_y, "d_x": x.grad}
            arrays |= {f"{case}:{name}{i}": each.numpy() for name, each in named.items()}
        named = {"weight": weight.detach(), "bias": bias.detach(), "d_weight": weight.grad, "d_bias": bias.grad}
        arrays |= {f"{case}:{name}": each.numpy() for name, each in named.items()}
    np.savez_compressed(Path(__file__).with_name("convolution_reference.npz"), **arrays)


if __name__ == "__main__":
    main()
