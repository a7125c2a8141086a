"""Model files: what is saved comes back, and what is no model is refused with its reason."""

import contextlib
import itertools
import json
import os
import pickle
import stat
import time
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy

import rnnbp
from rnnbp import Network, layers
from rnnbp.configuration import Configurable
from rnnbp.files import model_file, tensor_file
from rnnbp.files.model_file import FORMAT_VERSION, ModelFileError
from rnnbp.files.tensor_file import digest
from rnnbp.gradients import BPTT
from rnnbp.initializers import Chrono, ForgetGate, Identity, Orthogonal, Zeros
from rnnbp.parameters import Parameters

# Each layer with every setting at another value than its default.
STACKS = {
    "Dense, Activation, Dropout, LayerNorm": [
        layers.Dense(3, 5, weight_initializer="he", bias_initializer=ForgetGate(0.5)),
        layers.Activation("gelu"),
        layers.Dropout(0.25, over_time=True),
        layers.LayerNorm(5),
    ],
    "Conv1D": [layers.Conv1D(3, 5, 4, stride=2, dilation=2, causal=True, weight_initializer="he")],
    "Embedding": [layers.Embedding(7, 5, weight_initializer=Orthogonal())],
    "Elman": [
        layers.Elman(
            3,
            5,
            activation="relu",
            recurrent_dropout=0.3,
            bidirectional=True,
            gradient=BPTT(compiled=False),
            input_initializer="he",
            recurrent_initializer=Identity(0.5),
            bias_initializer="ones",
        )
    ],
    "Jordan": [
        layers.Jordan(
            3, 5, n_outputs=2, activation="sigmoid", feedback_activation="softmax", teacher_forcing=False, reverse=True
        )
    ],
    "LSTM": [layers.LSTM(3, 5, peepholes=True, bias_initializer=Chrono(20), reverse=True)],
    "GRU": [layers.GRU(3, 5, reset="before", bidirectional=True)],
    "LastStep": [layers.GRU(3, 5), layers.LastStep()],
    "MeanOverTime": [layers.GRU(3, 5), layers.MeanOverTime()],
    "MaxOverTime": [layers.GRU(3, 5), layers.MaxOverTime()],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.rnnbp"


@pytest.fixture
def saved(path):
    """A small network in a file."""
    net = Network([layers.Dense(3, 2)])
    net.save(path)
    return net


# -- what is saved comes back ------------------------------------------------------------------------------------------


def test_every_layer_is_saved_here():
    concrete = {cls for cls in map(vars(layers).get, layers.__all__) if isinstance(cls, type)}
    concrete = {cls for cls in concrete if issubclass(cls, layers.Layer) and not cls.__abstractmethods__}
    assert concrete == {type(layer) for stack in STACKS.values() for layer in stack}


@pytest.mark.parametrize(("dtype", "seed"), [("float32", 7), ("float64", None)])
@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_a_network_comes_back_as_it_was(stack, dtype, seed, path):
    net = Network(stack, dtype=dtype, seed=seed)
    net.theta[:] = np.random.default_rng(0).normal(size=net.theta.size)
    net.save(path)
    loaded = Network.load(path)
    assert repr(loaded) == repr(net)
    assert [layer.settings().keys() for layer in loaded.layers] == [layer.settings().keys() for layer in net.layers]
    assert loaded.compiled
    assert loaded.theta.dtype == dtype
    assert loaded.theta.tobytes() == net.theta.tobytes()


def test_metadata_comes_back(path):
    metadata = {"classes": ["null", "eins"], "features": {"sample_rate": 8000, "hop": 0.01, "trim": None}}
    Network([layers.Dense(3, 2)]).save(path, metadata=metadata)
    assert Network.load(path).metadata == metadata


def test_metadata_are_kept_when_a_loaded_network_is_saved_again(path):
    Network([layers.Dense(3, 2)]).save(path, metadata={"classes": [0, 1]})
    Network.load(path).save(path)
    assert Network.load(path).metadata == {"classes": [0, 1]}


def test_a_loaded_network_learns_on(path, saved):
    loaded = Network.load(path)
    loaded.theta[:] = 1.0
    np.testing.assert_array_equal(loaded.forward(np.ones((1, 3))), [[4.0, 4.0]])


def test_a_layer_of_one_s_own_comes_back(path):
    class Scale(layers.Layer):
        def __init__(self, factor):
            self.factor = factor

        def output_width(self, input_width):
            return input_width

        def forward(self, parameters, x, context):
            return self.factor * x, None

        def backward(self, parameters, gradients, dy, saved, context):
            return self.factor * dy

    Network([layers.Dense(3, 2), Scale(np.float64(2.5))]).save(path)
    assert Network.load(path).layers[1].factor == 2.5


def test_the_file_is_plain_safetensors(path, saved):
    arrays = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(arrays["0.weight"], saved.parameters["0.weight"])


def test_a_path_may_be_text(path, saved):
    assert repr(Network.load(str(path))) == repr(saved)


def test_a_saved_file_has_ordinary_permissions(path, saved):
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"x": {1, 2}}, "Object of type set"),
        ({"x": float("nan")}, "NaN is no number"),
        ({"x": [-np.inf]}, "-Infinity is no number"),
        ({"x": np.zeros(3)}, "Object of type ndarray"),
    ],
)
def test_metadata_that_json_cannot_hold_are_refused(path, metadata, why):
    with pytest.raises(ValueError, match=f"the metadata cannot be written as JSON: {why}"):
        Network([layers.Dense(3, 2)]).save(path, metadata=metadata)
    assert not path.exists()


