"""Write losses_reference.npz: losses and gradients computed by PyTorch.

Run it with PyTorch installed: python tests/reference/make_losses_reference.py. The tests only read the file.
For case <name> it holds <name>.output, .target, .value, .gradient, and where used .class_weight, .pos_weight,
.label_smoothing.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

random = np.random.default_rng(0)
R, K = 7, 5

logits = random.normal(0, 3, (R, K))
labels = random.integers(0, K, R)
probabilities = random.dirichlet(np.ones(K), R)
class_weight = random.uniform(0.2, 3, K)
multi_label = random.integers(0, 2, (R, K)).astype(float)
soft = random.uniform(0, 1, (R, K))
large = logits * 300.0

CASES = {
    "mean_squared_error": {"output": logits, "target": random.normal(size=(R, K))},
    "cross_entropy": {"output": logits, "target": labels},
    "cross_entropy_large": {"output": large, "target": labels},
    "cross_entropy_weighted": {"output": logits, "target": labels, "class_weight": class_weight},
    "cross_entropy_smoothed": {"output": logits, "target": labels, "label_smoothing": 0.1},
    "cross_entropy_smoothed_weighted": {
        "output": logits,
        "target": labels,
        "label_smoothing": 0.1,
        "class_weight": class_weight,
    },
    "cross_entropy_probabilities": {"output": logits, "target": probabilities},
    "cross_entropy_probabilities_weighted": {
        "output": logits,
        "target": probabilities,
        "class_weight": class_weight,
    },
    "cross_entropy_probabilities_smoothed_weighted": {
        "output": logits,
        "target": probabilities,
        "label_smoothing": 0.2,
        "class_weight": class_weight,
    },
    "binary_cross_entropy": {"output": logits, "target": multi_label},
    "binary_cross_entropy_large": {"output": large, "target": multi_label},
    "binary_cross_entropy_soft_weighted": {
        "output": logits,
        "target": soft,
        "pos_weight": random.uniform(0.5, 4, K),
    },
}


def compute(name: str, case: dict) -> tuple[float, np.ndarray]:
    tensors = {key: torch.as_tensor(value) for key, value in case.items()}
    output = tensors["output"].requires_grad_()
    if name.startswith("mean"):
        loss = functional.mse_loss(output, tensors["target"])
    elif name.startswith("cross"):
        loss = functional.cross_entropy(
            output,
            tensors["target"],
            weight=tensors.get("class_weight"),
            label_smoothing=case.get("label_smoothing", 0.0),
        )
    else:
        loss = functional.binary_cross_entropy_with_logits(
            output, tensors["target"], pos_weight=tensors.get("pos_weight")
        )
    loss.backward()
    return loss.item(), output.grad.numpy()


arrays = {}
for name, case in CASES.items():
    value, gradient = compute(name, case)
    arrays |= {f"{name}.{key}": array for key, array in {**case, "value": value, "gradient": gradient}.items()}
np.savez_compressed(Path(__file__).with_name("losses_reference.npz"), **arrays)
