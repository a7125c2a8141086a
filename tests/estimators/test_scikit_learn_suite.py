"""scikit-learn's own tests of its networks, run with ours in their place.

The module is loaded again with `rnnbp.MLPClassifier` and `rnnbp.MLPRegressor` under the names that it imports, and all
its tests run. Where one looks at a private attribute to see public behaviour (the present learning rate, the count of
epochs without improvement), the attribute is answered from ours. Left out:

- ``test_fit`` writes private attributes to make a fitted estimator without fitting; its worked example is in
  `test_estimators_mlp.py`, with weights set through ``coefs_``.
- ``test_gradient`` checks a private function of theirs by finite differences, as `test_gradients.py` does ours.
- ``test_early_stopping_stratified`` expects that a class of one member is called ``True``, as it is encoded there; ours
  is called by its label, for which `test_refused.py` has the same test.
"""

import importlib.util
from types import SimpleNamespace
from unittest import mock

import pytest

import rnnbp

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.filterwarnings("ignore::Warning")]

LEFT_OUT = {"test_fit", "test_gradient", "test_early_stopping_stratified"}


class Private:
    """scikit-learn's private names for what is public here."""

    @property
    def _no_improvement_count(self):
        return self.n_iter_without_improvement_

    @property
    def _optimizer(self):
        return SimpleNamespace(learning_rate=self._make_optimizer(1).rate(0.0, self._optimizer_state))


class MLPClassifier(Private, rnnbp.MLPClassifier):
    pass


class MLPRegressor(Private, rnnbp.MLPRegressor):
    pass


@pytest.fixture(params=[42])
def global_random_seed(request):
    """Return the seed that scikit-learn's own run of its tests has by default."""
    return request.param


def theirs_with_ours():
    """Return scikit-learn's test module, with our estimators in it."""
    found = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    spec = importlib.util.spec_from_file_location("scikit_learn_mlp_with_rnnbp", found.origin)
    module = importlib.util.module_from_spec(spec)
    with (
        mock.patch("sklearn.neural_network.MLPClassifier", MLPClassifier),
        mock.patch("sklearn.neural_network.MLPRegressor", MLPRegressor),
    ):
        spec.loader.exec_module(module)
    return module


MODULE = theirs_with_ours()
globals().update(
    {name: test for name, test in vars(MODULE).items() if name.startswith("test_") and name not in LEFT_OUT}
)