# -- one step ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("trouble", [OSError("disk full"), KeyboardInterrupt()], ids=["OSError", "KeyboardInterrupt"])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(path, saved, monkeypatch, at, trouble):
    old = path.read_bytes()

    def fail(*_):
        raise trouble

    monkeypatch.setattr(os, at, fail)
    with pytest.raises(type(trouble)):
        Network([layers.Dense(3, 2)], seed=1).save(path)
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Network([layers.Dense(3, 2)]).save(tmp_path / "nowhere" / "model.rnnbp")


# -- what is no model --------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*model\.rnnbp"):
        Network.load(path)


def test_a_folder_is_no_model_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        Network.load(tmp_path)


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, 0.5, -32, -4, -1])
def test_a_truncated_file_is_refused(path, saved, kept):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if isinstance(kept, float) else kept])
    with pytest.raises(ModelFileError, match=r"model\.rnnbp is no model file, or is damaged or truncated"):
        Network.load(path)


@pytest.mark.parametrize(
    "content", [b"hello", b"\x89PNG\r\n\x1a\n" + bytes(100), b'{"layers": []}', bytes(8), b"\xff" * 64]
)
def test_another_kind_of_file_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="is no model file"):
        Network.load(path)


@pytest.mark.parametrize("kind", ["F32", "BF16", "F8_E4M3"])
def test_a_safetensors_file_of_another_program_is_refused(path, kind):
    header = json.dumps({"weight": {"dtype": kind, "shape": [0], "data_offsets": [0, 0]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError, match="was not written by rnnbp"):
        Network.load(path)


def rewrite(path, arrays=None, **changes):
    """Write the file at `path` again with other arrays or another description, and the right hash."""
    old_arrays, description = model_file.read(path)
    text = json.dumps({"format_version": FORMAT_VERSION, **description, **changes})
    arrays = old_arrays if arrays is None else arrays
    metadata = {model_file.KEY: text, model_file.HASH: digest(text, arrays)}
    path.write_bytes(safetensors.numpy.save(arrays, metadata=metadata))


def test_a_newer_format_is_refused_with_the_remedy(path, saved):
    rewrite(path, format_version=FORMAT_VERSION + 1)
    with pytest.raises(ModelFileError, match=f"has format {FORMAT_VERSION + 1}, newer than .*: upgrade rnnbp"):
        Network.load(path)


DENSE = {"class": "Dense", "n_inputs": 3, "n_outputs": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": None}, "its description is damaged"),
        ({"format_version": True}, "its description is damaged"),
        ({"format_version": 0}, "there is no format 0"),
        ({"layers": []}, "at least one layer"),
        ({"layers": ["Dense"]}, "its description makes no network"),
        ({"layers": None}, "its description makes no network"),
        ({"layers": [DENSE | {"class": "Dance"}]}, "unknown layer 'Dance': the known ones are .*'Dense'"),
        ({"layers": [DENSE | {"colour": 1}]}, "these settings do not make a Dense: .*'colour'"),
        ({"layers": [DENSE | {"n_inputs": -1}]}, "n_inputs must be a whole number of at least 1"),
        ({"layers": [DENSE, DENSE]}, "layer 1 does not fit"),
        ({"dtype": "int8"}, "dtype must be float32 or float64"),
        ({"seed": -1}, "its description makes no network: seed must be a whole number of at least 0, but -1 was given"),
        ({"seed": 1.0}, "its description makes no network: seed must be a whole number of at least 0, but 1.0 was"),
        ({"seed": True}, "its description makes no network: seed must be a whole number of at least 0, but True was"),
    ],
)
def test_a_description_that_makes_no_network_is_refused(path, saved, changes, message):
    rewrite(path, **changes)
    with pytest.raises(ModelFileError, match=message):
        Network.load(path)


@pytest.mark.parametrize("text", ["[]", "3", "{}", "{", ""])
def test_a_description_that_is_none_is_refused(path, text):
    path.write_bytes(safetensors.numpy.save({}, metadata={model_file.KEY: text}))
    with pytest.raises(ModelFileError, match="its description is damaged"):
        Network.load(path)


WEIGHT, BIAS = np.zeros((3, 2), np.float32), np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"0.weight": WEIGHT}, "lacks the parameter '0.bias'"),
        ({"0.weight": WEIGHT, "0.bias": BIAS, "0.gain": BIAS}, "holds '0.gain', which its architecture does not know"),
        ({"0.weight": WEIGHT.T.copy(), "0.bias": BIAS}, r"'0.weight' should be float32 of shape \(3, 2\), .*\(2, 3\)"),
        ({"0.weight": WEIGHT, "0.bias": BIAS.astype(float)}, "'0.bias' should be float32 .* but is float64"),
    ],
)
def test_arrays_that_do_not_fit_the_architecture_are_refused(path, saved, arrays, message):
    rewrite(path, arrays=arrays)
    with pytest.raises(ModelFileError, match=message):
        Network.load(path)


