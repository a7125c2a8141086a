r"""Connectionist temporal classification: the loss of a label sequence that is not aligned with its input.

A network gives logits for C classes at each of T steps, of which one class, the *blank*, stands for "no label here". A
path is a class at each step; it spells the labels that remain when runs of one class are merged and then blanks are
left out. With ``p`` the sum of the probabilities of all paths that spell the target, and ``γ_t(k)`` the share of them
that is in class k at step t,

    l = -log p          ∂l/∂z_t(k) = softmax(z_t)(k) - γ_t(k)

Both come from one pass forwards and one back over the states of the labels, in logarithms: see `forward_backward`,
where the equations are, in NumPy; here the engine runs them (`rnnbp.kernels.ctc`), one sequence after another on each
thread, in O(T L + T C) a sequence.

Reference: A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
unsegmented sequence data with recurrent neural networks", ICML 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnbp.configuration import flag, shown, whole_number
from rnnbp.data.packing import Packing
from rnnbp.data.sequences import check_sequences
from rnnbp.losses.label_sequences import LabelSequences
from rnnbp.losses.likelihood import negative_log_likelihoods
from rnnbp.losses.sequence_loss import SequenceLoss, as_floats
from rnnbp.names import explained

__all__ = ["CTC", "ctc"]

Array = NDArray[Any]
NORMALIZERS = ("utterance", "label", "none")


class CTC(SequenceLoss):
    """Negative log-likelihood of label sequences, for a network with an output at each step; softmax included.

    A target is a list with one list of labels for each input sequence: whole numbers from 0 to C - 1 without the blank,
    as many as there are, maybe none. Sequences need as many steps as labels, and one more between two labels that are
    the same. Equal to ``torch.nn.functional.ctc_loss`` of log-softmaxed outputs.

    Parameters
    ----------
    blank : int, default 0
        The class that stands for no label.
    normalize : {"utterance", "label", "none"}, default "utterance"
        What the sum over the utterances of a batch is divided by: their number (or the sum of their weights), the
        number of their labels (at least 1 of each, weighted as its utterance is), or nothing. PyTorch's
        ``reduction="mean"`` is none of these: it divides each utterance by its own number of labels first.
    zero_infinity : bool, default False
        Whether an utterance with too few steps for its labels, whose loss is infinite, counts as a loss of 0 with a
        gradient of 0. By default it is an error, before any work starts.

    Raises
    ------
    ValueError
        If a setting is none of these.

    Examples
    --------
    Two steps, two classes, all equally probable: of four paths three spell the label 1.

    >>> value, gradient = CTC()(np.zeros((2, 1, 2)), [[1]])
    >>> round(float(np.exp(-value)), 6)
    0.75
    """

    name: ClassVar[str] = "ctc"
    takes_logits: ClassVar[str | None] = "softmax"

    def __init__(
        self,
        *,
        blank: int = 0,
        normalize: Literal["utterance", "label", "none"] = "utterance",
        zero_infinity: bool = False,
    ) -> None:
        self.blank = whole_number("blank", blank, least=0)
        if normalize not in NORMALIZERS:
            raise ValueError(f"normalize must be one of {NORMALIZERS}, but {shown(normalize)} was given")
        self.normalize = normalize
        self.zero_infinity = flag("zero_infinity", zero_infinity)

    @property
    def is_sum(self) -> bool:  # type: ignore[override]
        """Whether the loss is a sum over utterances."""
        return self.normalize == "none"

    def encode(  # type: ignore[override]
        self,
        target: Sequence[ArrayLike],
        n_outputs: int,
        *,
        leading: tuple[int, ...] | None = None,
        lengths: ArrayLike | None = None,
    ) -> LabelSequences:
        """Check label sequences; see :meth:`Loss.encode`.

        Parameters
        ----------
        target : list of B (lists of int)
        n_outputs : int
            C.
        leading : tuple of int, optional
            (T, B): there must be B targets, and each must fit into its sequence's steps.
        lengths : array of int, shape (B,), optional
            Those steps; default: T for all.

        Raises
        ------
        ValueError
            Also if labels do not fit and `zero_infinity` is off; names the utterance, and what it has and needs.
        """
        if self.blank >= n_outputs:
            raise ValueError(
                f"blank must be one of the {n_outputs} classes 0 .. {n_outputs - 1}, but {self.blank} was given"
            )
        encoded = LabelSequences.of(target, n_outputs, blank=self.blank)
        if leading is not None:
            n_steps, n_sequences = leading
            if len(encoded) != n_sequences:
                raise ValueError(f"each sequence needs a target: there are {len(encoded)} for {n_sequences} sequences")
            if not self.zero_infinity:
                encoded.check_fit(np.full(n_sequences, n_steps) if lengths is None else np.asarray(lengths))
        return encoded

    def value_and_gradient(  # type: ignore[override]
        self, output: Array, target: LabelSequences, weight: Array | None = None
    ) -> tuple[float, Array]:
        """Return the loss of packed rows, and its gradient.

        Parameters
        ----------
        output : array, shape (n_rows, C)
        target : LabelSequences
            Over the steps of these rows.
        weight : array, shape (B,), optional
            In the order of these steps.
        """
        assert target.packing is not None, "targets must be laid out over the output's steps"
        normalizer = self.normalizer(target, weight) or 1.0
        shares = np.full(len(target), 1.0) if weight is None else np.asarray(weight, np.float64)
        losses, gradient = negative_log_likelihoods(output, target, self.blank, shares / normalizer)
        if np.isposinf(losses).any():
            if not self.zero_infinity:
                target.check_fit(target.packing.lengths)  # augmented sequences may have become too short
            else:
                losses[np.isposinf(losses)] = 0.0
        counted = shares > 0.0
        return float(shares[counted] @ losses[counted]) / normalizer, gradient

    def normalizer(self, target: LabelSequences, weight: Array | None = None) -> float:  # type: ignore[override]
        """Return what the sum of the utterances' losses is divided by; see :meth:`Loss.normalizer`."""
        if self.normalize == "none":
            return 1.0
        counts = np.maximum(target.lengths, 1) if self.normalize == "label" else np.ones(len(target))
        return float(np.sum(counts if weight is None else counts * weight, dtype=np.float64))

    def feedback(self, target: Any, n_outputs: int, dtype: DTypeLike) -> Array:
        """Refuse: labels say nothing of single steps."""
        raise ValueError("CTC has no target for each step to feed back: give the Jordan layer teacher_forcing=False")


