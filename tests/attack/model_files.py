"""Damaged and forged model files: refused with `ModelFileError` or `CheckpointError`, or what they hold works.

A saved network, estimator or checkpoint is changed, in one of two ways. *Damaged* files have lost what they were (bits,
cuts, pieces moved): each must be refused, whatever it was. *Forged* files are made by somebody who knows the format:
parts of the description, the header or the arrays are replaced, and the hash is made right again. These may load, but
then what was loaded must work, and no error may be any but ours. Damaged files of format 1, which has no hash, count as
forged.
"""

import functools
import json
import struct
import sys
import tempfile
import time
import tracemalloc
import warnings
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import rnnbp
from rnnbp import (
    Checkpoint,
    CheckpointError,
    CTCTranscriber,
    MLPClassifier,
    MLPRegressor,
    ModelFileError,
    Network,
    NonFiniteError,
    RNNClassifier,
    RNNForecaster,
    RNNRegressor,
    RNNTagger,
    VotingTranscriber,
    fit,
    gradients,
    initializers,
    layers,
    optimizers,
)
from rnnbp.audio import AudioError, AudioFeatures
from rnnbp.files import tensor_file
from rnnbp.files.model_file import HASH, KEY
from rnnbp.preprocessing import PadOrTruncate, PerFrame, SequenceScaler, SlidingWindow

from . import harness
from .harness import Fault, Limits

LIMITS = Limits(seconds=1.0, megabytes=50.0, batch=5000)
TEXT = gradients.BPTT(compiled=False)
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(20, 3))
GAPS = np.where(np.eye(20, 3) > 0, np.nan, TABLE)
RAGGED = [RNG.normal(size=(length, 2)).astype(np.float32) for length in RNG.integers(1, 6, size=20)]
WAVES = [RNG.normal(0, 0.1, 1000) for _ in range(20)]
NAMES = np.array(["one", "two", "three"])[np.arange(20) % 3]
WEIGHTS = {"one": 2.0, "two": 1.0, "three": 0.5}
RECURRENT = {"hidden_layer_sizes": (4,), "max_iter": 2, "gradient": TEXT, "random_state": 0}
STATIC = {"hidden_layer_sizes": (4, 3), "max_iter": 2, "activation": ("tanh", "relu"), "random_state": 0}

NETWORKS = {
    "dense": lambda: [layers.Dense(3, 5, weight_initializer="he"), layers.Activation("gelu"), layers.LayerNorm(5)],
    "chrono": lambda: [layers.LSTM(2, 3, bias_initializer=initializers.Chrono(20), gradient=TEXT), layers.LastStep()],
    "gru": lambda: [layers.GRU(2, 3, bidirectional=True, gradient=TEXT), layers.Dropout(0.2), layers.Dense(6, 1)],
    "jordan": lambda: [layers.Jordan(2, 3, n_outputs=2, feedback_activation="softmax", gradient=gradients.RTRL())],
    "truncated": lambda: [layers.Elman(2, 3, gradient=gradients.TruncatedBPTT(2, 4)), layers.MeanOverTime()],
}
ESTIMATORS = {
    MLPClassifier: lambda: MLPClassifier(class_weight={"one": 2.0, "two": 1.0, "three": 0.5}, **STATIC).fit(
        TABLE, NAMES
    ),
    MLPRegressor: lambda: MLPRegressor(solver=optimizers.RMSprop(0.01), **STATIC).fit(TABLE, TABLE[:, :2]),
    RNNClassifier: lambda: RNNClassifier(**RECURRENT).fit(RAGGED, NAMES),
    RNNRegressor: lambda: RNNRegressor(n_iter_no_change=np.inf, **RECURRENT).fit(RAGGED, RAGGED),
    RNNTagger: lambda: RNNTagger(**RECURRENT).fit(RAGGED, [x[:, 0] > 0 for x in RAGGED]),
    RNNForecaster: lambda: RNNForecaster(window=4, **RECURRENT).fit(TABLE.T),
    CTCTranscriber: lambda: CTCTranscriber(
        hidden_layer_sizes=(4,), stride=1, width=2, max_iter=1, language_model=2, lexicon=True, random_state=0
    ).fit(RAGGED, ["a b" if len(x) > 2 else "a" for x in RAGGED]),
    VotingTranscriber: lambda: VotingTranscriber(
        CTCTranscriber(hidden_layer_sizes=(4,), stride=1, width=2, max_iter=1, language_model=2), 2, random_state=0
    ).fit(RAGGED, ["a b" if len(x) > 2 else "a" for x in RAGGED]),
}


