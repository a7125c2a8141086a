"""Objects made of their settings: shown, written as plain data, made again, copied."""

import copy
import json
import pickle

import numpy as np
import pytest

from rnnbp import Network, gradients, initializers, layers, losses, optimizers
from rnnbp.configuration import (
    Configurable,
    admitted,
    brief,
    build,
    check_admitted,
    expect_call,
    lookup,
    number,
    plain,
    shown,
    speaks_for,
    whole_number,
)


class Shape(Configurable):
    """A base for these tests."""

    def __init__(self, width: int, *, depth: float = 2.0) -> None:
        self.width, self.depth = width, depth
        self.secret = lambda: width  # what is made of the settings need not be copied


class Box(Shape):
    """One that hands options on."""

    def __init__(self, width: int, *, lid: Shape | str = "none", **options) -> None:
        self.lid = lid
        super().__init__(width, **options)


def test_settings_are_the_constructor_s_arguments():
    assert Shape(3).settings() == {"width": 3, "depth": 2.0}


def test_options_that_are_handed_on_are_settings_too():
    assert Box(3, lid="oak", depth=5.0).settings() == {"width": 3, "lid": "oak", "depth": 5.0}


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (Shape(3), "Shape(3)"),
        (Shape(3, depth=2.0), "Shape(3)"),
        (Shape(3, depth=4.0), "Shape(3, depth=4.0)"),
        (Box(1, lid=Shape(2), depth=0.5), "Box(1, lid=Shape(2), depth=0.5)"),
    ],
)
def test_what_is_shown_makes_it_again(thing, shown):
    assert repr(thing) == shown
    assert eval(shown).settings().keys() == thing.settings().keys()


def test_build_undoes_plain():
    box = Box(1, lid=Box(2, lid=Shape(3)), depth=0.5)
    assert repr(build(json.loads(json.dumps(plain(box))), Shape)) == repr(box)


def test_plain_data_are_json_even_of_numpy_s_numbers():
    assert (
        json.dumps(plain(Shape(np.int64(3), depth=np.float32(0.5)))) == '{"class": "Shape", "width": 3, "depth": 0.5}'
    )


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))], ids=["copy", "deep", "pickle"]
)
def test_copies_have_the_same_settings(again):
    assert repr(again(Box(1, lid=Shape(2)))) == repr(Box(1, lid=Shape(2)))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"class": "Bax", "width": 1},
            r"unknown shape 'Bax': the known ones are 'Shape', 'Box', .*\. Did you mean 'Box'",
        ),
        ({"width": 1}, "unknown shape None"),
        ({"class": "Box"}, "these settings do not make a Box: missing a required argument: 'width'"),
        ({"class": "Box", "width": 1, "colour": 2}, "these settings do not make a Box: .*'colour'"),
        ({"class": "Box", "width": 1, "lid": {"class": "Top"}}, "unknown shape 'Top'"),
    ],
)
def test_what_cannot_be_built_is_named(value, message):
    with pytest.raises(ValueError, match=message):
        build(value, Shape)


def test_only_what_derives_from_the_base_is_built():
    with pytest.raises(ValueError, match="unknown box 'Shape'"):
        build({"class": "Shape", "width": 1}, Box)


@pytest.mark.parametrize(
    ("name", "hint"), [("tahn", "Did you mean 'tanh'"), ("ReLU", "Did you mean 'relu'"), (3, r"\.$")]
)
def test_an_unknown_name_is_answered_with_the_known_and_the_nearest(name, hint):
    with pytest.raises(ValueError, match=f"unknown activation {name!r}: the known ones are 'tanh', 'relu'.*{hint}"):
        lookup({"tanh": 1, "relu": 2}, name, "activation")


@pytest.mark.parametrize("value", [1, np.int32(7), np.uint8(200)])
def test_whole_numbers_of_any_type_are_taken(value):
    assert whole_number("width", value) == value
    assert type(whole_number("width", value)) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, "3", None, True, np.float64(2)])
def test_what_is_no_positive_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"width must be a whole number of at least 1, but .* was given"):
        whole_number("width", value)


@pytest.mark.parametrize("value", [0, 0.0, 0.999, np.float32(0.5)])
def test_probabilities_below_one_are_taken(value):
    assert number("rate", value, "[0, 1)") == value


