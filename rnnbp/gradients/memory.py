"""A guard on the memory of an influence matrix, before it is asked for."""

from __future__ import annotations

__all__ = ["expect_to_fit"]

COPIES = 3  # P(t), and the two terms of the sum that it is made of


def expect_to_fit(name: str, shape: tuple[int, int, int], itemsize: int, max_bytes: int, cheaper: str) -> None:
    """Check how much memory an influence matrix takes.

    Parameters
    ----------
    name : str
        Of the algorithm.
    shape : tuple of int
        Sequences, states and parameters.
    itemsize, max_bytes : int
    cheaper : str
        What needs less.

    Raises
    ------
    ValueError
        If it takes more than `max_bytes`; says how much, of what, and what would fit.
    """
    n_sequences, n_states, n_parameters = shape
    each = COPIES * n_states * n_parameters * itemsize
    if n_sequences * each <= max_bytes:
        return
    fewer = f"{_sequences(max_bytes // each)} a batch, " if each <= max_bytes else ""
    raise ValueError(
        f"{name}'s influence matrix and the two terms of its sum would take {_bytes(n_sequences * each)}: "
        f"{_sequences(n_sequences)} x {n_states} states x {n_parameters:,} parameters (initial states included) x "
        f"{itemsize} bytes x {COPIES}. max_bytes allows {_bytes(max_bytes)}: take {fewer}fewer units, a larger "
        f"max_bytes, or {cheaper}"
    )


def _sequences(n: int) -> str:
    return "1 sequence" if n == 1 else f"{n} sequences"


def _bytes(n: int) -> str:
    for factor, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if n >= factor:
            return f"{n / factor:.1f} {unit}"
    return f"{n} bytes"
