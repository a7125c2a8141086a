"""Fitted estimators and pipelines, exported as they are: compared with their own predictions."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

import rnnbp
from rnnbp import layers
from rnnbp.audio import AudioFeatures
from rnnbp.interop import InteropError, c, onnx
from rnnbp.interop.c.exporting import render
from rnnbp.interop.scaling import unscaled
from rnnbp.interop.whole import whole
from rnnbp.preprocessing import SequenceScaler

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]
RNG = np.random.default_rng(0)
ROWS = 20 + 5 * RNG.normal(size=(60, 3))
SEQUENCES = [20 + 5 * RNG.normal(size=(n, 3)) for n in RNG.integers(4, 9, 30)]
Y = 300 + 50 * RNG.normal(size=60)
BRIEF = {"max_iter": 3, "random_state": 0}


def of_scaled(regressor, transformer=None):
    return TransformedTargetRegressor(regressor, transformer=StandardScaler() if transformer is None else transformer)


STATIC, RECURRENT = rnnbp.MLPRegressor(4, **BRIEF), rnnbp.RNNRegressor(4, **BRIEF)
MODELS = {
    "rows": (make_pipeline(StandardScaler(), of_scaled(STATIC)), ROWS, Y),
    "outside": (of_scaled(make_pipeline(MinMaxScaler(), "passthrough", STATIC), MinMaxScaler((-1, 1))), ROWS, Y),
    "two outputs": (of_scaled(STATIC, StandardScaler(with_mean=False)), (ROWS - 20) / 5, np.column_stack([Y, -3 * Y])),
    "twice": (of_scaled(of_scaled(STATIC, MaxAbsScaler())), (ROWS - 20) / 5, Y),
    "sequences": (make_pipeline(SequenceScaler(), of_scaled(RECURRENT)), SEQUENCES, Y[:30]),
    "classes": (make_pipeline(SequenceScaler(), rnnbp.RNNClassifier(4, **BRIEF)), SEQUENCES, np.arange(30) % 3),
    "alone": (rnnbp.RNNClassifier(4, **BRIEF), [(x - 20) / 5 for x in SEQUENCES], np.arange(30) % 3),
}


@pytest.mark.parametrize(("model", "x", "y"), MODELS.values(), ids=MODELS)
def test_a_model_s_predictions_are_its_network_s_outputs(model, x, y):
    net, features, _ = whole(model.fit(x, y))
    assert features is None
    outputs = np.stack([net.forward(each[:, None])[0] for each in x]) if net.is_recurrent else net.forward(x)
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(outputs.argmax(axis=1), model.predict(x))
    else:
        np.testing.assert_allclose(outputs.reshape(np.shape(y)), model.predict(x), rtol=1e-9)


@pytest.mark.parametrize("name", ["rows", "sequences", "alone"])
def test_onnx_runtime_and_a_compiler_run_them(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(3)
    model, x, y = MODELS[name]
    model.fit(x, y)
    onnx.export(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession((tmp_path / "model.onnx").read_bytes())
    for k in (0, 7):
        given = {"x": np.float32(x[k : k + 1])}
        if isinstance(x, list):
            given = {"x": np.float32(x[k])[:, None], "lengths": np.int32([len(x[k])])}
        y = session.run(["y"], given)[0][0]
        if hasattr(model, "classes_"):
            np.testing.assert_allclose(np.exp(y) / np.exp(y).sum(), model.predict_proba(x)[k], rtol=1e-4)
        else:
            np.testing.assert_allclose(y[0], model.predict(x)[k], rtol=1e-5)
    assert c.verify(model, x if isinstance(x, list) else [x]).relative < 1e-9


def test_a_header_says_what_goes_in_and_comes_out():
    model, x, y = MODELS["classes"]
    model.fit(x, np.array(["up", "*/ down", "wäits"])[y])
    model[0].feature_names_in_ = np.array(["pulse", "Größe", "a*/b"], object)
    text = render(model, "model")
    comment = text[: text.index("*/")]
    assert "input: 0 pulse, 1 Gr\\xf6\\xdfe, 2 a* /b, in the units of the table" in comment
    assert "the largest is the class: 0 '* / down', 1 'up', 2 'w\\xe4its'" in comment
    assert "input:" not in render(rnnbp.Network([layers.Dense(2, 2)]), "model")


@pytest.mark.parametrize(
    ("model", "y", "said"),
    [
        (rnnbp.MLPClassifier(4, **BRIEF), np.array(["no", "yes"])[np.arange(60) % 2],
         "output: a score x: 'yes' where it is above 0, else 'no'; 'yes' has the probability 1 / (1 + exp(-x))"),
        (rnnbp.MLPClassifier(4, **BRIEF), (ROWS > 20).astype(int),
         "outputs: one score for each label, which is there where it is above 0: 0 0, 1 1, 2 2"),
        (rnnbp.MLPClassifier(4, **BRIEF), np.arange(60) % 3,
         "outputs: scores, whose softmax is probabilities; the largest is the class: 0 0, 1 1, 2 2"),
        (rnnbp.MLPRegressor(4, loss="poisson", **BRIEF), np.arange(60),
         "outputs: 1 logarithms of the counts that are expected"),
        (STATIC, np.column_stack([Y, Y]) / 300, "outputs: 2 predicted, in the units of the labels"),
    ],
)  # fmt: skip
def test_what_comes_out_is_said(model, y, said):
    assert whole(model.fit((ROWS - 20) / 5, y)).notes[1] == said


def test_what_a_network_alone_gives_is_said():
    assert whole(rnnbp.Network([layers.Dense(2, 3)])).notes == [
        "input: 2 features, in the units that the model was fitted to",
        "outputs: 3 of the last layer; a network alone does not say what they mean",
    ]


def test_a_transcriber_of_frames_is_its_network_and_one_of_sound_is_more():
    transcriber = rnnbp.CTCTranscriber(None, hidden_layer_sizes=4, stride=1, max_iter=1, random_state=0)
    transcriber.fit([x / 20 for x in SEQUENCES], ["ab", "b"] * 15)
    assert "probabilities: 0 blank, 1 'a', 2 'b'" in whole(transcriber).notes[1]
    transcriber.sample_rate = 8000.0
    with pytest.raises(InteropError, match="CTCTranscriber is more than its network: it makes features of sound"):
        whole(transcriber)


def test_many_classes_take_several_lines():
    y = np.arange(60) % 30
    text = render(rnnbp.MLPClassifier(4, **BRIEF).fit((ROWS - 20) / 5, y), "model")
    assert max(map(len, text[: text.index("*/")].splitlines())) <= 122  # as its other lines
    assert "29 29" in text


def test_recordings_go_through_a_pipeline_that_begins_with_features(tmp_path):
    waves = [RNG.normal(0, 0.1, 3000) for _ in range(6)]
    model = make_pipeline(AudioFeatures(8000, n_mels=10), rnnbp.RNNClassifier(4, **BRIEF)).fit(waves, [0, 1] * 3)
    assert "model_listen" in render(model, "model")
    assert "samples from -1 to 1, 8000 in a second" in render(model, "model")
    assert c.verify(model, waves[:2], dtype="float32").relative < 1e-3
    with pytest.raises(ValueError, match="features must be None where the model begins with AudioFeatures"):
        render(model, "model", features=AudioFeatures(8000, n_mels=10))
    pytest.importorskip("onnx")
    with pytest.raises(InteropError, match="only a C header computes audio features"):
        onnx.export(model, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("model", "y", "kind", "message"),
    [
        (PCA(2), None, TypeError, "net must be a Network, or a fitted estimator or pipeline that has one, but PCA was"),
        (make_pipeline(PCA(2), STATIC), Y / 300, InteropError, r"a step before the network .* hold: PCA\("),
        (of_scaled(STATIC, RobustScaler()), Y, InteropError, r"a step after the network .* hold: RobustScaler\("),
        (make_pipeline(MinMaxScaler(clip=True), STATIC), Y / 300, InteropError, "a step before"),
        (
            of_scaled(rnnbp.MLPRegressor(4, loss="poisson", **BRIEF), MaxAbsScaler()),
            np.abs(Y),
            InteropError,
            "scales the exp of the outputs, which no layer can absorb",
        ),
        (TransformedTargetRegressor(STATIC), Y / 300, InteropError, "a step after the network"),
        (
            of_scaled(STATIC),
            1e9 + Y,
            InteropError,
            "absorbed by layer 2, Dense.* in float32 rounding would change .*64",
        ),
    ],
    ids=["transformer", "before", "after", "clipped", "poisson", "function", "rounding"],
)
def test_what_a_network_alone_cannot_do_is_refused(model, y, kind, message):
    model.fit((ROWS - 20) / 5, y)
    with pytest.raises(kind, match=message):
        whole(model, dtype="float32")


def test_what_is_not_fitted_is_refused():
    with pytest.raises(TypeError, match="fitted estimator or pipeline that has one, but TransformedTargetRegressor"):
        whole(of_scaled(rnnbp.MLPRegressor(4)))


@pytest.mark.parametrize("last", [layers.Activation("tanh"), layers.LayerNorm(3)], ids=repr)
def test_only_a_dense_layer_scales_outputs(last):
    with pytest.raises(InteropError, match=r"cannot be absorbed by layer 1, .*it is no Dense layer"):
        unscaled(rnnbp.Network([layers.Dense(3, 3), last]), np.zeros(3), np.ones(3))
    with pytest.raises(ValueError, match="mean and scale must be 3 finite numbers"):
        unscaled(rnnbp.Network([layers.Dense(3, 3)]), np.zeros(3), np.zeros(3))


class Doubled(layers.Dense):
    """A layer of one's own, with another output than a Dense layer of the same weights."""

    def forward(self, parameters, x, context):
        y, kept = super().forward(parameters, x, context)
        return 2 * y, kept


def test_a_layer_that_only_derives_from_dense_absorbs_no_scaling():
    with pytest.raises(InteropError, match=r"cannot be absorbed by layer 0, Doubled\(2, 1\): it is no Dense layer"):
        unscaled(rnnbp.Network([Doubled(2, 1)]), [300.0], [50.0])


def test_onnx_is_float32_unless_asked(tmp_path):
    files = pytest.importorskip("onnx")
    net = rnnbp.Network([layers.GRU(2, 3), layers.Dense(3, 1)], dtype="float64")
    for given, kind in (({}, files.TensorProto.FLOAT), ({"dtype": "float64"}, files.TensorProto.DOUBLE)):
        onnx.export(net, tmp_path / "net.onnx", **given)
        assert files.load(tmp_path / "net.onnx").graph.input[0].type.tensor_type.elem_type == kind
