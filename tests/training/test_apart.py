"""A place may take several minibatches for one change of the parameters: which, when, and what cannot go with it."""

import pytest
from toys import MSE, line

from rnnbp import CheckpointError, Network, fit, layers, optimizers
from rnnbp.optimizers import schedules
from rnnbp.training.place import PLACE, Place
from rnnbp.training.run import TrainingRun

N = 7  # in batches of 2, so that an epoch has 4, and groups of 3 leave one over


class Apart(TrainingRun):
    """Notes what it is asked for, and gives a loss of 2 and a norm of 5 to each minibatch."""

    def descend_apart(self, pieces, optimizer, state, times, **options):
        n_rows = sum(len(chosen) for (chosen,) in pieces)
        self.asked.append((len(pieces), list(times), options["teacher_forcing"]))
        return 2.0, float(n_rows), 5.0 * len(pieces), n_rows


class Elsewhere(Place):
    def __init__(self, every, *, computes_here=True):
        self.every, self.computes_here, self.asked = every, computes_here, []

    def training_run(self, *settings):
        run = Apart(*settings, every=self.every)
        run.asked, run.computes_here = self.asked, self.computes_here
        return run


def train(place, *, sequences=False, net=None, **options):
    net = net or Network([layers.Dense(3, 1)], compiled=False)
    x, y = (each[None] if sequences else each for each in line(N))
    token = PLACE.set(place)
    try:
        return fit(net, x, y, loss=MSE, **{"batch_size": 2, "max_epochs": 2} | options)
    finally:
        PLACE.reset(token)


def test_minibatches_are_taken_in_groups_each_with_its_time():
    place = Elsewhere(3)
    history = train(place)
    assert place.asked == [
        (3, [0.0, 0.25, 0.5], [1.0] * 3), (1, [0.75], [1.0]), (3, [1.0, 1.25, 1.5], [1.0] * 3), (1, [1.75], [1.0])
    ]  # fmt: skip
    assert history.loss == [2.0, 2.0]
    assert history.gradient_norm == [5.0, 5.0]


def test_two_at_once_are_a_group_already():
    place = Elsewhere(2)
    train(place, max_epochs=1)
    assert [n for n, *_ in place.asked] == [2, 2]


def test_teaching_goes_by_the_time_of_each():
    place, net = Elsewhere(3), Network([layers.Jordan(3, 4, n_outputs=1)], compiled=False)
    train(place, sequences=True, net=net, teacher_forcing=schedules.linear(1.0, epochs=2), max_epochs=1)
    assert [taught for *_, taught in place.asked] == [[1.0, 0.875, 0.75], [0.625]]


def test_another_number_of_them_is_another_run(tmp_path):
    train(Elsewhere(1), checkpoint=tmp_path / "run", max_epochs=1)
    with pytest.raises(CheckpointError, match="every is now 2, but was null"):
        train(Elsewhere(2), checkpoint=tmp_path / "run")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_length": 3}, "chunk_length carries states from update to update, which every > 1 cannot"),
        ({"optimizer": "lbfgs"}, "leave out every"),
    ],
)
def test_what_goes_from_update_to_update_is_refused(options, message):
    net = Network([layers.Elman(3, 1)], compiled=False)
    with pytest.raises(ValueError, match=message):
        train(Elsewhere(2), sequences=True, net=net, **options)


def test_derivatives_of_each_output_stay_on_one_machine():
    with pytest.raises(ValueError, match="which stay on one machine: take LBFGS"):
        train(Elsewhere(1, computes_here=False), optimizer=optimizers.LevenbergMarquardt())
