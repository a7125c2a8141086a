"""What importing the library costs, what it offers, and that the examples in its docstrings hold."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rnnbp

HEAVY = (
    "dask", "distributed", "joblib", "keras", "librosa", "llvmlite", "matplotlib", "numba", "onnx", "onnxruntime",
    "pooch", "sklearn", "soundfile", "torch", "tqdm",
)  # fmt: skip
EXTRAS = ("keras", "onnx", "torch")  # packages that not everybody has, for the part of `rnnbp.interop` of that name


def loaded_by(statement):
    """Return which of the heavy packages a new process has loaded after a statement."""
    report = f"{statement}; import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_rnnbp_loads_nothing_heavy():
    assert loaded_by("import rnnbp") == set()


def test_other_programs_are_imported_only_when_they_are_used():
    assert loaded_by("from rnnbp.interop import c, keras, onnx, rtneural, torch, names, InteropError") <= {"llvmlite"}


def test_dask_is_imported_only_when_a_cluster_is_trained_on():
    made = "import rnnbp, rnnbp.distributed; net = rnnbp.Network([rnnbp.layers.Dense(2, 1)])"
    trained = f"{made}; rnnbp.fit(net, [[0, 1]], [[1]], loss='mean_squared_error', progress=False)"
    assert loaded_by(made) == set()
    assert loaded_by(trained) == {"llvmlite"}
    assert loaded_by("import rnnbp; rnnbp.distributed.fit") >= {"dask", "distributed"}


def test_a_static_network_needs_llvm_only_when_it_runs():
    made = "import rnnbp; net = rnnbp.Network([rnnbp.layers.Dense(2, 1)]); rnnbp.losses, rnnbp.optimizers"
    assert loaded_by(made) == set()
    assert loaded_by(f"{made}; net.forward([[0, 1]])") == {"llvmlite"}


def test_a_recurrent_network_needs_llvm_only_when_it_runs_compiled():
    assert loaded_by("import rnnbp; rnnbp.Network([rnnbp.layers.GRU(2, 1)])") == set()
    text = "rnnbp.layers.GRU(2, 1, gradient=rnnbp.gradients.BPTT(compiled=False))"
    assert loaded_by(f"import rnnbp; rnnbp.Network([{text}]).forward([[[0, 1]]])") == set()


def test_results_that_hold_arrays_are_compared_by_identity():
    """Those of two arrays have no truth value, so that `==` and `in` would be errors, and there would be no hash."""
    public = [getattr(module, name) for module in map(rnnbp.__getattr__, rnnbp._MODULES) for name in module.__all__]
    results = {kind for kind in public if isinstance(kind, type) and dataclasses.is_dataclass(kind)}
    of_arrays = [kind for kind in results if any("rray" in str(each.type) for each in dataclasses.fields(kind))]
    assert len(of_arrays) > 5
    assert [kind for kind in of_arrays if kind.__eq__ is not object.__eq__] == []


# -- public names, as the design gives them ----------------------------------------------------------------------------

NAMES = {
    "rnnbp": (
        "Network fit predict evaluate History NonFiniteError ModelFileError Checkpoint CheckpointError NextStep "
        "find_learning_rate __version__"
    ),
    "rnnbp.callbacks": "BestModelCheckpoint CSVLog EarlyStopping TensorBoardLog",
    "rnnbp.Network": "forward loss_and_gradient unflatten save load run",
    "rnnbp.layers": (
        "Dense Activation Dropout LayerNorm Embedding Elman Jordan LSTM GRU LastStep MeanOverTime MaxOverTime"
    ),
    "rnnbp.losses": "MeanSquaredError CrossEntropy BinaryCrossEntropy CTC ctc",
    "rnnbp.optimizers": ("SGD RMSprop Adam AdamW Rprop LBFGS schedules GradientNoise PolyakAverage ExponentialAverage"),
    "rnnbp.optimizers.schedules": "constant step cosine one_cycle reduce_on_plateau",
    "rnnbp.gradients": "BPTT TruncatedBPTT CheckpointedBPTT RTRL SnAp1 FixedPoint",
    "rnnbp.initializers": "Glorot He Orthogonal Identity ForgetGate Chrono",
    "rnnbp.diagnostics": "check_gradients gradient_flow activations lyapunov_exponents saliency TrainingReport",
    "rnnbp.metrics": (
        "accuracy r2 confusion_matrix mean_absolute_error precision_recall_f1 word_error_rate character_error_rate "
        "label_error_rate error_rates"
    ),
    "rnnbp.decoding": "greedy BeamSearch NGram align ArpaError",
    "rnnbp.data.sequences": "pad unpad",
    "rnnbp.distributed": "ClusterError fit on",
    "rnnbp.interop": "InteropError c keras names onnx rtneural torch",
    "rnnbp.interop.keras": "from_model to_model",
    "rnnbp.interop.onnx": "export load",
    "rnnbp.interop.rtneural": "export export_aidax",
    "rnnbp.interop.torch": "from_module to_module",
    "rnnbp.interop.c": "export verify Verification",
}


@pytest.mark.parametrize(("place", "names"), [(p, n) for p, names in NAMES.items() for n in names.split()])
def test_a_public_name_is_where_the_design_says(place, names):
    found = rnnbp
    for part in place.split(".")[1:]:
        found = getattr(found, part)
    assert hasattr(found, names)


def test_the_parts_of_a_network_are_public():
    net = rnnbp.Network([rnnbp.layers.Dense(2, 1)], dtype="float64", seed=0)
    assert net.theta.shape == (3,)
    assert set(net.parameters) == {"0.weight", "0.bias"}


@pytest.mark.parametrize("name", rnnbp.__all__)
def test_all_that_rnnbp_announces_is_there(name):
    assert getattr(rnnbp, name) is not None
    assert name in dir(rnnbp)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'rnnbp' has no attribute 'Netwrok'"):
        rnnbp.Netwrok  # noqa: B018


MODULES = sorted(
    module.name for module in pkgutil.walk_packages(rnnbp.__path__, "rnnbp.") if module.name != "rnnbp.__main__"
)


def need_extra(name):
    """Skip a module's test where the package that it is about is not installed."""
    extra = next((extra for extra in EXTRAS if name.startswith(f"rnnbp.interop.{extra}")), None)
    if extra is not None:
        pytest.importorskip(extra)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_announces_only_what_it_has(name):
    need_extra(name)
    module = importlib.import_module(name)
    assert [public for public in getattr(module, "__all__", []) if not hasattr(module, public)] == []


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name, tmp_path, monkeypatch):
    need_extra(name)
    monkeypatch.chdir(tmp_path)  # some write files
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(importlib.import_module(name), optionflags=options).failed == 0


