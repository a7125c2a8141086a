"""Twenty steps of each optimizer against PyTorch's (tests/reference/make_optimizers_reference.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import rosen_der

from rnnbp import optimizers

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "optimizers_reference.json").read_text())
GRADIENTS = {"quadratic": lambda theta: np.array(REFERENCE["scales"]) * theta, "rosenbrock": rosen_der}


def label(case) -> str:
    settings = ",".join(f"{name}={value}" for name, value in case["settings"].items())
    return f"{case['name']}({settings})-{case['problem']}"


@pytest.mark.parametrize("case", REFERENCE["optimizers"], ids=label)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-4)])
def test_steps_equal_pytorch(case, dtype, tolerance):
    optimizer = optimizers.get(case["name"], **case["settings"])
    theta = np.array(REFERENCE["start"], dtype=dtype)
    state = optimizer.init(theta)
    for expected in case["trajectory"]:
        gradient = GRADIENTS[case["problem"]](theta.astype(np.float64)).astype(dtype)
        optimizer.update(theta, gradient, state)
        np.testing.assert_allclose(theta, expected, rtol=tolerance, atol=tolerance)


def test_every_stepwise_optimizer_has_a_reference():
    stepwise = {name for name, kind in optimizers.OPTIMIZERS.items() if issubclass(kind, optimizers.Optimizer)}
    assert stepwise == {case["name"] for case in REFERENCE["optimizers"]}