@pytest.mark.parametrize("value", [1, 1.0, -0.1, float("nan"), float("inf"), "0.5", None, True])
def test_what_is_no_probability_below_one_is_refused(value):
    with pytest.raises(ValueError, match=r"rate must be a number in \[0, 1\), but .* was given"):
        number("rate", value, "[0, 1)")


@pytest.mark.parametrize("interval", ["(0, 1)", "[0, 1)", "(0, 1]", "[0, 1]"])
def test_an_end_belongs_to_an_interval_if_its_bracket_says_so(interval):
    assert number("share", 0.5, interval) == 0.5
    for end, bracket in ((0.0, interval[0]), (1.0, interval[-1])):
        if bracket in "[]":
            assert number("share", end, interval) == end
        else:
            with pytest.raises(ValueError, match="share must be a number in"):
                number("share", end, interval)


# -- equality and copies -----------------------------------------------------------------------------------------------

THINGS = [
    layers.Dense(3, 4, bias_initializer="ones"),
    layers.LSTM(3, 4, peepholes=True, gradient=gradients.TruncatedBPTT(2, 4)),
    layers.GRU(3, 4, bidirectional=True, zoneout=0.1),
    layers.Jordan(3, 4, n_outputs=2, feedback_activation="softmax"),
    layers.LastStep(bidirectional=True),
    layers.Dropout(0.5, over_time=True),
    layers.Embedding(5, 3),
    gradients.FixedPoint(1e-3, solver="gmres"),
    gradients.RTRL(max_bytes=1000),
    losses.CrossEntropy(class_weight=[1.0, 2.0]),
    losses.BinaryCrossEntropy(pos_weight=[3.0]),
    losses.MeanSquaredError(),
    optimizers.Adam(optimizers.schedules.cosine(0.1, 10), clip_norm=1.0),
    optimizers.SGD(0.1, momentum=0.9),
    optimizers.LBFGS(memory=3),
    optimizers.schedules.linear(1.0, epochs=3),
    initializers.Identity(0.5),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing)), lambda thing: rebuilt(thing)],
    ids=["copy", "deepcopy", "pickle", "plain"],
)
def test_a_copy_is_equal_and_shows_the_same_settings(thing, again):
    twin = again(thing)
    assert twin is not thing
    assert twin == thing
    assert hash(twin) == hash(thing)
    assert repr(twin) == repr(thing)


def rebuilt(thing):
    return build(plain(thing), Configurable)


def test_other_settings_or_another_kind_are_not_equal():
    assert all(one != other for k, one in enumerate(THINGS) for other in THINGS[:k])
    assert layers.Dense(3, 4) != layers.Dense(3, 5)
    assert layers.GRU(3, 4) != layers.GRU(3, 4, gradient=gradients.RTRL())
    assert losses.CrossEntropy(class_weight=[1.0, 2.0]) != losses.CrossEntropy(class_weight=[1.0, 3.0])
    assert losses.CrossEntropy(class_weight=[1.0, 2.0]) != losses.CrossEntropy()
    assert gradients.RTRL() != gradients.SnAp1()
    assert layers.Dense(3, 4) != "Dense(3, 4)"


@pytest.mark.parametrize("other", [[1, 3], [1, 2, 3], [1], [], 1, None, [1, [2]]], ids=str)
def test_lists_are_equal_item_by_item(other):
    assert Shape([1, 2]) == Shape((1, 2))
    assert Shape([1, 2]) != Shape(other)
    assert Shape(other) != Shape([1, 2])


def test_equal_things_have_one_hash_however_their_numbers_are_written():
    one, other = layers.GRU(3, 4, zoneout=0), layers.GRU(np.int64(3), 4, zoneout=0.0)
    assert one == other
    assert hash(one) == hash(other)
    assert len({one, other}) == 1


def test_a_copied_layer_computes_the_same():
    layer = copy.deepcopy(layers.LSTM(3, 4, layer_norm=True))
    x = np.ones((2, 1, 3))
    np.testing.assert_array_equal(Network([layer]).forward(x), Network([layers.LSTM(3, 4, layer_norm=True)]).forward(x))


# -- what may be built where ------------------------------------------------------------------------------------------

MADE = []


class Bystander(Configurable):
    """One that has nothing to do with it."""

    def __init__(self):
        MADE.append(self)


class Shelf(Shape):
    """One that holds many, and something that it says nothing of."""

    def __init__(self, boxes: "list[Box | Bottle]", label=None, unheard: "Missing | Box" = None):  # noqa: F821
        self.boxes, self.label, self.unheard = boxes, label, unheard


