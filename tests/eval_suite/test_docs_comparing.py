"""docs/comparing.md: every command is one, and every column it speaks of is there."""

import re
import shlex
from pathlib import Path

import pytest

import meit_cli
from eval_suite.comparing.comparison import LOWER_IS_BETTER
from eval_suite.comparing.leaderboard import SHOWN, SORTED_BY

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "comparing.md").read_text("utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", GUIDE, re.S)
COMMANDS = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines() if line.startswith("meit ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_is_one(command: str) -> None:
    arguments = meit_cli._parser().parse_args(shlex.split(command)[1:])
    assert callable(arguments.run)


def test_the_guide_is_of_these_tables() -> None:
    assert {command.split()[2] for command in COMMANDS if command.startswith("meit eval")} == {
        *("compare", "leaderboard", "zero-shot")
    }
    assert f"`{SORTED_BY}`" in GUIDE
    header = next(line for line in GUIDE.splitlines() if line.startswith("| system | rank |"))
    shown = [name for name in SHOWN if name != "METEOR (no WordNet)"]
    less = [f"{name} (less is better)" if name in LOWER_IS_BETTER else name for name in shown]
    assert header == f"| system | rank | {' | '.join(less)} |"
