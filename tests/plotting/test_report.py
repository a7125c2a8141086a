"""The training report: one page that holds what happened, and needs nothing beside it."""

import base64
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

import rnnbp
from rnnbp import Network, layers, optimizers
from rnnbp.diagnostics import TrainingReport, gradient_flow
from rnnbp.gradients import BPTT
from rnnbp.plotting.report import sections
from rnnbp.plotting.report.provenance import machine

TEXT = BPTT(compiled=False)
SECTIONS = [
    "results",
    "learning-curves",
    "gradient-flow",
    "activations",
    "confusions",
    "configuration",
    "data",
    "provenance",
]


def ragged(n=30):
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(length, 2)) for length in rng.integers(3, 9, size=n)]
    return x, np.array([int(sequence[0, 0] > 0) for sequence in x])


def classifier(**options):
    return Network([layers.GRU(2, 5, gradient=TEXT, **options), layers.LastStep(), layers.Dense(5, 2)])


def train(net, x, y, *callbacks, loss="cross_entropy", lengths=None, **options):
    options = {"max_epochs": 3, "batch_size": 10, "optimizer": optimizers.Adam(0.01), "progress": False} | options
    return rnnbp.fit(net, x, y, loss=loss, lengths=lengths, callbacks=callbacks, **options)


@pytest.fixture(scope="module")
def report():
    x, y = ragged()
    settings = {"note": "<b>first</b> try"}
    watch = TrainingReport(
        x, y, "cross_entropy", title="Signs & <tones>", class_names=["minus", "plus"], settings=settings
    )
    train(classifier(), x, y, watch, validation_data=(x, y), score=rnnbp.metrics.accuracy)
    return watch


@pytest.fixture(scope="module")
def html(report):
    return report.html()


class Page(HTMLParser):
    """What a page is made of; complains of tags that are not closed in order."""

    VOID = ("meta", "link", "img", "br", "hr", "input")

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.rows, self.text, self._row = [], [], {}, [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr":
            name, value = self._row
            self.rows[name], self._row = value, []

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self._row.append(data)
        elif self.open and self.open[-1] != "style":
            self.text.append(data.strip())

    def all(self, tag):
        return [attributes for found, attributes in self.tags if found == tag]


# -- what is on it -----------------------------------------------------------------------------------------------------


def test_every_tag_is_closed_and_every_section_there(html):
    assert [section["id"] for section in Page(html).all("section")] == SECTIONS


def test_nothing_on_the_page_comes_from_elsewhere(html):
    page = Page(html)
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not page.all("script")
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in page.all("meta")[2]["content"]


def test_pictures_are_drawn_and_described(html):
    pictures = Page(html).all("img")
    assert len(pictures) == 7  # loss, gradient norm, flow now and over training, two of activations, confusions
    for picture in pictures:
        head, _, content = picture["src"].partition(",")
        assert head == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(content)
        assert len(picture["alt"]) > 10


def test_what_users_wrote_is_text_and_not_markup(html):
    page = Page(html)
    assert "Signs & <tones>" in page.text
    assert "<tones>" not in html
    assert page.rows["note"] == "<b>first</b> try"


def test_numbers_are_those_of_the_training(report, html):
    rows, history = Page(html).rows, report.history
    assert rows["training loss, last"] == f"{history.loss[-1]:.4g}"
    assert rows["validation loss, last"] == f"{history.validation_loss[-1]:.4g}"
    assert rows["loss on this report's data"] == f"{history.validation_loss[-1]:.4g}"
    assert rows["best epoch"].startswith(f"{history.best_epoch + 1}, with ")
    assert rows["ended by"] == "max_epochs"
    assert f"Accuracy on this report's data: {history.validation_score[-1]:.4f}, of 30 answers." in Page(html).text


def test_confusions_have_a_row_for_each_true_class(report, monkeypatch):
    drawn = []
    monkeypatch.setattr(sections.plotting, "confusion_matrix", lambda counts, **_: drawn.append(counts))
    sections.confusion(report, report.net)
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (report.target, rnnbp.predict(report.net, report.x).argmax(axis=1)), 1)
    np.testing.assert_array_equal(drawn[0], counts)
    assert counts[0, 1] != counts[1, 0]


