"""Layer normalisation of rows, as `rnnbp.activations` specifies it.

For a row a of a product, with a gain g::

    u = (a - mean a) s,  s = 1 / sqrt(var a + eps);  z += u g                (1)

    du = dz g;  dg += dz u;  da = s (du - mean du - u mean(du u))            (1')

`targets` says for each number of the row which column of z it goes to.
"""

from __future__ import annotations

from rnnbp.kernels.language import floats, ints, number, numbers, sqrt

__all__ = ["add_normalized", "normalized_backward"]

EPSILON = 1e-5


def _moments(a: numbers, width: int, moments: floats):
    """Write the mean of a row, and what it is multiplied by."""
    mean = 0.0
    for j in range(width):
        mean += float(a[j])
    mean = mean / float(width)
    variance = 0.0
    for j in range(width):
        variance += (float(a[j]) - mean) * (float(a[j]) - mean)
    moments[0] = mean
    moments[1] = 1.0 / sqrt(variance / float(width) + EPSILON)


def add_normalized(z: numbers, a: numbers, gain: numbers, targets: ints, width: int, moments: floats):
    """Add a normalised row of a to a row of z (1)."""
    _moments(a, width, moments)
    mean, scale = number(moments[0]), number(moments[1])
    for j in range(width):
        z[targets[j]] += (a[j] - mean) * scale * gain[j]  # 1


def normalized_backward(
    dz: numbers, a: numbers, gain: numbers, d_gain: numbers, targets: ints, width: int, da: numbers, in_place: int,
    moments: floats,
):  # fmt: skip
    """Pull a row of dz back (1'), and add to dg; da is added to, or, `in_place`, is a itself."""
    _moments(a, width, moments)
    mean, scale = number(moments[0]), number(moments[1])
    total, along = 0.0, 0.0
    for j in range(width):
        u, d = (a[j] - mean) * scale, dz[targets[j]]
        total += float(d * gain[j])
        along += float(d * gain[j] * u)
        d_gain[j] += d * u  # 1'
    of_all, of_u = number(total / float(width)), number(along / float(width))
    for j in range(width):
        u = (a[j] - mean) * scale
        d = scale * (dz[targets[j]] * gain[j] - of_all - u * of_u)  # 1'
        if in_place > 0:
            da[j] = d
        else:
            da[j] += d
