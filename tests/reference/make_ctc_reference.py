"""Write ctc_reference.npz: connectionist temporal classification computed by PyTorch in float64.

Run it with PyTorch installed: python tests/reference/make_ctc_reference.py. The tests only read the file. For case
<name> it holds <name>.logits (T, B, C) as float32, .lengths, .labels (all in a row), .label_lengths, .blank, and
PyTorch's .losses (B,) and .gradient (of their sum to the logits).
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

random = np.random.default_rng(0)


def case(lengths, label_lengths, n_classes, *, blank=0, size=2.0, choices=None):
    choices = [k for k in range(n_classes) if k != blank] if choices is None else choices
    logits = random.normal(0, size, (max(lengths), len(lengths), n_classes)).astype(np.float32)
    labels = random.choice(choices, sum(label_lengths)) if sum(label_lengths) else np.empty(0, int)
    return {
        "logits": logits, "lengths": np.array(lengths), "labels": labels, "label_lengths": np.array(label_lengths),
        "blank": np.array(blank),
    }  # fmt: skip


CASES = {
    "ordinary": case([40, 40, 40], [9, 12, 7], 28),
    "ragged": case([30, 12, 55, 1, 20], [10, 3, 17, 1, 0], 11),
    "last blank": case([20, 25], [5, 8], 6, blank=5),
    "middle blank": case([20, 25], [5, 8], 6, blank=3),
    "repeats": case([30, 21], [10, 11], 4, choices=[2]),
    "empty labels": case([5, 9], [0, 0], 3),
    "sure of itself": case([60, 45], [12, 20], 9, size=40.0),
    "long": case([400, 300], [60, 80], 28, size=1.0),
    "two classes": case([9, 6], [3, 2], 2),
}


def compute(given):
    logits = torch.as_tensor(given["logits"].astype(np.float64)).requires_grad_()
    losses = functional.ctc_loss(
        logits.log_softmax(-1), torch.as_tensor(given["labels"]), torch.as_tensor(given["lengths"]),
        torch.as_tensor(given["label_lengths"]), blank=int(given["blank"]), reduction="none",
    )  # fmt: skip
    losses.sum().backward()
    return losses.detach().numpy(), logits.grad.numpy().astype(np.float32)


arrays = {}
for name, given in CASES.items():
    losses, gradient = compute(given)
    assert np.isfinite(losses).all(), name
    arrays |= {f"{name}.{key}": array for key, array in {**given, "losses": losses, "gradient": gradient}.items()}
np.savez_compressed(Path(__file__).with_name("ctc_reference.npz"), **arrays)