def test_all_of_these_are_value_errors_too():
    assert issubclass(ModelFileError, ValueError)


# -- damage ------------------------------------------------------------------------------------------------------------


def test_every_bit_counts(path, saved):
    whole = path.read_bytes()
    for at in range(len(whole)):
        content = bytearray(whole)
        content[at] ^= 1 << at % 8
        path.write_bytes(content)
        with pytest.raises(ModelFileError, match=r"model\.rnnbp"):
            Network.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_network_without_sense_is_neither_saved_nor_loaded_without_a_word(path, value):
    net = Network([layers.Dense(3, 2)])
    net.parameters["0.weight"][1, 1] = value
    with pytest.warns(RuntimeWarning, match=r"saved in .*rnnbp holds NaN .*'0.weight' \(1 of 6 numbers\)") as saving:
        net.save(path)
    with pytest.warns(RuntimeWarning, match=r"network in .*rnnbp holds NaN .*'0.weight' \(1 of 6 numbers\)") as loading:
        loaded = Network.load(path)
    assert [each.filename for each in (*saving, *loading)] == [__file__, __file__]
    np.testing.assert_array_equal(loaded.theta, net.theta)


# -- what a file asks for ----------------------------------------------------------------------------------------------

LARGE = {
    "Dense": {"class": "Dense", "n_inputs": 15000, "n_outputs": 15000},
    "LSTM": {"class": "LSTM", "n_inputs": 15000, "n_hidden": 15000},
    "Embedding": {"class": "Embedding", "n_symbols": 2**40, "n_features": 2**40},
    "more than memory has names for": {"class": "LayerNorm", "n_features": 2**70},
}