def test_configuration_seeds_versions_and_machine_are_there(html):
    rows = Page(html).rows
    assert rows["layer 0"] == "GRU(2, 5, gradient=BPTT(compiled=False))"
    assert rows["optimizer"] == "Adam(learning_rate=0.01)"
    assert (rows["batch size"], rows["epochs at most"], rows["loss"]) == ("10", "3", "CrossEntropy()")
    assert rows["learning rate, after the first and the last epoch"] == "0.01, 0.01"
    assert rows["seed of the network"] == rows["seed of fit"] == "0"
    assert rows["rnnbp"] == rnnbp.__version__
    assert rows["numpy"] == np.__version__
    assert rows["Python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"system", "processor", "cores"} <= set(rows)


def test_every_layer_s_activations_are_shown(monkeypatch):
    x, y = ragged()
    watch, drawn = TrainingReport(x, y, "cross_entropy"), []
    monkeypatch.setattr(sections, "picture", lambda figure, *_: drawn.append(figure) or "")
    sections.activations(watch, classifier())
    over_time, once = ([ax.get_title() or ax.get_ylabel() for ax in figure.axes] for figure in drawn)
    assert over_time[0] == "layer 0"
    assert [title for title in once if title.startswith("layer")] == ["layer 1, LastStep", "layer 2, Dense"]


def test_sequences_are_counted_and_measured_and_not_their_packed_rows():
    x, y = ragged()
    rows = Page(sections.data(TrainingReport(x, y, "cross_entropy"), classifier())).rows
    lengths = [len(sequence) for sequence in x]
    assert rows["sequences"] == "30"
    assert rows["steps of each"] == f"{min(lengths)} to {max(lengths)}"
    assert rows["shape of a step"] == "(2,)"
    static = Network([layers.Dense(2, 2)])
    rows = Page(sections.data(TrainingReport(np.zeros((5, 2)), np.zeros(5, int), "cross_entropy"), static)).rows
    assert (rows["examples"], rows["shape of one"]) == ("5", "(2,)")


def test_data_are_told_from_others_by_their_fingerprint():
    x, y = ragged()
    prints = []
    for data in (x, x, [x[0] + 1e-6, *x[1:]]):
        section = sections.data(TrainingReport(data, y, "cross_entropy"), classifier())
        prints.append(Page(section).rows["SHA-256 of input"])
    assert prints[0] == prints[1] != prints[2]
    assert len(prints[0]) == 64


# -- how it watches ----------------------------------------------------------------------------------------------------


def test_gradient_flow_is_measured_after_each_epoch(report):
    assert list(report.watch.flows) == [1, 2, 3]
    x, y = ragged()
    now = gradient_flow(report.net, x[:16], y[:16], "cross_entropy")
    np.testing.assert_array_equal(report.watch.flows[3].norm["0.h"], now.norm["0.h"])


def test_watching_changes_nothing():
    x, y = ragged()
    watched, alone = classifier(recurrent_dropout=0.3), classifier(recurrent_dropout=0.3)
    train(watched, x, y, TrainingReport(x, y, "cross_entropy"))
    train(alone, x, y)
    np.testing.assert_array_equal(watched.theta, alone.theta)


@pytest.fixture
def unwritten(monkeypatch):
    """Have pictures drawn, but not laid out and written, which is what takes time."""
    monkeypatch.setattr(sections, "picture", lambda *_: "")


@pytest.mark.usefixtures("unwritten")
def test_outputs_at_each_step_and_padded_arrays_are_watched_too():
    rng = np.random.default_rng(0)
    x, y, lengths = rng.normal(size=(6, 20, 2)), rng.normal(size=(6, 20, 3)), rng.integers(1, 7, size=20)
    net = Network([layers.LSTM(2, 4, gradient=TEXT, bidirectional=True), layers.Dense(8, 3)])
    watch = TrainingReport(x, y, "mean_squared_error", lengths, n_probe=5)
    train(net, x, y, watch, loss="mean_squared_error", lengths=lengths, max_epochs=1)
    assert watch.watch.flows[1].norm["0.c"].shape == (lengths[:5].max(), 5)
    assert [section["id"] for section in Page(watch.html()).all("section")] == [
        name for name in SECTIONS if name != "confusions"
    ]


@pytest.mark.usefixtures("unwritten")
def test_lists_of_targets_at_each_step_are_watched_too():
    x, _ = ragged()
    y = [(sequence[:, 0] > 0).astype(int) for sequence in x]
    net = Network([layers.Elman(2, 4, gradient=TEXT), layers.Dense(4, 2)])
    watch = TrainingReport(x, y, "cross_entropy")
    train(net, x, y, watch, max_epochs=1)
    assert f"of {sum(map(len, x))} answers." in sections.confusion(watch, net)


@pytest.mark.usefixtures("unwritten")
def test_a_static_network_has_a_report_without_gradient_flow():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)
    watch = TrainingReport(x, y, "cross_entropy")
    train(Network([layers.Dense(3, 4), layers.Activation("tanh"), layers.Dense(4, 2)]), x, y, watch)
    assert [section["id"] for section in Page(watch.html()).all("section")] == [
        name for name in SECTIONS if name != "gradient-flow"
    ]


def test_it_is_saved_whole_or_not_at_all(report, html, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "html", lambda: html)
    path = tmp_path / "report.html"
    report.save(path)
    assert path.read_text(encoding="utf-8") == html

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        report.save(path)
    assert path.read_text(encoding="utf-8") == html
    assert os.listdir(tmp_path) == ["report.html"]


