"""docs/metrics.md runs, and names what there is."""

import os
import re
import subprocess
import sys
from pathlib import Path

from eval_suite.protocol import PROTOCOLS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "metrics.md").read_text("utf-8")


def test_the_snippets_run_one_after_the_other(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    assert len(blocks) == 3
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [line.split(" ")[0] for line in done.stdout.splitlines()[:3]] == list(PROTOCOLS)
    assert "'Exact': 0.0" in done.stdout.splitlines()[-1]


def test_every_protocol_and_folder_is_in_the_guide() -> None:
    for name in PROTOCOLS:
        assert f"`{name}`" in GUIDE
    for folder in (ROOT / "eval_suite" / "metrics").glob("*/__init__.py"):
        assert folder.parent.name in GUIDE