class Bottle(Configurable):
    """No box."""


def test_objects_in_lists_are_built_again():
    shelf = Shelf([Box(1), Bottle()])
    assert repr(build(plain(shelf), Shape)) == repr(shelf)


@pytest.mark.parametrize(
    ("cls", "name", "kinds"),
    [
        (Shelf, "boxes", (Box, Bottle)),
        (Shelf, "label", ()),
        (Shelf, "unheard", ()),
        (Shelf, "nothing", ()),
        (Box, "lid", (Shape,)),
        (Box, "depth", ()),
    ],
)
def test_the_annotation_says_which_kinds_an_argument_may_hold(cls, name, kinds):
    assert admitted(cls, name) == kinds


@pytest.mark.parametrize(
    "value",
    [
        {"class": "Bystander"},
        {"class": "Box", "width": {"class": "Bystander"}},
        {"class": "Box", "width": 1, "lid": {"class": "Bystander"}},
        {"class": "Shelf", "boxes": [{"class": "Bystander"}]},
        {"class": "Shelf", "boxes": [], "label": {"class": "Bystander"}},
        {"class": "Shelf", "boxes": [], "unheard": {"class": "Bystander"}},
    ],
)
def test_no_other_constructor_is_called(value):
    with pytest.raises(ValueError, match=r"unknown|does not take"):
        build(value, Shape)
    assert MADE == []


def test_what_an_annotation_does_not_name_is_said_before_it_is_saved():
    check_admitted(Shelf([Box(1, lid=Shape(2)), Bottle()]))
    with pytest.raises(ValueError, match=r"Shelf holds Box\(1\) in label.*write label: Shape in its constructor"):
        check_admitted(Shelf([], label=Box(1)))


def test_abstract_classes_are_not_known():
    from rnnbp.layers import Layer

    with pytest.raises(ValueError, match=r"unknown layer 'Layer'") as caught:
        build({"class": "Layer"}, Layer)
    assert "'_Pooling'" not in str(caught.value)


@pytest.mark.parametrize("value", [10**5000, "x" * 10**6, [[]] * 10**5], ids=["digits", "text", "list"])
def test_errors_do_not_fill_the_screen(value):
    refusals = [
        lambda: whole_number("width", -value if isinstance(value, int) else value),
        lambda: number("rate", value, "[0, 1)"),
        lambda: lookup({"tanh": 1}, value, "activation"),
    ]
    for refuse in refusals:
        with pytest.raises(ValueError, match=r"was given|unknown") as caught:
            refuse()
        assert len(str(caught.value)) < 500


# -- functions, and what speaks for a class ----------------------------------------------------------------------------


def test_a_function_is_one_that_can_be_called_with_what_it_will_be():
    for function in (lambda x, y: x, lambda *x: x, lambda x, y=1, z=2: x, max):
        expect_call("score", function, "target", "output")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "score must be a function of target and output, but 3 was given"),
        (Shape, r"but the class Shape was given: make one, as Shape\(...\) does"),
        (lambda target: 0, "cannot be called with these: too many positional arguments"),
        (lambda target, output, weight: 0, "cannot be called with these: missing a required argument: 'weight'"),
    ],
)
def test_what_cannot_be_called_so_is_refused(given, message):
    with pytest.raises(TypeError, match=message):
        expect_call("score", given, "target", "output")


def test_a_class_speaks_for_what_it_computes_and_not_for_what_another_does():
    class Base:
        def says(self): ...
        def computes(self): ...

    class Other(Base):
        def computes(self): ...

    class Both(Other):
        def says(self): ...

    speaks = [speaks_for(kind, "says", ("computes",)) for kind in (Base, Other, Both)]
    assert speaks == [True, False, True]


class Wordy:
    """A value of so many characters."""

    def __init__(self, n):
        self.n = n

    def __repr__(self):
        return "x" * self.n


@pytest.mark.parametrize(("n", "expected"), [(300, "x" * 300), (301, "x" * 300 + "..."), (10**6, "x" * 300 + "...")])
def test_a_value_that_would_fill_the_screen_is_cut(n, expected):
    assert shown(Wordy(n)) == expected


@pytest.mark.parametrize(("n", "expected"), [(600, "x" * 600), (601, "x" * 600 + "..."), (10**6, "x" * 600 + "...")])
def test_an_error_that_would_fill_the_screen_is_cut(n, expected):
    assert brief(ValueError("x" * n)) == expected