PIPELINES = {
    "pipeline": lambda: make_pipeline(
        SequenceScaler(),
        PerFrame(make_pipeline(StandardScaler(), PCA(2))),
        SlidingWindow(2),
        RNNClassifier(**RECURRENT),
    ).fit(RAGGED, NAMES),
    "sound": lambda: make_pipeline(AudioFeatures(8000, n_mels=4), RNNClassifier(**RECURRENT)).fit(WAVES, NAMES),
    "transformers": lambda: make_pipeline(
        SimpleImputer(),
        make_union(RobustScaler(), PowerTransformer()),
        VarianceThreshold(),
        QuantileTransformer(n_quantiles=9),
    ).fit(TABLE),
    "columns": lambda: (
        make_pipeline(
            ColumnTransformer(
                [("some", make_pipeline(SimpleImputer(), PCA(1)), [0, 2])], remainder=SimpleImputer(add_indicator=True)
            ),
            FunctionTransformer(),
            Normalizer(),
            MLPClassifier(**STATIC),
        )
        .set_output(transform="default")
        .fit(GAPS, NAMES)
    ),
    "rows": lambda: make_pipeline(
        PadOrTruncate(3, flatten=True), make_union(StandardScaler(), "passthrough"), MLPClassifier(**STATIC)
    ).fit(RAGGED, NAMES),
}


# -- what is attacked --------------------------------------------------------------------------------------------------


class Broken(Exception):
    """Ends a training run in its middle."""


class Breaking(Checkpoint):
    """Breaks a run off after so many updates."""

    def __init__(self, path, n_updates):
        super().__init__(path, every_seconds=0.0)
        self.n_updates = n_updates

    def write(self, arrays, values):
        super().write(arrays, values)
        self.n_updates -= 1
        if self.n_updates < 0:
            raise Broken


def static_run(checkpoint):
    stack = [layers.Dense(3, 4), layers.Dropout(0.3), layers.Dense(4, 1)]
    net = Network(stack, compiled=False)
    fit(
        net,
        TABLE,
        TABLE[:, :1],
        loss="mean_squared_error",
        optimizer=optimizers.Adam(optimizers.schedules.reduce_on_plateau(0.01)),
        max_epochs=3,
        batch_size=8,
        averaging=optimizers.ExponentialAverage(0.9),
        augment=lambda example, rng: example + rng.normal(scale=0.1, size=example.shape),
        validation_data=(TABLE[:5], TABLE[:5, :1]),
        checkpoint=checkpoint,
        progress=False,
    )
    return net


def chunked_run(checkpoint):
    net = Network([layers.GRU(2, 3, gradient=TEXT), layers.Dense(3, 2)], compiled=False)
    options = {"loss": "mean_squared_error", "optimizer": "rmsprop", "max_epochs": 2, "batch_size": 9}
    fit(net, RAGGED, RAGGED, chunk_length=2, checkpoint=checkpoint, progress=False, **options)
    return net


RUNS = {"static": (static_run, 7), "chunked": (chunked_run, 4)}


def use_network(path):
    net = loaded(Network.load, path)
    net.compiled = False
    x = np.zeros((4, 2, net.n_inputs or 1)) if net.is_recurrent else np.zeros((2, net.n_inputs or 1))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of huge or lost numbers: `load` has warned
        y = net.forward(x)
    if y.shape[-1] != net.n_outputs:
        raise Fault(f"an output of shape {y.shape} of {net.n_outputs} units")


def use_estimator(cls, path):
    estimator = loaded(cls.load, path)
    networks = [each.network_ for each in getattr(estimator, "estimators_", [estimator])]
    for net in networks:
        net.compiled = False
    repr(estimator)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        numbers = np.concatenate([net.theta for net in networks])
        small = bool(np.isfinite(numbers).all()) and np.abs(numbers).max() < 1e9
        # outputs that are no numbers are refused as inputs in closed loop, and as logits of a search
        refused = cls in (RNNForecaster, CTCTranscriber, VotingTranscriber) and not small
        with suppress(ValueError) if refused else nullcontext():
            if cls is RNNForecaster:
                estimator.predict(h=2)
            else:
                x = TABLE if cls in (MLPClassifier, MLPRegressor) else RAGGED
                estimator.predict([a[:, : networks[0].n_inputs] for a in x] if x is RAGGED else x)


