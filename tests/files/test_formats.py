"""Files of earlier formats are read, and go on to what the library of their time computed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from reference import make_format_1_files as made

from rnnbp import CheckpointError, ModelFileError, Network, RNNForecaster
from rnnbp.files import model_file

FILES = Path(made.__file__).parent


def test_a_network_of_format_1_is_read():
    net = Network.load(FILES / "network_format_1.safetensors")
    assert repr(net) == repr(made.network())
    assert net.theta.tobytes() == made.network().theta.tobytes()
    assert net.metadata == {"classes": ["a", "b"]}


def test_a_network_of_format_1_is_saved_in_format_2(tmp_path):
    Network.load(FILES / "network_format_1.safetensors").save(tmp_path / "new")
    with model_file.opened(tmp_path / "new") as file:
        assert file.version == 2


def test_an_estimator_of_format_1_forecasts_as_it_did():
    forecaster = RNNForecaster.load(FILES / "forecaster_format_1.safetensors")
    np.testing.assert_allclose(forecaster.predict(4), np.load(FILES / "forecaster_format_1.npy"), rtol=1e-12)
    lower, upper = forecaster.predict_interval(4)
    assert (lower < upper).all()  # of errors of one step, which is all that it has


def test_a_run_of_format_1_is_gone_on_with(tmp_path):
    path = shutil.copy(FILES / "run_format_1.ckpt", tmp_path / "run.ckpt")
    # to the rounding of float32, which processors have their own of
    np.testing.assert_allclose(made.run(path).theta, np.load(FILES / "run_format_1.npy"), rtol=1e-6)


def test_damage_in_a_checkpoint_of_format_1_is_noticed(tmp_path):
    path = tmp_path / "run.ckpt"
    content = bytearray((FILES / "run_format_1.ckpt").read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.ckpt is damaged: .* its own hash"):
        made.run(path)


def test_a_hash_that_was_lost_is_missed(tmp_path):
    made.network().save(tmp_path / "new")
    content = (tmp_path / "new").read_bytes()
    (tmp_path / "new").write_bytes(content.replace(b'"sha256"', b'"sha255"'))
    with pytest.raises(ModelFileError, match="has lost its hash"):
        Network.load(tmp_path / "new")
