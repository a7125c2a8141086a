"""`fit`: checks all that it is given, trains, and leaves the network with the right parameters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from os import PathLike
from typing import Any, Literal

from numpy.random import Generator
from numpy.typing import ArrayLike

from rnnbp import losses, optimizers
from rnnbp.callbacks import EarlyStopping
from rnnbp.configuration import flag, number, shown, whole_number
from rnnbp.files.checkpoints import Checkpoint
from rnnbp.losses import Loss
from rnnbp.names import explained
from rnnbp.networks.network import Network, check_network
from rnnbp.optimizers import Average, FullBatchOptimizer, Optimizer, Schedule, State
from rnnbp.training import checking, chunks, resuming
from rnnbp.training.descent import Descent
from rnnbp.training.full_batch import minimize
from rnnbp.training.history import Callback, History
from rnnbp.training.next_step import NextStep
from rnnbp.training.place import PLACE
from rnnbp.training.progress import ProgressBar
from rnnbp.training.run import Augment

__all__ = ["fit"]

logger = logging.getLogger("rnnbp")


@explained
def fit(
    net: Network,
    x: ArrayLike | Sequence[ArrayLike],
    target: ArrayLike | Sequence[ArrayLike],
    *,
    loss: Loss | str,
    optimizer: Optimizer | FullBatchOptimizer | str = "adam",
    max_epochs: int = 10,
    batch_size: int = 32,
    lengths: ArrayLike | None = None,
    sample_weight: ArrayLike | Sequence[ArrayLike] | None = None,
    validation_data: tuple[Any, ...] | None = None,
    score: Callable[..., float] | None = None,
    monitor: Literal["loss", "score"] = "loss",
    patience: int | None = None,
    callbacks: Iterable[Callback] = (),
    l2: float = 0.0,
    averaging: Average | None = None,
    chunk_length: int | None = None,
    teacher_forcing: float | Schedule | NextStep = 1.0,
    augment: Augment | None = None,
    consistency: float = 0.0,
    shuffle: bool | Literal["later"] = True,
    seed: int | Generator | None = 0,
    optimizer_state: State | None = None,
    checkpoint: Checkpoint | str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> History:
    """Train a network, in place.

    An array of sequences is time-major, (T, N, F). One that is batch-first, (N, T, F), as Keras and the estimators take
    it, cannot be told from it if the targets are so too: pass ``list(x)``, and ``list(target)`` if each step has one.

    Parameters
    ----------
    net : Network
    x : array of shape (N, F) or (T, N, F), or list of arrays of shape (T_i, F)
        Static examples, padded time-major sequences, or sequences of any lengths; see `Network.batch`.
    target : array of shape (N, ...) or (T, N, ...), or list of arrays of shape (T_i, ...)
        One for each row of the network's output; see the loss.
    loss : Loss or str
        Such as ``losses.CrossEntropy()`` or its name.
    optimizer : Optimizer, FullBatchOptimizer or str, default "adam"
    max_epochs : int, default 10
        For a full-batch optimizer, iterations.
    batch_size : int, default 32
        Examples or sequences a minibatch; a full-batch optimizer's evaluations are cut into such pieces, which bounds
        memory.
    lengths : array of int, of shape (N,), or None
        The true lengths of padded sequences.
    sample_weight : array of shape (N,) or (T, N), or list of arrays of shape (T_i,), or None
        How much each example or sequence counts, or each step; 0 leaves it out.
    validation_data : tuple (x, target), (x, target, lengths) or (x, target, lengths, sample_weight), or None
        Evaluated after each epoch.
    score : callable or None
        ``score(target, output)``, such as `rnnbp.metrics.accuracy`, evaluated on the validation data; called with
        ``sample_weight=...`` too if they have weights.
    monitor : {"loss", "score"}, default "loss"
        What says which epoch is the best: the loss (of validation if there is any, else of training), lower being
        better, or the score, higher being better.
    patience : int or None
        If given, training ends when there has been no better epoch for so many, and the parameters of the best epoch
        are restored; short for ``callbacks=[callbacks.EarlyStopping(patience)]``.
    callbacks : iterable of callables
        Each is called as ``callback(net, history)`` after each epoch; a true result ends training. `rnnbp.callbacks`
        has some.
    l2 : float, default 0
        Adds ``l2 * |W|^2 / (2 N)`` to a minibatch's loss, W the weight matrices (no biases) and N what the loss is
        divided by (the number of examples, or the sum of their weights), as in scikit-learn.
    averaging : Average or None
        Such as ``optimizers.PolyakAverage(start=5)`` or ``optimizers.ExponentialAverage(0.999)``: the mean of the
        parameters over the updates, which is what is validated, what callbacks see, and what the network ends with.
    chunk_length : int or None
        Stateful training of long sequences: they are cut into chunks of so many steps, with an update after each, and
        the states go on from one to the next. Needs a target for each step, and no layer that runs backwards. Dropout's
        masks are drawn anew for each chunk. None takes whole sequences.
    teacher_forcing : float, Schedule or NextStep, default 1
        The probability with which a layer that is taught (`layers.Jordan`) is fed the target, and not its own previous
        output: drawn for each step of each sequence. One that falls over training, such as
        ``schedules.linear(1.0, epochs=20)``, is scheduled sampling (Bengio et al. 2015). For a network whose inputs are
        its targets of the step before, `NextStep` does the same.
    augment : callable or None
        ``augment(example, rng)`` returns what to train on in an example's place, anew in each epoch: of a sequence
        (T_i, F) another one, of a static example (F,) another one. It draws from `rng` only.
    consistency : float, default 0
        Above 0, each example of a minibatch is there twice, with what `augment` and dropout draw for each of the two,
        and what the network says of one is to be what it says of the other: adds so many times the divergence
        (Kullback-Leibler) of their probabilities to the loss, for losses that take logits of classes. It is divided by
        what the loss is divided by: for `losses.CrossEntropy` it is a mean over rows, for `losses.CTC` a sum over the
        steps of an utterance. It helps where there are few examples, as several networks together would, and an update
        takes twice as long: 0.2 is usual for CTC (Yao et al. 2025), 1 to 5 for classes (Liang et al. 2021).
    shuffle : bool or "later", default True
        Whether each epoch takes the examples in another order; without, ragged sequences go by length. "later" does so
        from the second epoch on, and the first goes from short sequences to long ones, which are hard to begin with
        (Amodei et al. 2016).
    seed : int, numpy.random.Generator or None, default 0
        Of the shuffling and of `augment`'s generator; None takes fresh entropy. `rnnbp.training` lists all seeds.
    optimizer_state : dict of arrays, or None
        What an optimizer's ``init`` has made: changed in place, so that another call goes on where this one ends. None
        begins anew. A full-batch optimizer has none.
    checkpoint : Checkpoint, path-like or None
        A file that the run is written to every now and then (`Checkpoint` says how often). If it is there already,
        training goes on from it, wherever it was broken off, and ends with the same bits as if it had not been; or
        returns what a finished run ended with, unless `max_epochs` has been raised. What the network, the data or the
        settings are must not have changed.
    progress : bool or None
        Whether to show a progress bar; None shows it on a terminal only. The logger "rnnbp" has a line for each epoch
        at level INFO.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If anything does not fit, before training begins.
    CheckpointError
        If the checkpoint is damaged, belongs to another run (says what differs), or cannot be written. If it cannot be
        written later, a RuntimeWarning says so, and training goes on.
    NonFiniteError
        If the loss or its gradient is no longer finite; says in which layer, at which step, and what to try.
    RuntimeError
        If another thread, or who has called this callback, is training the network.
    ConvergenceError
        If a layer with ``gradient=FixedPoint()`` does not settle; the parameters are those before this minibatch.

    Notes
    -----
    Ctrl-C ends training after restoring the parameters of the best epoch (if one has ended), and the logger "rnnbp"
    says so. With a checkpoint the update is finished first and the run written down, so that the same call goes on from
    there; so it is when the process is asked to end (SIGTERM). A second Ctrl-C does not wait: what was written last
    stays.

    References
    ----------
    D. Amodei et al., "Deep Speech 2: end-to-end speech recognition in English and Mandarin", ICML 2016.

    S. Bengio, O. Vinyals, N. Jaitly and N. Shazeer, "Scheduled sampling for sequence prediction with recurrent neural
    networks", NIPS 2015.

    X. Liang et al., "R-Drop: regularized dropout for neural networks", NeurIPS 2021.

    Z. Yao et al., "CR-CTC: consistency regularization on CTC for improved speech recognition", ICLR 2025.

    See Also
    --------
    predict
    evaluate
    History

    Examples
    --------
    >>> import numpy as np
    >>> import rnnbp
    >>> from rnnbp import layers, optimizers
    >>> x = np.random.default_rng(0).normal(size=(200, 10, 1)).cumsum(axis=1)
    >>> y = x[:, -1, 0] > x[:, 0, 0]  # did it rise?
    >>> net = rnnbp.Network([layers.GRU(1, 8), layers.LastStep(), layers.Dense(8, 2)])
    >>> history = rnnbp.fit(
    ...     net,
    ...     list(x),  # 200 sequences of shape (10, 1)
    ...     y.astype(int),
    ...     loss="cross_entropy",
    ...     optimizer=optimizers.Adam(1e-2, clip_norm=1.0),
    ...     max_epochs=20,
    ... )
    >>> history.loss[-1] < 0.5 * history.loss[0]
    True
    """
    check_network(net)
    loss = losses.get(loss)
    optimizer = optimizers.get(optimizer)
    whole_number("max_epochs", max_epochs)
    whole_number("batch_size", batch_size)
    if progress is not None:
        flag("progress", progress)
    rng = checking.generator(seed)
    listed = checking.callbacks(callbacks, patience)
    checking.files(listed, checkpoint)
    checking.score(score, monitor, validation_data)
    place = PLACE.get()
    data = place.data_set(net, x, lengths, target=target, loss=loss, sample_weight=sample_weight)
    validation = None if validation_data is None else checking.validation_set(place, net, validation_data, loss)
    checking.augment(augment, data, chunk_length)
    checking.shuffle(shuffle, data)
    cut_or_changed = chunk_length is not None or augment is not None
    checking.teacher_forcing(net, data, teacher_forcing, max_epochs=max_epochs, cut_or_changed=cut_or_changed)
    if averaging is not None and not isinstance(averaging, Average):
        raise TypeError(
            f"averaging must be an average such as optimizers.PolyakAverage(), but {shown(averaging)} was given"
        )
    if chunk_length is not None:
        whole_number("chunk_length", chunk_length)
        chunks.check(net, data)
    l2, consistency = number("l2", l2, "[0, inf)"), number("consistency", consistency, "[0, inf)")
    run = place.training_run(net, data, loss, batch_size, validation, score, listed, l2, consistency)
    replayed = isinstance(teacher_forcing, NextStep)
    if not isinstance(optimizer, FullBatchOptimizer):  # which have none
        checking.consistency(run, augment, cut_or_replayed=chunk_length is not None or replayed)
    run.history.monitor = monitor
    run.history.settings = {
        "loss": loss,
        "optimizer": optimizer,
        "max_epochs": max_epochs,
        "batch_size": batch_size,
        "l2": l2,
        "consistency": consistency,
        "seed": seed,
    }
    if chunk_length is not None and run.every > 1:
        raise ValueError("chunk_length carries states from update to update, which every > 1 cannot: use one of them")

    train: Callable[[ProgressBar], None]
    with net.programs.training(), run:
        if isinstance(optimizer, FullBatchOptimizer):
            checking.full_batch(
                optimizer,
                teacher_forcing,
                optimizer_state=optimizer_state,
                averaging=averaging,
                chunk_length=chunk_length,
                augment=augment,
                consistency=consistency or None,
                checkpoint=checkpoint,
                every=None if run.every == 1 else run.every,
            )
            if optimizer.needs_squares and not run.computes_here:
                raise ValueError(
                    f"{optimizer!r} needs the derivatives of each output by all parameters, which stay on one machine: "
                    "take LBFGS(), or an optimizer by minibatches, on a cluster"
                )
            train = partial(minimize, run, optimizer, max_epochs)
        else:
            descent = Descent(
                run,
                optimizer,
                averaging=averaging,
                chunk_length=chunk_length,
                teacher_forcing=teacher_forcing,
                augment=augment,
                rng=rng,
                shuffle=shuffle,
                optimizer_state=optimizer_state,
            )
            if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
                checkpoint = Checkpoint(checkpoint)
            if checkpoint is not None:
                resuming.resume(descent, checkpoint, seed=seed)
            train = partial(descent.train, max_epochs, checkpoint)
        try:
            n_rows = data.n_rows * (2 if consistency else 1)
            with ProgressBar(max_epochs, n_rows, progress, done=len(run.history)) as bar:
                train(bar)
        except KeyboardInterrupt:
            run.history.stopped = "interrupted"
            logger.warning("%s", _interrupted(run.history, max_epochs, checkpoint))
        restores = any(isinstance(callback, EarlyStopping) and callback.restore_best for callback in listed)
        if restores or run.history.stopped == "interrupted":
            run.restore_best()
    return run.history


def _interrupted(history: History, max_epochs: int, checkpoint: Any) -> str:
    """Return what to tell whoever has interrupted a run."""
    text = f"training was interrupted after {len(history)} of {max_epochs} epochs"
    if isinstance(checkpoint, Checkpoint):
        return f"{text}; {checkpoint.stands()}"
    return f"{text}; to be able to go on with a run, give fit a checkpoint"
