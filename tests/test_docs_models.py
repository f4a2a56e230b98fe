"""docs/models.md runs, and its tables are what the commands print; benchmarks/gpu_check.py says what it cannot do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import meit_models
from meit_training.dry_run import paper_rows, table

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "models.md").read_text("utf-8")
CHECKLIST = (ROOT / "docs" / "gpu-checklist.md").read_text("utf-8")
SCRIPT = ROOT / "benchmarks" / "gpu_check.py"


def test_the_snippets_run_one_after_the_other(tmp_path, monkeypatch):
    pytest.importorskip("bitsandbytes", reason="needs bitsandbytes: pip install bitsandbytes")
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "merged" / "adapter").is_dir()
    assert {type(part).__name__ for part in names["small"].modules()} >= {"Linear4bit"}


def test_the_list_in_the_guide_is_what_the_command_prints():
    printed = meit_models.terminal(meit_models.listing()).split("\n\n")[0].splitlines()[1:]
    assert all(line in GUIDE.splitlines() for line in printed)


@pytest.mark.slow
def test_the_papers_table_in_the_guide_is_what_the_command_prints():
    assert "\n".join(table(paper_rows()).splitlines()[:-1]) in GUIDE


@pytest.fixture
def checks(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    import gpu_check

    return gpu_check


def test_without_a_gpu_every_check_says_so():
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        capture_output=True,
        text=True,
        check=False,
        env={**_environment(), "CUDA_VISIBLE_DEVICES": ""},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    names = re.findall(r"^\| `(\w[\w-]*)` \|", CHECKLIST, re.M)
    assert [line.split()[0] for line in lines] == names
    assert all(line.endswith("skipped: no CUDA") for line in lines)
    assert last == f"0 passed, 0 FAILED, {len(names)} skipped"


def test_what_a_cpu_can_check_is_checked(checks, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--device", "cpu", "--only", "bf16", "training", "mamba_ssm"])
    assert checks.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].split() for line in lines[:3]] == [
        ["bf16", "passed"],
        ["training", "passed"],
        ["mamba_ssm", "skipped"],
    ]


def test_a_check_that_fails_is_a_line_and_an_exit_code(checks, monkeypatch, capsys):
    def wrong(bench):
        raise checks.Wrong("largest difference 7")

    monkeypatch.setitem(checks.CHECKS, "bf16", (True, wrong))
    monkeypatch.setattr(checks, "make_bench", lambda folder, device: object())
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--device", "cpu", "--only", "bf16"])
    assert checks.main() == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first == "bf16                FAILED: Wrong: largest difference 7"
    assert last == "0 passed, 1 FAILED, 0 skipped"


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
