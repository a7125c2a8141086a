"""Write consistency_reference.npz: losses of examples that are there twice, computed by PyTorch in float64.

Run it with PyTorch installed: python tests/reference/make_consistency_reference.py. The tests only read the file. Of
two looks at each example, <name>.first and <name>.second, <name>.value is the mean loss over all looks, plus `weight`
times the mean over looks of KL(the other look, held fixed || this look); <name>.d_first and <name>.d_second are its
gradient. "classes" has logits (N, C), labels (N,) and sample weights (N,); "ctc" logits (T, N, C), lengths (N,) and the
labels of N sequences, <name>.label_lengths of them each.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

random = np.random.default_rng(0)
WEIGHT = 0.7


def looks(*shape):
    return {name: random.normal(0, 2, shape) for name in ("first", "second")}


def divergence(a, b):
    """Return KL(b || a) of each row, b held fixed."""
    found = functional.kl_div(
        a.log_softmax(-1), b.detach().log_softmax(-1), reduction="none", log_target=True,
    )  # fmt: skip
    return found.sum(-1)


def compute(given, loss_of):
    first, second = (torch.as_tensor(given[name]).requires_grad_() for name in ("first", "second"))
    value = loss_of(first, second)
    value.backward()
    return {"value": value.item(), "d_first": first.grad.numpy(), "d_second": second.grad.numpy()}


classes = looks(5, 4) | {"labels": random.integers(0, 4, 5), "weights": random.uniform(0.5, 2.0, 5)}
ctc = looks(9, 3, 5) | {
    "labels": random.integers(1, 5, 6), "lengths": np.array([9, 6, 9]), "label_lengths": np.array([3, 1, 2]),
}  # fmt: skip


def of_classes(first, second):
    weights = torch.as_tensor(classes["weights"])
    labels = torch.as_tensor(classes["labels"])
    rows = sum(
        functional.cross_entropy(a, labels, reduction="none") + WEIGHT * divergence(a, b)
        for a, b in ((first, second), (second, first))
    )
    return (weights * rows).sum() / (2 * weights.sum())


def of_ctc(first, second):
    lengths = torch.as_tensor(ctc["lengths"])
    real = torch.arange(9)[:, None] < lengths
    total = 0.0
    for a, b in ((first, second), (second, first)):
        losses = functional.ctc_loss(
            a.log_softmax(-1), torch.as_tensor(ctc["labels"]), lengths, torch.as_tensor(ctc["label_lengths"]),
            reduction="none",
        )  # fmt: skip
        total = total + losses.sum() + WEIGHT * divergence(a, b)[real].sum()
    return total / (2 * len(lengths))


arrays = {"weight": WEIGHT}
for name, given, loss_of in (("classes", classes, of_classes), ("ctc", ctc, of_ctc)):
    arrays |= {f"{name}.{key}": array for key, array in {**given, **compute(given, loss_of)}.items()}
np.savez_compressed(Path(__file__).with_name("consistency_reference.npz"), **arrays)
