"""Networks as modules of PyTorch, and modules as networks, with their weights.

::

    from rnnbp.interop import torch

    module = torch.to_module(net)
    net = torch.from_module(module)

`modules` has what PyTorch itself has not, such as the last step of sequences of several lengths, and `writing` makes a
module of each layer. `reading` goes through what a module computes, as `torch.fx` finds it, and `layers` says what each
module is here. Names and layouts of tensors are in `rnnbp.interop.naming`.
"""

from rnnbp.interop.torch.reading import from_module
from rnnbp.interop.torch.writing import to_module

__all__ = ["from_module", "to_module"]
