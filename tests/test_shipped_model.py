"""The shipped checkpoint: its code is this project's, it opens in two lines, and its card says what it must."""

import re
import sys
from pathlib import Path

import pytest

from checkpoints import shipped

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "modeling_meit"


@pytest.fixture(scope="module")
def folder():
    return shipped()


def test_remote_code_is_byte_identical(folder):
    ours = {file.name: file.read_bytes() for file in CODE.glob("*.py") if file.name != "__init__.py"}
    theirs = {file.name: file.read_bytes() for file in folder.glob("*.py")}
    assert theirs == ours, "run `python checkpoints/ship.py --refresh`"


def test_weights_are_small_and_hold_no_pickle(folder):
    assert sum(file.stat().st_size for file in folder.glob("*.safetensors")) < 40e6
    assert not [file.name for file in folder.iterdir() if file.suffix in {".bin", ".pt", ".pkl"}]


def test_card_names_data_licence_controls_and_use(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\n")
    for needed in (
        "license:",
        "PTB-XL",
        "CC BY 4.0",
        "10.13026/kfzx-aw45",
        "Research use only",
        "blank ECG",
        "meit eval",
    ):
        assert needed in card, needed


def test_no_path_of_a_machine(folder):
    for file in folder.iterdir():
        if file.suffix in {".json", ".md", ".jinja"}:
            assert not re.search(r"/(work|home|root|tmp|Users)/", file.read_text(encoding="utf-8")), file.name


@pytest.mark.parametrize(
    "block", re.findall(r"```python\n(.*?)```", (ROOT / "docs/../README.md").read_text("utf-8"), re.S)
)
def test_readme_snippet_names_what_exists(block):
    compile(block, "README", "exec")
    for folder in re.findall(r'"((?:checkpoints|examples|recipes)/[^"]+)"', block):
        assert (ROOT / folder).exists() or (ROOT / f"{folder}.hea").exists(), folder


def test_readme_two_lines_and_report(monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["readme"])
    exec("\n".join(blocks[:2]), {})
    written = capsys.readouterr().out.strip()
    assert len(written.split()) >= 2
    assert "<" not in written
