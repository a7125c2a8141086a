"""Values and gradients against PyTorch's (tests/reference/make_losses_reference.py)."""

from pathlib import Path

import numpy as np
import pytest

from rnnbp.losses import LOSSES

with np.load(Path(__file__).parents[1] / "reference" / "losses_reference.npz") as file:
    ARRAYS = dict(file)
CASES = sorted({key.split(".")[0] for key in ARRAYS})


def reference(case: str):
    """The loss of a case, its output and target, and PyTorch's value and gradient."""
    arrays = {key.split(".")[1]: array for key, array in ARRAYS.items() if key.split(".")[0] == case}
    results = [arrays.pop(key) for key in ("output", "target", "value", "gradient")]
    if "label_smoothing" in arrays:
        arrays["label_smoothing"] = float(arrays["label_smoothing"])
    name = max((name for name in LOSSES if case.startswith(name)), key=len)
    return LOSSES[name](**arrays), *results


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 1e-6)])
def test_equals_pytorch(case, dtype, tolerance):
    loss, output, target, value, gradient = reference(case)
    our_value, our_gradient = loss(output.astype(dtype), target)
    assert our_value == pytest.approx(float(value), rel=tolerance)
    np.testing.assert_allclose(our_gradient, gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_equals_pytorch_in_a_padded_batch(case):
    """The same rows as sequences of 3, 1, 2 and 1 steps."""
    loss, output, target, value, gradient = reference(case)
    lengths = np.array([3, 1, 2, 1])
    real = np.arange(3)[:, None] < lengths

    def padded(rows):
        array = np.zeros((3, 4, *rows.shape[1:]), dtype=rows.dtype)
        array[real] = rows
        return array

    our_value, our_gradient = loss(padded(output), padded(target), lengths=lengths)
    assert our_value == pytest.approx(float(value), rel=1e-13)
    np.testing.assert_allclose(our_gradient, padded(gradient), rtol=1e-13, atol=1e-15)


def test_every_loss_has_a_reference():
    assert {reference(case)[0].name for case in CASES} == {n for n, loss in LOSSES.items() if not loss.per_sequence}