@explained
def ctc(
    logits: Sequence[ArrayLike], labels: Sequence[ArrayLike], blank: int = 0, *, zero_infinity: bool = False
) -> tuple[NDArray[np.float64], list[Array]]:
    """Return the negative log-likelihood of each label sequence, and its gradient with respect to the logits.

    Parameters
    ----------
    logits : list of N arrays of shape (T_i, C)
        Before the softmax; at least one step each.
    labels : list of N (lists of int)
        Classes from 0 to C - 1 without the blank; a list may be empty.
    blank : int, default 0
    zero_infinity : bool, default False
        Whether labels that do not fit have a value and a gradient of 0. By default they are an error.

    Returns
    -------
    values : ndarray of float64, of shape (N,)
    gradients : list of N ndarrays of shape (T_i, C)
        float32 if all logits are, else float64.

    Raises
    ------
    ValueError
        If the logits are not alike in C, if labels are no classes, or if they do not fit.

    Examples
    --------
    >>> values, gradients = ctc([np.zeros((2, 2))], [[1]])
    >>> gradients[0].round(4).tolist()
    [[0.1667, -0.1667], [0.1667, -0.1667]]
    """
    arrays = check_sequences([as_floats(each) for each in logits])
    if arrays[0].ndim != 2 or arrays[0].shape[1] == 0:
        raise ValueError(f"logits must be a list of arrays of shape (T_i, C), but one has shape {arrays[0].shape}")
    packing = Packing([len(each) for each in arrays])
    loss = CTC(blank=blank, normalize="none", zero_infinity=zero_infinity)
    given = packing.unsort(packing.lengths)
    encoded = loss.encode(labels, arrays[0].shape[1], leading=(packing.n_steps, len(arrays)), lengths=given)
    rows = packing.gather(np.concatenate(arrays))
    values, gradient = negative_log_likelihoods(rows, encoded[packing.order].over(packing), blank, np.ones(len(arrays)))
    if zero_infinity:
        values[np.isposinf(values)] = 0.0
    padded = packing.unpack(gradient)
    return packing.unsort(values), [padded[:n, i].copy() for i, n in enumerate(given)]