@pytest.mark.parametrize("name", LARGE)
def test_a_small_file_cannot_ask_for_much(path, saved, name):
    rewrite(path, layers=[LARGE[name]])
    with contextlib.suppress(ModelFileError):
        Network.load(path)  # a cell's equations are looked at once
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(ModelFileError, match=r"model\.rnnbp"):
        Network.load(path)
    seconds, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 0.05  # 0.5 ms, if nothing is traced
    assert peak < 1e6


def test_arrays_that_are_declared_but_not_there_are_refused(path):
    large = {"dtype": "F32", "shape": [15000, 15000], "data_offsets": [0, 900_000_000]}
    header = json.dumps({"__metadata__": {model_file.KEY: "{}"}, "0.weight": large}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError, match="its arrays should take 900000000 bytes, but 0 follow"):
        Network.load(path)


def entries(*described):
    """Return what a header is that describes float32 arrays by shape and place."""
    arrays = {f"a{k}": {"dtype": "F32", "shape": s, "data_offsets": p} for k, (s, p) in enumerate(described)}
    return json.dumps({"__metadata__": {model_file.KEY: "{}"}, **arrays}).encode()


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (entries(([1], [0, 4]), ([1], [0, 4])), "the numbers of 'a1' do not follow those before them"),
        (entries(([1], [0, 4]), ([1], [8, 12])), "the numbers of 'a1' do not follow those before them"),
        (entries(([1], [4, 8])), "the numbers of 'a0' do not follow"),
        (entries(([1], [4, 0])), "'a0' should take 4 bytes, but takes -4"),
        (entries(([0, 2**62], [0, 0])), "the shape of 'a0' is too large"),
        (entries(([0, 2**31, 2**31], [0, 0])), "the shape of 'a0' is too large"),
        (entries(([2**60], [0, 4])), "the shape of 'a0' is too large"),
        (entries(([2**60 - 1], [0, 4])), f"'a0' should take {2**62 - 4} bytes, but takes 4"),
        (entries(([1] * 33, [0, 4])), "the shape of 'a0' is none"),
        (entries(([-1, -1], [0, 4])), "the shape of 'a0' is none"),
        (entries(([True], [0, 4])), "the shape of 'a0' is none"),
        (entries(([1.0], [0, 4])), "the shape of 'a0' is none"),
        (entries((1, [0, 4])), "the shape of 'a0' is none"),
        (entries(([1], [0, 2, 4])), "the place of 'a0' is none"),
        (entries(([1], None)), "the place of 'a0' is none"),
    ],
)
def test_places_that_make_no_sense_are_refused(path, header, message):
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(12))
    with pytest.raises(ModelFileError, match=message):
        Network.load(path)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ([], "does not describe 'a' by dtype, shape and place"),
        ({"dtype": "F32", "shape": [1]}, "does not describe 'a' by dtype, shape and place"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "x": 1}, "does not describe 'a' by dtype, shape and"),
        ({"dtype": "F8", "shape": [1], "data_offsets": [0, 4]}, "the dtype of 'a' is not one of BOOL, U8, .*, F64"),
        ({"dtype": 32, "shape": [1], "data_offsets": [0, 4]}, "the dtype of 'a' is not one of"),
        ({"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}, "the dtype of 'a' is not one of"),
    ],
)
def test_what_describes_no_array_is_refused(path, described, message):
    header = json.dumps({"__metadata__": {model_file.KEY: "{}"}, "a": described}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ModelFileError, match=message):
        Network.load(path)


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_empty_arrays_may_stand_between_others(path, order):
    described = [([0], [0, 0]), ([1], [0, 4]), ([3, 0], [4, 4]), ([2], [4, 12])]
    header = entries(*(described[k] for k in order))
    path.write_bytes(content := len(header).to_bytes(8, "little") + header + np.arange(3, dtype=np.float32).tobytes())
    expected = safetensors.numpy.load(content)
    with tensor_file.TensorFile(path) as file:
        file.read_entries()
        assert file.entries.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(file.read(name), array, strict=True)