def test_it_leaves_pyplot_alone():
    code = (
        "import sys, numpy as np, rnnbp; from rnnbp import layers; from rnnbp.diagnostics import TrainingReport;"
        "x, y = np.zeros((4, 2)), np.array([0, 1, 0, 1]); net = rnnbp.Network([layers.Dense(2, 2)]);"
        "watch = TrainingReport(x, y, 'cross_entropy');"
        "watch(net, rnnbp.History(loss=[1.0], gradient_norm=[1.0], seconds=[0.1]));"
        "watch.html(); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    strict = ["-W", "error", "-W", "ignore::DeprecationWarning"]  # of older versions of others
    assert subprocess.run([sys.executable, *strict, "-c", code]).returncode == 0


# -- bad input ---------------------------------------------------------------------------------------------------------


def test_there_is_no_report_of_nothing(tmp_path):
    watch = TrainingReport(*ragged(), "cross_entropy")
    with pytest.raises(ValueError, match=r"nothing to report yet: pass this report to rnnbp\.fit"):
        watch.save(tmp_path / "report.html")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("width", "names", "message"),
    [
        (2, None, "expected 3 features, but the input has 2"),
        (3, ["a"], r"class_names must be 2 names, .* but \['a'\] was given"),
    ],
)
def test_what_does_not_fit_the_network_is_found_at_the_end_of_the_first_epoch(width, names, message):
    x, y, epochs = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2, []
    watch = TrainingReport(x[:, :width], y, "cross_entropy", class_names=names)
    with pytest.raises(ValueError, match=message):
        train(Network([layers.Dense(3, 2)]), x, y, lambda *_: epochs.append(1), watch)
    assert len(epochs) == 1


def test_settings_without_a_meaning_are_errors():
    with pytest.raises(ValueError, match="n_probe must be a whole number"):
        TrainingReport(*ragged(), "cross_entropy", n_probe=0)
    with pytest.raises(ValueError, match="unknown loss"):
        TrainingReport(*ragged(), "cross_entrpy")


def test_data_of_another_width_are_an_error():
    x, y = ragged()
    watch = TrainingReport([sequence[:, :1] for sequence in x], y, "cross_entropy")
    with pytest.raises(ValueError, match="expected 2 features, but the input has 1"):
        train(classifier(), x, y, watch)


# -- in a real browser -------------------------------------------------------------------------------------------------

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
in_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser here that can print a page ({', '.join(BROWSERS)})"
)


def browse(path, tmp_path, *options):
    """Return the page as a browser has built it, and what it wrote to its console."""
    flags = ("--headless", "--disable-gpu", "--no-sandbox", "--disable-background-networking", "--no-first-run")
    logged = (
        "--enable-logging=stderr",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={tmp_path / 'user'}",
    )
    command = [BROWSER, *flags, *logged, *options, "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


@in_browser
def test_a_browser_shows_the_page_and_has_nothing_to_complain_of(html, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    shown, console = browse(path, tmp_path)
    assert console == []
    assert [section["id"] for section in Page(shown).all("section")] == SECTIONS
    assert len(Page(shown).all("img")) == 7


@in_browser
def test_a_browser_complains_of_a_page_that_asks_for_more(html, tmp_path):
    """The test above would notice: here is a picture from elsewhere, and a script."""
    path = tmp_path / "more.html"
    more = '<img src="http://example.com/a.png" alt=""><script>console.log(1)</script></main>'
    path.write_text(html.replace("</main>", more), encoding="utf-8")
    console = browse(path, tmp_path)[1]
    assert sum("Content Security Policy" in line for line in console) == 2


@in_browser
def test_all_pictures_are_painted_and_the_page_fits_a_narrow_screen(html, tmp_path):
    """A script that the policy would forbid measures the page, and writes what it finds into its title."""
    path = tmp_path / "measured.html"
    measure = (
        "<script>addEventListener('load', () => { document.title = "
        "[document.documentElement.scrollWidth <= innerWidth, ...Array.from(document.images, "
        "i => i.complete && i.naturalWidth > 0 && i.clientWidth <= innerWidth)].join(' ') })</script></main>"
    )
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
    path.write_text(html.replace("</main>", measure), encoding="utf-8")
    shown, _ = browse(path, tmp_path, "--window-size=500,900")
    assert re.search("<title>(.*)</title>", shown)[1] == " ".join(["true"] * 8)


@pytest.mark.parametrize("norms", [[0.3, 0.31, 0.3], [2.0, 0.1, 0.2]])
def test_the_line_of_gradient_norms_has_room_above(norms, monkeypatch):
    figures = []
    monkeypatch.setattr(sections, "picture", lambda figure, *_: figures.append(figure) or "")
    sections.learning_curves(rnnbp.History(loss=norms, gradient_norm=norms))
    low, high = figures[1].axes[0].get_ylim()
    assert low == 0
    assert high >= 1.04 * max(norms)


def test_threads_are_counted_in_a_row_of_their_own():
    assert machine()["threads of rnnbp"].isdigit()
