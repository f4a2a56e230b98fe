"""The snippet of docs/drawing.md runs and writes what it says."""

import re
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent.parent


def test_the_snippet_runs(tmp_path, monkeypatch):
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "drawing.md").read_text("utf-8"), re.S)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(snippet, names)
    assert Image.open("ecg.png").size == (1100, 850)
    assert Path("ecg.pdf").read_bytes().startswith(b"%PDF-")
    assert Path("ecg.svg").read_text("utf-8").startswith("<?xml")
    assert names["inside_a_page"].startswith("<svg ")