def test_an_array_may_have_as_many_axes_as_numpy_s_and_be_as_long_if_it_is_empty(path):
    header = entries(([1] * 32, [0, 4]), ([0, 2**60 - 1], [4, 4]))
    path.write_bytes(len(header).to_bytes(8, "little") + header + np.ones(1, np.float32).tobytes())
    with tensor_file.TensorFile(path) as file:
        file.read_entries()
        assert file.read("a0").shape == (1,) * 32
        assert file.read("a1").shape == (0, 2**60 - 1)


@pytest.mark.parametrize("n", [0, 7, 8])
def test_a_file_with_no_room_for_a_header_is_refused(path, n):
    path.write_bytes(bytes(n))
    with pytest.raises(ModelFileError, match=f"it has {n} bytes, and even an empty one has more"):
        Network.load(path)


def test_a_header_that_ends_as_it_begins_is_refused(path):
    path.write_bytes((1).to_bytes(8, "little") + b"{")
    with pytest.raises(ModelFileError, match="its header cannot be read"):
        Network.load(path)
    path.write_bytes((2).to_bytes(8, "little") + b"{")
    with pytest.raises(ModelFileError, match="its header should be 2 bytes long, but the whole file has 9"):
        Network.load(path)


@pytest.mark.parametrize("metadata", [["rnnbp"], {"rnnbp": 3}, {"rnnbp": "{}", "sha256": None}])
def test_metadata_that_are_no_texts_are_refused(path, metadata):
    header = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError, match="the metadata in its header are no texts"):
        Network.load(path)


def test_a_header_without_end_is_not_read(path, saved, monkeypatch):
    monkeypatch.setattr(tensor_file, "LONGEST_HEADER", 100)
    with pytest.raises(ModelFileError, match=r"its header should be \d+ bytes long"):
        Network.load(path)


def test_a_header_is_no_longer_than_the_safetensors_package_reads(path):
    with open(path, "wb") as file:
        file.write((100_000_001).to_bytes(8, "little") + b"{")
        file.truncate(8 + 100_000_001)  # of which the disk holds next to nothing
    with pytest.raises(safetensors.SafetensorError, match=r"(?i)header ?too ?large"):
        safetensors.safe_open(path, "np")
    with pytest.raises(ModelFileError, match="its header should be 100000001 bytes long"):
        Network.load(path)


@pytest.mark.parametrize("text", ["a text, and no model", "short one"])
def test_a_text_is_said_to_be_no_model_file(path, text):
    path.write_text(text)
    with pytest.raises(ModelFileError, match=r"is no model file, .* it is no safetensors file"):
        rnnbp.load(path)


def test_nothing_is_drawn_that_will_be_overwritten(path, saved, monkeypatch):
    monkeypatch.setattr(Parameters, "initialize", lambda *_: pytest.fail("it is drawn"))
    assert Network.load(path).theta.tobytes() == saved.theta.tobytes()
    assert pickle.loads(pickle.dumps(saved)).theta.tobytes() == saved.theta.tobytes()


CALLED = []


class Bystander(Configurable):
    """One of the classes that a program has loaded."""

    def __init__(self, text="x"):
        CALLED.append(text)