def use_pipeline(x, path):
    pipeline = loaded(rnnbp.load, path)
    repr(pipeline)
    if isinstance(pipeline, Network):  # it is one without the description of the rest
        return
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        # what goes in may not be what it was made for, and is refused then
        with suppress(ValueError, TypeError, AudioError):
            (pipeline.predict if hasattr(pipeline, "predict") else pipeline.transform)(x)


def use_checkpoint(run, path):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with suppress(NonFiniteError):  # of forged numbers
            run(path)


def loaded(load, path):
    """Return what is loaded; let it be said that numbers in it are none, or that another scikit-learn wrote it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the network in .* holds NaN", category=RuntimeWarning)
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        return load(path)


@functools.cache
def bases():
    """Return what is attacked: by name the content of a good file, and what uses one."""
    found = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "good")
        for name, stack in NETWORKS.items():
            Network(stack()).save(path, metadata={"classes": ["a", "b"], "nested": {"x": [1, 2.5, None]}})
            found[f"network {name}"] = path.read_bytes(), use_network
        for cls, make in ESTIMATORS.items():
            make().save(path)
            found[cls.__name__] = path.read_bytes(), functools.partial(use_estimator, cls)
        for name, make in PIPELINES.items():
            rnnbp.save(make(), path)
            x = {"sound": WAVES, "transformers": TABLE, "columns": GAPS}.get(name, RAGGED)
            found[name] = path.read_bytes(), functools.partial(use_pipeline, x)
        for name, (run, n_updates) in RUNS.items():
            path.unlink()
            with suppress(Broken):
                run(Breaking(path, n_updates))
            found[f"checkpoint {name}"] = path.read_bytes(), functools.partial(use_checkpoint, run)
    return found


# -- the format --------------------------------------------------------------------------------------------------------


def taken_apart(content):
    """Return header, description and numbers."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    return header, json.loads(header["__metadata__"][KEY]), content[8 + length :]


def put_together(header, description, numbers, *, seal=True):
    """Return a file, with a hash that is right if there can be one."""
    text = filled(json.dumps(description))
    header = {**header, "__metadata__": {**header["__metadata__"], KEY: text}}
    encoded = encode(header)
    if seal:
        hashed = sealed(encoded + numbers, text)
        if hashed is not None:
            header["__metadata__"][HASH] = hashed
            encoded = encode(header)
    return encoded + numbers


