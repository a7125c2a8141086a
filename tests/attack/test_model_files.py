"""A short attack with damaged and forged model files; ``python -m tests.attack model_files`` is the long one."""

import numpy as np
import pytest

from rnnbp import ModelFileError, Network
from rnnbp.files import tensor_file
from rnnbp.training import resuming

from . import model_files


def test_damaged_and_forged_files_are_refused_or_work():
    figures = model_files.attack(600, seed=1)
    assert figures["faults"] == {}
    assert figures["cases"] == 600
    assert figures["refused, largest (MB, seed)"][0] < 5
    ways = {way.partition(":")[0] for way in figures["outcomes"]}
    assert ways == {"damaged", "small", *(f.__name__.replace("_", " ") for f in model_files.FORGERIES)}


def test_a_seed_is_a_file():
    assert model_files.forged(17)[:4] == model_files.forged(17)[:4]


@pytest.mark.parametrize("name", sorted(model_files.bases()))
def test_what_is_not_changed_is_read(name, tmp_path):
    content, use = model_files.bases()[name]
    (tmp_path / "good").write_bytes(content)
    use(tmp_path / "good")


def faults(n=300):
    return model_files.attack(n, seed=1)["faults"].values()


def test_a_hash_that_is_not_looked_at_is_found(monkeypatch):
    monkeypatch.setattr(tensor_file.TensorFile, "digest", lambda self, text: self.metadata["sha256"])
    assert any("a damaged file was read" in text for text in faults())


def test_a_reader_that_believes_sizes_is_found(monkeypatch):
    def believe(path):
        _, description, _ = model_files.taken_apart(path.read_bytes())
        for layer in description["layers"]:
            np.ones((min(layer.get("n_inputs", 1), 4000), 4000))
        raise ModelFileError(f"{path}: afterwards")

    monkeypatch.setattr(Network, "load", believe)
    assert any("MB, more than 50" in text or "Error" in text for text in faults(200))


def test_headers_that_are_not_checked_are_found(monkeypatch):
    monkeypatch.setattr(tensor_file, "_are_counts", lambda values: True)
    assert any("TypeError" in text for text in faults())


def test_values_that_are_not_checked_are_found(monkeypatch):
    monkeypatch.setattr(resuming, "_generator", lambda generator, values, name: values[name])
    monkeypatch.setattr(resuming, "_count", lambda values, name, least, most: values.get(name))
    assert any("Error" in text for text in faults())
