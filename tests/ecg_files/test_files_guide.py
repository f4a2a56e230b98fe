"""docs/files.md runs, and what it says of formats and limits is so."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from ecg_files.limits import Limits
from tests.ecg_files.hostile import CASES
from tests.ecg_files.test_formats_agree import FORMATS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "files.md").read_text("utf-8")


def test_the_snippets_run(monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == 2
    monkeypatch.chdir(ROOT)
    for block in blocks:
        exec(block, {})
    assert capsys.readouterr().out == "WFDB (12, 5000) 500 ()\n['normal']\n"


def test_the_commands_are_understood():
    import argparse

    from meit_commands import report

    parser = argparse.ArgumentParser()
    report.add(parser)
    lines = re.search(r"```bash\n(.*?)```", GUIDE, re.S)[1].splitlines()
    assert len(lines) == 3
    for line in lines:
        command = shlex.split(line)
        assert command[:2] == ["meit", "report"]
        assert parser.parse_args(command[2:]).record == command[2]


def test_every_format_is_in_both_tables():
    table, measured = (GUIDE.index("| format | found"), GUIDE.index("| format | size"))
    for kind in FORMATS:
        assert f"| {kind}" in GUIDE[table:measured]
        assert f"| {kind} |" in GUIDE[measured:]


@pytest.mark.parametrize("field", fields(Limits), ids=lambda field: field.name)
def test_limits_are_the_defaults(field):
    said = re.search(rf"^\| `{field.name}`[^|]*\| ([\d.]+) ?(\w*)", GUIDE, re.M)
    unit = {"MiB": 1 << 20, "h": 3600}.get(said[2], 1)
    assert float(said[1]) * unit == field.default


def test_the_number_of_hostile_uploads():
    assert f"holds {len(CASES)} uploads" in GUIDE
