"""The site in docs/: its snippets run, its names have examples that run, and its built pages are whole."""

import doctest
import inspect
import json
import queue
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import matplotlib.pyplot as plt
import pytest
from public_names import public_modules, public_objects

import rnnbp

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for folder in ("start", "lessons", "why") for path in (DOCS / folder).glob("*.rst"))


# -- snippets --------------------------------------------------------------------------------------------------------


def snippets(page):
    """Return the Python blocks of a page and the line of each; those of other libraries are left out."""
    found = []
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        if not (match := re.match(r"( *)\.\. code-block:: python$", line)):
            continue
        block = []
        for following in lines[number + 1 :]:
            if following.strip() and len(following) - len(following.lstrip()) <= len(match[1]):
                break
            block.append(following[len(match[1]) + 3 :])
        options = [text for text in block if text.startswith(":")]
        if ":class: theirs" not in options:
            found.append((number + 1, "\n".join("" if text in options else text for text in block)))
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # few epochs, for speed
@pytest.mark.parametrize(
    "page", [page for page in PAGES if snippets(page)], ids=lambda page: f"{page.parent.name}/{page.stem}"
)
def test_every_snippet_of_a_page_runs_after_those_before_it(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "snippets"}
    for line, source in snippets(page):
        exec(compile("\n" * line + source, str(page), "exec"), namespace)


# -- the built site, in a browser --------------------------------------------------------------------------------------

BUILT = DOCS / "_build" / "html"
CHROMIUM = shutil.which("chromium")
needs_the_site = pytest.mark.skipif(not (BUILT / "index.html").exists(), reason="the site is not built")
OPEN_EACH = """<!doctype html><title>Opens each page</title><link rel="icon" href="data:,"><body><script>
(async () => {
  const found = [];
  for (const page of PAGES) {
    const frame = document.createElement("iframe");
    frame.width = 1300; frame.height = 900; frame.src = page;
    await new Promise(done => { frame.onload = done; document.body.append(frame); });
    const opened = frame.contentDocument;
    for (const image of opened.images) {
      image.loading = "eager";
      await image.decode().catch(() => found.push(`${page}: the image ${image.getAttribute("src")} is missing`));
    }
    if (!opened.querySelector("h1")) found.push(`${page}: no heading`);
    if (opened.documentElement.scrollWidth > 1300) found.push(`${page}: wider than the window`);
    frame.remove();
  }
  await fetch("/found", {method: "POST", body: found.join("\\n")});
})();
</script>"""


class Page(HTMLParser):
    """What a page links to, what it shows, and its anchors."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        self.links |= {attributes[name] for name in ("href", "src") if attributes.get(name)}


@needs_the_site
def test_every_link_within_the_site_leads_somewhere():
    pages = {path: Page(path) for path in BUILT.rglob("*.html") if "_static" not in path.parts}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            to = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not to.is_file():
                broken.append(f"{path.relative_to(BUILT)}: {link} is no file")
            elif url.fragment and to in pages and unquote(url.fragment) not in pages[to].anchors:
                broken.append(f"{path.relative_to(BUILT)}: {link} has no such place")
    assert broken == []


@needs_the_site
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_pages_open_in_a_browser_without_errors_and_with_their_pictures(tmp_path):
    """The reference has hundreds of pages that are made alike: every tenth is opened."""
    pages = sorted(str(path.relative_to(BUILT)) for path in BUILT.rglob("*.html") if "_static" not in path.parts)
    alike = [page for page in pages if page.startswith("reference/generated/")]
    chosen = [page for page in pages if page not in alike] + alike[::10]
    assert len(chosen) > 60
    site = tmp_path / "site"
    shutil.copytree(BUILT, site)
    (site / "open_each.html").write_text(OPEN_EACH.replace("PAGES", json.dumps(chosen)))
    found = queue.Queue()
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(Reporter, found, directory=site)) as server,
        (tmp_path / "console").open("w") as console,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/open_each.html"
        browser = subprocess.Popen([*command, address], stdout=console, stderr=console)
        try:
            assert found.get(timeout=300) == ""
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    said = [line for line in (tmp_path / "console").read_text().splitlines() if "CONSOLE" in line]
    assert [line for line in said if "[PST]" not in line and "invalid theme mode" not in line] == []  # the theme's own


class Reporter(SimpleHTTPRequestHandler):
    """Serves files, and takes what the browser has found."""

    def __init__(self, found, *args, **kwargs):
        self.found = found
        super().__init__(*args, **kwargs)

    def do_POST(self):
        self.found.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass


# -- how to cite -----------------------------------------------------------------------------------------------------


def test_what_is_cited_is_this_version():
    cited = re.search(r"^version: (.+)$", (DOCS.parent / "CITATION.cff").read_text(), re.MULTILINE)[1]
    assert cited == rnnbp.__version__


# -- the reference ---------------------------------------------------------------------------------------------------

OBJECTS = {
    name: value
    for name, value in public_objects().items()
    if inspect.isroutine(value) or (inspect.isclass(value) and not hasattr(value, "__origin__"))
}
NEEDS = {"rnnbp.interop.onnx": "onnx", "rnnbp.interop.torch": "torch", "rnnbp.interop.keras": "keras"}


def examples_of(name):
    """Return the examples of a public name, its methods' included, each with its own module's names."""
    value = inspect.unwrap(OBJECTS[name])
    module = sys.modules[value.__module__]
    return [test for test in doctest.DocTestFinder().find(value, name, module=module) if test.examples]


def test_every_public_name_has_an_example():
    assert [name for name, value in OBJECTS.items() if ">>>" not in (inspect.getdoc(value) or "")] == []


def test_the_list_of_public_names_has_what_is_listed_nowhere_else():
    """What is named in `__all__` of a public module is in the list, or is listed by another."""
    listed = list(public_objects().values())
    for module in public_modules().values():
        for name in module.__all__:
            value = getattr(module, name)
            assert inspect.ismodule(value) or any(value is each for each in listed)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", [name for name in OBJECTS if examples_of(name)])
def test_the_examples_of_a_public_name_run(name, tmp_path, monkeypatch):
    if (package := NEEDS.get(name.rpartition(".")[0])) is not None:
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    said = []
    for test in examples_of(name):
        runner.run(test, out=said.append)
    plt.close("all")
    assert "".join(said) == ""