def test_every_module_says_what_it_is_for_and_what_is_public_in_it():
    for path in sorted(Path(rnnbp.__file__).parent.rglob("*.py")):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        defined = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        listed = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        ]
        if public := [name for name in defined if not name.startswith("_")]:
            assert listed, f"{path} has no __all__"
            tables = [name for name in listed[0] if name.isupper()]  # which may be what the functions are for
            assert set(public) & set(listed[0]) or tables, f"nothing that {path} defines is public"
        for name in listed[0] if listed else []:
            assert not name.startswith("_") or name == "__version__", f"{path} lists {name}"


# -- choices -----------------------------------------------------------------------------------------------------------

CHOICES = re.compile(r"^ *(\w+) : .*?(\{['\"0-9].*?\})", re.MULTILINE)


def choices():
    """Return, for each public function, and each class's constructor and methods, the arguments that are choices."""
    for name in MODULES:
        if name.startswith(("rnnbp.kernels", *(f"rnnbp.interop.{extra}" for extra in EXTRAS))):
            continue
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", []):
            item = getattr(module, public)
            if getattr(item, "__module__", None) != name or not callable(item):
                continue
            if inspect.isclass(item) and issubclass(item, BaseException):
                continue
            methods = [m for key, m in vars(item).items() if inspect.isfunction(m) and key[0] != "_"]
            for each in (item, *(methods if inspect.isclass(item) else ())):
                described, _, _ = (inspect.getdoc(each) or "").partition("\nReturns\n")
                parameters = inspect.signature(each).parameters
                for argument, values in CHOICES.findall(described.partition("\nAttributes\n")[0]):
                    if argument in parameters and argument != "dtype":  # which NumPy's own types say, too
                        known = {value for value in ast.literal_eval(values) if isinstance(value, str)}
                        yield f"{each.__qualname__}.{argument}", known, str(parameters[argument].annotation)


def test_choices_that_are_documented_are_typed_as_literals():
    found = {name: (known, annotation) for name, known, annotation in choices() if known}
    assert len(found) > 20
    for name, (known, annotation) in found.items():
        literals = re.findall(r"Literal\[(.*?)\]", annotation)
        assert {value for each in literals for value in ast.literal_eval(f"[{each}]")} == known, name
