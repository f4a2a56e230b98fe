"""Kinds of corruption chosen by name and level, and what the guide says of them."""

import re
from pathlib import Path

import pytest

from dataset_scripts.errors import EcgInputError
from eval_suite.corruptions.kinds import KINDS, find_corruptions, kinds_table


def test_kinds_are_chosen_by_name_and_level() -> None:
    every = find_corruptions()
    assert [corruption.kind.name for corruption in every if corruption.level == corruption.kind.levels[0]] == list(
        KINDS
    )
    some = find_corruptions(["gaussian:10:0", "limb-swap:RA/LA", "gaussian:10", "gain"], seed=4)
    assert [corruption.label for corruption in some] == [
        *("gaussian 10 dB", "gaussian 0 dB", "limb-swap RA/LA", "gain 0.5", "gain 0.8", "gain 1.25", "gain 2")
    ]
    assert {corruption.seed for corruption in some} == {4}
    assert [corruption.number for corruption in some][:3] == [10, 0, 1]
    assert some[0].settings == {"kind": "gaussian", "version": 1, "level": 10.0, "seed": 4}
    listed = kinds_table()
    assert all(f"{kind.name}: {kind.title}" in listed and kind.source in listed for kind in KINDS.values())


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["gausian"], r"no corruption 'gausian'; did you mean 'gaussian'\? .known: gaussian, "),
        (["xyz"], "no corruption 'xyz' .known: gaussian, "),
        (["gaussian:loud"], "gaussian has no level 'loud'; expected a number from -60 to 120 .dB"),
        (["limb-swap:RA/L"], "limb-swap has no level 'RA/L'; expected one of RA/LA, RA/LL"),
        (["limb-swap:1"], "expected one of RA/LA, RA/LL"),
        (["chest-electrodes-off:1.5"], "expected a whole number from 1 to 6"),
        (["chest-electrodes-off:7"], "expected a whole number from 1 to 6"),
        (["gain:nan"], "gain has no level 'nan'"),
        (["any-seconds:-1"], "expected a number from 0.1 to 3600 .s"),
        ([], "no kinds of corruption given"),
    ],
)
def test_what_there_is_not_is_refused(chosen: list[str], message: str) -> None:
    with pytest.raises(EcgInputError, match=message):
        find_corruptions(chosen)


def test_the_guide_lists_every_kind_with_its_levels() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "robustness.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in guide.splitlines() if line.startswith("| `")]
    listed = {name.strip("` "): row[3].strip() for row in rows if len(row) == 6 for name in row[1].split(",")}
    levels = {
        kind.name: ", ".join(f"{level:g}" if isinstance(level, float) else level for level in kind.levels)
        for kind in KINDS.values()
    }
    assert {name: text.removesuffix(f" {KINDS[name].unit}") for name, text in listed.items()} == levels


def test_the_guide_has_no_gap_and_says_which_conditions_its_figures_cover() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "robustness.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|TODO|TBD|XXX", guide)) == {"FOLDER_OR_ID", "DIR_OR_ID"}
    command = guide[guide.index("## The shipped model") :].replace("\\\n", "")
    run = find_corruptions(re.findall(r'--kinds "([^"]+)"', command)[0].split(","))
    table = [line.split("|")[1].strip() for line in command.splitlines() if line.startswith("| ")]
    assert table == ["ECG", "clean", *(corruption.label for corruption in run), "blank ECG"]
    assert f"Only {len(run)} of the {len(find_corruptions())} conditions were run" in guide
    assert f"All levels are {len(find_corruptions())} conditions" in guide
