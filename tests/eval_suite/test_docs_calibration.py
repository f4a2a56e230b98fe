"""docs/calibration.md: its commands exist, and it names what the code has."""

import re
import shlex
from pathlib import Path

import meit_cli
from eval_suite.calibration.abstention import CHANCE, ERRORS
from eval_suite.confidence import CONFIDENCE
from modeling_meit.configuration_meit import ABSTENTION_FIELDS

GUIDE = (Path(__file__).parents[2] / "docs" / "calibration.md").read_text("utf-8")


def test_its_commands_are_understood() -> None:
    blocks = re.findall(r"```bash\n(.*?)```", GUIDE, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    assert len(lines) == 3
    for line in lines:
        command, *arguments = shlex.split(line)
        assert command == "meit"
        meit_cli._parser().parse_args(arguments)


def test_it_names_every_error_and_field() -> None:
    for name in (*ERRORS, *ABSTENTION_FIELDS, CONFIDENCE):
        assert f"`{name}`" in GUIDE, name
    assert f"`--chance` ({CHANCE})" in GUIDE