def encode(header):
    text = filled(json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text


def sealed(content, text):
    """Return the hash that a file should have, or None if its arrays make no sense."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            with tensor_file.TensorFile(file.name) as opened:
                opened.read_entries()
                return opened.digest(text)
        except ValueError:
            return None


# What no Python object can be written as: it is put into the text.
DEEP, WIDE, LONG = "DEEP!", "WIDE!", "LONG!"


def filled(text):
    for marker, content in ((DEEP, "[" * 3000 + "]" * 3000), (WIDE, "[" + "0," * 3000 + "0]"), (LONG, "9" * 4000)):
        text = text.replace(f'"{marker}"', content).replace(f'\\"{marker}\\"', content)
    return text


ODD = [
    None, True, False, 0, 1, -1, 2, 3, 7, 255, 2**31, 2**63, 2**64, 10**30, 10**300, 0.5, -0.5, 1e-300, 1e308,
    float("nan"), float("inf"), "", "x", "x" * 3000, "\ud800", "\0", "Dense", "tanh", "nan", "float32", "object",
    "S200000000", "U200000000", "<f8", DEEP, WIDE, LONG, [], {}, [[]], [None], [1, 2], {"class": "GRU"},
    {"class": "Dense", "n_inputs": 15000, "n_outputs": 15000}, {"class": "EarlyStopping", "patience": 3},
    {"class": "Configurable"}, {"class": "Layer"}, {"class": "BPTT"}, {"class": "Chrono", "longest": "x"},
    {"class": {"class": "Dense"}}, {"class": "Adam", "learning_rate": {"class": "constant", "rate": 1}},
    {"array": [1, 2], "dtype": "S200000000"}, {"array": ["", "x"], "dtype": "<U200000000"},
    {"array": [[1], [2, 3]], "dtype": "<f8"}, {"array": [], "dtype": "<f8", "shape": [0, 2**62]},
    {"array": [1e300], "dtype": "<f4"}, {"array": [300], "dtype": "|i1"}, {"array": 3, "dtype": "<f8"},
    {"array": {"tuple": []}, "dtype": "object"}, {"tuple": 3}, {"tuple": []}, {"mapping": [[[], 1]]}, {"mapping": 3},
    {"mapping": [[1]]}, {"float": "nan"}, {"float": "one"}, {"float": 1}, {"configurable": 1},
    {"configurable": {"class": "EarlyStopping", "patience": 1}}, {"configurable": {"class": "BPTT", "compiled": 7}},
]  # fmt: skip


# -- damage ------------------------------------------------------------------------------------------------------------


def bits(content, rng):
    end = len(content) if rng.random() < 0.5 else min(len(content), 400)
    for at in rng.integers(0, end, size=rng.integers(1, 8)):
        content[at] ^= 1 << rng.integers(8)


def one_bit(content, rng):
    content[rng.integers(len(content))] ^= 1 << rng.integers(8)


def cut(content, rng):
    del content[rng.integers(0, len(content)) :]


def append(content, rng):
    content += rng.bytes(int(rng.integers(1, 100)))


def remove(content, rng):
    at = int(rng.integers(0, len(content)))
    del content[at : at + int(rng.integers(1, 200))]


def splice(content, rng):
    other = list(bases().values())[rng.integers(len(bases()))][0]
    start, at = int(rng.integers(0, len(other))), int(rng.integers(0, len(content)))
    piece = other[start : start + int(rng.integers(1, 400))]
    content[at : at if rng.random() < 0.5 else at + len(piece)] = piece


def blank(content, rng):
    at = int(rng.integers(0, len(content)))
    n = min(int(rng.integers(1, 300)), len(content) - at)
    content[at : at + n] = bytes([int(rng.choice([0, 32, 48, 255]))]) * n


def length(content, rng):
    content[:8] = struct.pack("<Q", int(rng.choice([0, 1, 2, 7, 100, 2**31, 2**62])) + int(rng.integers(0, 3)))


DAMAGES = (bits, one_bit, cut, append, remove, splice, blank, length)


def damaged(content, rng):
    function = DAMAGES[rng.integers(len(DAMAGES))]
    changed = bytearray(content)
    function(changed, rng)
    return bytes(changed)


# -- forgery -----------------------------------------------------------------------------------------------------------


def places(tree):
    """Return each place of a tree: what holds it, and its key there."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from places(value)


def descent(tree, rng):
    """Return a place, found from above: most places are numbers of arrays, and what is above them is as interesting."""
    while True:
        keys = list(tree if isinstance(tree, dict) else range(len(tree)))
        key = keys[rng.integers(len(keys))]
        below = tree[key]
        if not isinstance(below, (dict, list)) or not below or rng.random() < 0.2:
            return tree, key
        tree = below


def edit(tree, rng):
    """Change a tree at one place, in any way."""
    if not tree:
        return
    found = list(places(tree))
    holder, key = descent(tree, rng) if rng.random() < 0.7 else found[rng.integers(len(found))]
    kind = rng.random()
    if kind < 0.6:
        holder[key] = json.loads(json.dumps(ODD[rng.integers(len(ODD))]))
    elif kind < 0.7:
        del holder[key]
    elif kind < 0.8:
        other, its_key = found[rng.integers(len(found))]
        if its_key in other if isinstance(other, dict) else its_key < len(other):
            holder[key] = json.loads(json.dumps(other[its_key]))
    elif kind < 0.9 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
        holder[key] = holder[key] * int(rng.choice([-1, 2, 1000])) + int(rng.integers(-1, 2))
    elif isinstance(holder, dict):
        names = [name for _, name in found if isinstance(name, str)]
        holder[names[rng.integers(len(names))]] = holder.pop(key)
    else:
        holder.insert(int(rng.integers(0, len(holder) + 1)), holder[key])


def forged_description(content, rng):
    header, description, numbers = taken_apart(content)
    inner = description.get("checkpoint")
    if isinstance(inner, str) and rng.random() < 0.8:
        inner = json.loads(inner)
        for _ in range(rng.integers(1, 4)):
            edit(inner, rng)
        description["checkpoint"] = filled(json.dumps(inner))
    else:
        metadata = one_network(description, rng).get("metadata", {})
        inner = description.get("part", metadata.get("part", metadata.get("estimator", description)))
        for _ in range(rng.integers(1, 4)):
            edit(inner if rng.random() < 0.8 else description, rng)
    return put_together(header, description, numbers)


def forged_value(content, rng):
    """Replace one setting, fitted attribute or value as a whole."""
    header, description, numbers = taken_apart(content)
    net = one_network(description, rng)
    estimator, run = net.get("metadata", {}).get("estimator"), description.get("checkpoint")
    part = description.get("part", net.get("metadata", {}).get("part"))
    if part is not None:
        holder = some_part(part, rng)
        holder = holder.get("fitted" if rng.random() < 0.7 else "settings") or holder
    elif estimator is not None:
        holder = estimator["fitted" if rng.random() < 0.7 else "settings"]
    elif run is not None:
        run = json.loads(run)
        holder = run["values"]
    else:
        holder = net["layers"][rng.integers(len(net["layers"]))]
    keys = list(holder)
    holder[keys[rng.integers(len(keys))]] = ODD[rng.integers(len(ODD))]
    if run is not None:
        description["checkpoint"] = filled(json.dumps(run))
    return put_together(header, description, numbers)


def one_network(description, rng):
    """Return the description of a file's network, or of one of several that vote."""
    voters = description.get("voters")
    return description if voters is None else voters[rng.integers(len(voters))]


def some_part(part, rng):
    """Return a part of a pipeline, from any depth."""
    found, rest = [], [part]
    while rest:
        value = rest.pop()
        if isinstance(value, dict) and "settings" in value:
            found.append(value)
        rest += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return found[rng.integers(len(found))]


def forged_header(content, rng):
    header, description, numbers = taken_apart(content)
    metadata = header.pop("__metadata__")
    for _ in range(rng.integers(1, 3)):
        edit(header, rng)
    if rng.random() < 0.2:
        edit(metadata, rng)
        header["__metadata__"] = metadata
        return encode(header) + numbers
    header["__metadata__"] = metadata
    return put_together(header, description, numbers)


def forged_arrays(content, rng):
    """Give one array other numbers, another dtype or another shape, and make all else right."""
    header, description, numbers = taken_apart(content)
    names = [name for name in header if name != "__metadata__"]
    if not names:
        return content
    chosen, parts, at = names[rng.integers(len(names))], [], 0
    arrays = {}
    for name in names:
        start, stop = header[name]["data_offsets"]
        dtype = tensor_file.DTYPES[header[name]["dtype"]]
        arrays[name] = np.frombuffer(numbers[start:stop], dtype).reshape(header[name]["shape"])
    array = arrays[chosen]
    kind = rng.integers(7)
    if kind == 0:
        array = array.astype(rng.choice(["<f2", "<f4", "<f8", "<i8", "|b1"]))
    elif kind == 1:
        array = array.reshape(-1)[: rng.integers(0, array.size + 1)]
    elif kind == 2:
        array = array[None] if rng.random() < 0.5 else array.reshape(-1, 1)
    elif kind == 3 and array.dtype.kind == "f":
        array = np.full_like(array, rng.choice([np.nan, np.inf, 1e30, 0, -1e30]))
    elif kind == 4:
        array = np.zeros(tuple(rng.integers(0, 5, size=rng.integers(0, 4))), array.dtype)
    elif kind == 5:
        chosen = str(rng.choice(["0.weight", "history.loss", "history.colour", "carried.0.h", "x", "best", "sums"]))
    else:
        arrays.pop(chosen)
        chosen = None
    if chosen is not None:
        arrays[chosen] = array
    of_dtype = {np.dtype(text): name for name, text in tensor_file.DTYPES.items()}
    rebuilt = {"__metadata__": header["__metadata__"]}
    for name, each in arrays.items():
        part = np.ascontiguousarray(each).tobytes()
        place = [at, at + len(part)]
        rebuilt[name] = {"dtype": of_dtype[each.dtype], "shape": list(each.shape), "data_offsets": place}
        parts.append(part)
        at += len(part)
    return put_together(rebuilt, description, b"".join(parts))


def old_format(content, rng):
    """Damage a file that has no hash, in its numbers or its description."""
    header, description, numbers = taken_apart(content)
    header["__metadata__"].pop(HASH)
    description["format_version"] = 1
    if rng.random() < 0.5:
        edit(description, rng)
        return put_together(header, description, numbers, seal=False)
    return damaged(put_together(header, description, numbers, seal=False), rng)


def small(content, rng):
    """Make a small file that asks for much."""
    n, m = (int(rng.choice([1, 3, 1000, 15000, 2**20, 2**31, 2**40])) for _ in range(2))
    kinds = [
        {"class": "Dense", "n_inputs": n, "n_outputs": m},
        {"class": "LSTM", "n_inputs": n, "n_hidden": m},
        {"class": "GRU", "n_inputs": n, "n_hidden": m, "bidirectional": True},
        {"class": "Embedding", "n_symbols": n, "n_features": m},
        {"class": "LayerNorm", "n_features": n},
        {"class": "Elman", "n_inputs": n, "n_hidden": m, "recurrent_initializer": {"class": "Identity"}},
    ]
    stack = [kinds[rng.integers(len(kinds))] for _ in range(rng.integers(1, 3))]
    version = int(rng.integers(1, 3))
    description = {"format_version": version, "layers": stack, "dtype": "float32", "seed": 0, "metadata": {}}
    header = {"__metadata__": {}}
    if rng.random() < 0.5:
        header["0.weight"] = {"dtype": "F32", "shape": [n, m], "data_offsets": [0, 4 * n * m]}
    return put_together(header, description, b"", seal=version == 2)


FORGERIES = (forged_description, forged_value, forged_header, forged_arrays, old_format, small)


# -- cases -------------------------------------------------------------------------------------------------------------


def forged(seed):
    """Return what a seed stands for: what is attacked, how, whether it must be refused, the content, and its use."""
    rng = np.random.default_rng(seed)
    names = list(bases())
    name = names[rng.integers(len(names))]
    content, use = bases()[name]
    if rng.random() < 0.4:
        changed = damaged(content, rng)
        return name, "damaged", changed != content, changed, use
    function = FORGERIES[rng.integers(len(FORGERIES))]
    return name, function.__name__.replace("_", " "), False, function(content, rng), use


def case(seed, folder):
    attacked, way, must_fail, content, use = forged(seed)
    path = folder / "model.rnnbp"
    path.write_bytes(content)
    memory, started = harness.Memory(), time.process_time()
    try:
        use(path)
    except (ModelFileError, CheckpointError) as error:
        seconds, megabytes = time.process_time() - started, memory.most()
        for name, value in (("seconds", seconds), ("megabytes", megabytes)):
            if value > WORST[name][0]:
                WORST[name] = value, seed
        if str(path) not in str(error):
            raise Fault(f"the message does not name the file: {error}") from error
        if len(str(error)) > 3000:
            raise Fault(f"a message of {len(str(error))} characters: {str(error)[:200]}") from error
        return f"{way}: refused"
    finally:
        path.unlink(missing_ok=True)
    if must_fail:
        raise Fault(f"a damaged file was read ({attacked})")
    return f"{way}: read"


WORST = {"seconds": (0.0, None), "megabytes": (0.0, None)}  # of files that were refused, in this process


def attack(n, seed=0, *, trace=True):
    """Use n files in this process; return figures, and what was wrong under "faults".

    Memory is known if it is traced, which makes everything take about three times as long.
    """
    findings = harness.Findings()
    WORST.update(seconds=(0.0, None), megabytes=(0.0, None))
    with tempfile.TemporaryDirectory() as folder:
        bases()
        harness.run_case(case, seed, Path(folder), LIMITS)  # imports are no case's
        WORST.update(seconds=(0.0, None), megabytes=(0.0, None))
        if trace:
            tracemalloc.start()
        for each in range(seed, seed + n):
            findings.add(harness.run_case(case, each, Path(folder), LIMITS))
        tracemalloc.stop()
    return {
        "cases": findings.n_cases,
        "outcomes": dict(findings.outcomes),
        "faults": findings.faults,
        "refused, slowest (s, seed)": WORST["seconds"],
        "refused, largest (MB, seed)": WORST["megabytes"],
    }


if __name__ == "__main__":  # python -m tests.attack.model_files 1000 0
    n_cases, first = map(int, sys.argv[1:])
    print(json.dumps(attack(n_cases, first), indent=1))
