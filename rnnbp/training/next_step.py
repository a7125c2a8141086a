r"""Scheduled sampling for next-step models: networks whose input at a step is what they should have put out before it.

At inference such a network goes on from its own outputs; trained on true inputs alone it has never seen its own errors.
With the probability p of being shown the truth, frame by frame::

    y(t) = network's output after x'(0), ..., x'(t)                          (1)   without dropout
    x'(t+1) = x(t+1) with probability p, else g(y(t))                        (2)   x'(0) = x(0)

and then one step of training on x' in the place of x. g makes an input of an output. As in the paper, no gradient flows
through (2). Cost: a pass frame by frame before each update; take few steps of it by a p that begins at 1.

S. Bengio, O. Vinyals, N. Jaitly and N. Shazeer, "Scheduled sampling for sequence prediction with recurrent neural
networks", NIPS 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnbp.activations import get as get_activation
from rnnbp.configuration import Configurable, lookup, number
from rnnbp.data.training_set import TrainingSet
from rnnbp.networks.network import Network
from rnnbp.optimizers import Schedule

__all__ = ["NextStep"]

Array = NDArray[Any]
Feedback = Callable[[Array, np.random.Generator], Any]


def _identity(output: Array, rng: np.random.Generator) -> Array:
    return output


def _sample(output: Array, rng: np.random.Generator) -> int:
    probabilities = get_activation("softmax").value(output.astype(np.float64))
    return int(rng.choice(len(output), p=probabilities))


def _argmax(output: Array, rng: np.random.Generator) -> int:
    return int(output.argmax())


FEEDBACK: dict[str, Feedback] = {"identity": _identity, "sample": _sample, "argmax": _argmax}


class NextStep(Configurable):
    """Feed a next-step model its own outputs in training, for ``rnnbp.fit(teacher_forcing=...)``.

    Parameters
    ----------
    probability : float or Schedule
        p, of being shown the true input; one that falls, such as ``schedules.linear(1.0, epochs=20)``, is scheduled
        sampling.
    feedback : {"identity", "sample", "argmax"} or callable, default "identity"
        g: the output itself, for values; a symbol drawn from the softmax of the output, or the most likely one; or
        ``feedback(output, rng)``, which returns a frame.

    Raises
    ------
    ValueError
        If there is no feedback of that name, or if the probability is none.

    Examples
    --------
    >>> from rnnbp.optimizers import schedules
    >>> NextStep(schedules.linear(1.0, epochs=20), feedback="sample")
    NextStep(linear(rate=1.0, epochs=20, final=0.0), feedback='sample')
    """

    def __init__(
        self,
        probability: float | Schedule,
        *,
        feedback: Literal["identity", "sample", "argmax"] | Feedback = "identity",
    ) -> None:
        if not isinstance(probability, Schedule):
            number("probability", probability, "[0, 1]")
        self.probability = probability
        self.feedback = feedback
        self._feedback = feedback if callable(feedback) else lookup(FEEDBACK, feedback, "feedback")

    def check(self, net: Network, data: TrainingSet) -> None:
        """Check that a network can be fed its own outputs, by trying it on the first two frames.

        Raises
        ------
        ValueError
            If it cannot; says why.
        """
        if not data.per_step:
            raise ValueError(
                "NextStep is for networks that give an output at each step of sequences, and targets for each"
            )
        if net.interface.output_lengths(np.array([7]))[0] != 7:
            raise ValueError("NextStep is for networks that keep all steps, and a layer of this one has a stride")
        (first,) = data.examples(np.zeros(1, np.intp))
        draws, net.rng = net.rng, np.random.default_rng(0)
        try:
            stream = net.stream()
            stream.push(np.asarray(self._feedback(np.asarray(stream.push(first[0])), net.rng), first.dtype))
        except ValueError as error:
            raise ValueError(f"the network's output cannot be its next input: {error}") from None
        finally:
            net.rng = draws

    def replay(self, net: Network, sequence: Array, p: float) -> Array:
        """Return a sequence as the network is shown it: true frames, and some of its own making (1, 2)."""
        own = np.flatnonzero(net.rng.random(len(sequence) - 1) >= p) + 1
        if not own.size:
            return sequence
        stream, shown = net.stream(), sequence.copy()
        for t in range(int(own[-1])):
            output = np.asarray(stream.push(shown[t]))  # 1
            if t + 1 in own:
                shown[t + 1] = self._feedback(output, net.rng)  # 2
        return shown
