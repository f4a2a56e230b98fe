"""A headless Chromium that opens the page of a server with two models, and sees every request that the page makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from checkpoints import shipped
from tests.spaces_demo.service_process import ServiceProcess

MODELS = ("shipped", "its copy")
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
_EDITOR_HAS_DRAFT = """() => {
  const draft = document.querySelector('#draft .report').cloneNode(true);
  draft.querySelectorAll('.unseen').forEach((said) => said.remove());
  const editor = document.querySelector('#editor textarea');
  return !editor.disabled && editor.value !== '' && editor.value.trim() === draft.textContent.trim();
}"""


class Visit:
    """One visitor's page.

    Attributes:
        page: Playwright's.
        hosts: that were asked for anything.
        problems: errors of the page's scripts, answers that are errors, and what the browser complained of.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.hosts: set[str] = set()
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("response", self._note_failure)
        page.on("console", self._note_complaint)
        page.goto(url)
        page.wait_for_selector("#write:enabled")

    def _note_failure(self, response: Any) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status} {response.url}")

    def _note_complaint(self, said: Any) -> None:
        if said.type == "error":
            self.problems.append(said.text)

    def upload(self, *files: Path | dict[str, Any], field: str = "#files") -> None:
        """Give files to a file field, as dropping them does."""
        self.page.set_input_files(f"{field} input[type=file]", list(files))

    def take(self, example: str) -> None:
        """Press the button of an example and wait for its picture."""
        self.page.click(f"#example-{example}")
        self.page.wait_for_selector("#paper svg.ecg")

    def fill_in(self, field: str, value: str) -> None:
        """Type into a field; again where it has just been unfolded, since it then takes its first value once more."""
        place = self.page.locator(field)
        for _ in range(10):
            place.fill(value)
            place.press("Tab")
            self.page.wait_for_timeout(500)
            if place.input_value() == value:
                return
        raise AssertionError(f"{field} shows {place.input_value()!r}, {value!r} was typed")

    def write(self) -> str:
        """Press the button, wait for the end, and return the report as the editor has it."""
        self.page.evaluate("document.querySelector('#draft .draft')?.setAttribute('data-old', '')")
        self.page.click("#write")
        self.page.wait_for_selector("#draft .draft[aria-busy=false]:not([data-old])")
        # The editor takes the draft over one answer of the server later.
        self.page.wait_for_function(_EDITOR_HAS_DRAFT)
        return self.page.input_value("#editor textarea")

    def save(self, button: str) -> tuple[str, bytes]:
        """Press a button that saves a file; its suggested name and content."""
        with self.page.expect_download() as download:
            self.page.click(button)
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()

    def text(self, selector: str) -> str:
        """What one reads there."""
        return self.page.inner_text(selector)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A server with the shipped model and a copy of it under another name."""
    folder = tmp_path_factory.mktemp("browser")
    copy = shutil.copytree(shipped(), folder / "copy")
    models = [{"name": MODELS[0], "source": str(shipped())}, {"name": MODELS[1], "source": str(copy)}]
    (folder / "models.json").write_text(json.dumps(models))
    running = ServiceProcess(folder / "service", "--models", str(folder / "models.json"))
    try:
        yield running
        running.stop()
    finally:
        running.process.kill()
        running.process.wait()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The machine's browser; closed after each module, since its driver keeps an event loop running in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive a browser")
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"needs a browser on the PATH, one of {', '.join(_NAMES)}")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(server: ServiceProcess, chromium: Any) -> Iterator[Any]:
    """Opens a page in a browser profile of its own; afterwards, nobody but the server was asked, and nothing failed."""
    contexts, visits = [], []

    def opened(width: int = 1440, height: int = 900, **options: Any) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        visits.append(Visit(context.new_page(), server.url))
        return visits[-1]

    yield opened
    for context in contexts:
        context.close()
    for each in visits:
        # "" is what the page makes itself: blob: and data:
        assert each.hosts <= {urlsplit(server.url).netloc, ""}
        assert not each.problems, each.problems
