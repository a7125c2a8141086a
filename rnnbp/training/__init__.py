"""Training: one loop for static and recurrent networks alike.

`fit` checks what it is given; `run` has what every way to train shares; `descent` goes by minibatches, `full_batch` by
the whole data; `chunks` cuts long sequences; `next_step` feeds a network its own outputs; `resuming` writes a run down;
`progress` shows how it goes.

Reproducibility
---------------
Every source of randomness has a seed, and a generator of its own that nothing else draws from:

=============================================  =====================================  =====================
what is random                                 seeded by                              in the checkpoint
=============================================  =====================================  =====================
initial parameters                             ``Network(seed=...)``                  the parameters
dropout, zoneout, scheduled sampling           ``Network(seed=...)``, ``net.rng``     the generator
order of the examples                          ``fit(seed=...)``                      the generator
what ``augment`` draws                         ``fit(seed=...)``, an offspring of it  the generator
noise in the gradient                          ``GradientNoise(seed=...)``            the count of updates
data that are generated or split               ``seed`` of that function              a hash of the data
=============================================  =====================================  =====================

Defaults are fixed seeds, and None takes fresh entropy. The same seeds, data and thread count give the same bits; so
does a run that was broken off anywhere and resumed. Nothing draws from NumPy's global generator.
"""

from __future__ import annotations

from rnnbp.training.fitting import fit
from rnnbp.training.history import History
from rnnbp.training.learning_rate import LearningRateSearch, find_learning_rate
from rnnbp.training.next_step import NextStep
from rnnbp.training.run import NonFiniteError

__all__ = ["History", "LearningRateSearch", "NextStep", "NonFiniteError", "find_learning_rate", "fit"]