@pytest.mark.parametrize(
    "layer",
    [
        {"class": "Bystander", "text": "run"},
        DENSE | {"n_inputs": {"class": "Bystander", "text": "run"}},
        DENSE | {"weight_initializer": {"class": "Bystander", "text": "run"}},
        {"class": "GRU", "n_inputs": 3, "n_hidden": 2, "gradient": {"class": "Bystander"}},
        {"class": "GRU", "n_inputs": 3, "n_hidden": 2, "gradient": DENSE},
        {"class": "Activation", "name": [{"class": "Bystander"}]},
    ],
)
def test_only_what_is_allowed_in_its_place_is_called(path, saved, layer):
    rewrite(path, layers=[layer])
    with pytest.raises(ModelFileError, match=r"unknown|these settings do not make|does not take"):
        Network.load(path)
    assert CALLED == []


class Wrapping(layers.Layer):
    """A layer of a user's own, which does not say what it holds."""

    def __init__(self, schedule, width: "Unheard" = 1):  # noqa: F821
        self.schedule, self.width = schedule, width

    def output_width(self, input_width):
        return input_width

    forward = backward = None


def test_what_could_not_be_loaded_is_not_saved(path):
    with pytest.raises(ValueError, match=r"Wrapping holds Zeros\(\) in schedule.*write schedule: Initializer"):
        Network([Wrapping(Zeros())]).save(path)
    assert not path.exists()


ODD = {
    "deep": "[" * 5000 + "]" * 5000,
    "a long number": "9" * 5000,
    "a large number": "1" + "0" * 400,
    "NaN": "NaN",
    "infinite": "1e999",
    "half a character": '"\\ud800"',
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("field", ["layers", "seed", "dtype", "metadata", "format_version", "n_inputs"])
def test_odd_json_is_refused_in_our_words(path, saved, name, field):
    arrays, description = model_file.read(path)
    text = json.dumps({"format_version": FORMAT_VERSION, **description})
    present = {
        "layers": "[{",
        "metadata": "{}",
        "n_inputs": "3",
        "seed": "0",
        "dtype": '"float32"',
        "format_version": "2",
    }
    old, new = f'"{field}": {present[field]}', f'"{field}": {ODD[name]}'
    if field == "layers":
        new += ', "x": [{'
    assert old in text
    text = text.replace(old, new, 1)
    metadata = {model_file.KEY: text, model_file.HASH: digest(text, arrays)}
    path.write_bytes(safetensors.numpy.save(arrays, metadata=metadata))
    with pytest.raises(ModelFileError, match=r"model\.rnnbp"):
        Network.load(path)


def test_what_is_read_here_is_read_by_safetensors_too(path, saved):
    """The header is checked by code of our own; it takes nothing that the library refuses."""
    rng = np.random.default_rng(0)
    whole = path.read_bytes()
    n_read = 0
    for _ in range(3000):
        content = bytearray(whole)
        at = int(rng.integers(8, 400))
        drawn = rng.choice(np.frombuffer(b'0123456789,]["F x', np.uint8), size=rng.integers(0, 3))
        content[at : at + int(rng.integers(0, 3))] = drawn.tobytes()
        content[:8] = (int.from_bytes(whole[:8], "little") + len(content) - len(whole)).to_bytes(8, "little")
        path.write_bytes(content)
        try:
            with tensor_file.TensorFile(path) as file:
                file.read_entries()
        except tensor_file.DamagedError:
            continue
        n_read += 1
        safetensors.numpy.load(bytes(content))
    assert n_read > 100


@pytest.mark.parametrize(("depth", "fits"), [(90, True), (110, False)])
def test_metadata_may_be_nested_but_not_without_end(path, depth, fits):
    nested = []
    for _ in range(depth):
        nested = [nested]
    net = Network([layers.Dense(3, 2)])
    if fits:
        net.save(path, metadata={"nested": nested})
        assert Network.load(path).metadata == {"nested": nested}
    else:
        with pytest.raises(ValueError, match=r"cannot be written as JSON: it is nested more than 100 levels deep"):
            net.save(path, metadata={"nested": nested})
