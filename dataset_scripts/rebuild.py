"""The data set that an index was made from, built again from the archive and compared with it row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dataset_scripts.build import SCHEMA_VERSION, BuildResult, PartResult, build, build_part
from dataset_scripts.build_options import BuildOptions
from dataset_scripts.card import BUILD_FILE
from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.translators import NOTHING_SENT, Sending, make_translator
from dataset_scripts.resumable_folder import ResumableFolder
from dataset_scripts.signal_index import IndexMatch, check_against_index, is_index, read_plan


def rebuild(
    source_name: str,
    src: str | Path | None,
    out: str | Path,
    index: Path,
    num_proc: int | None = None,
    fresh: bool = False,
    sending: Sending = NOTHING_SENT,
) -> tuple[BuildResult, IndexMatch]:
    """Builds the data set that an index was made from, with the options it names, and compares every row.

    It is built as `OUT.unverified` and gets its name when the comparison has ended well; else it stays there.

    Args:
        source_name: as for `build`, like the other arguments.
        src: the archive's folder.
        out: folder to write.
        index: folder of the index.
        num_proc: see `build`.
        fresh: see `build`.
        sending: see `build`.

    Raises:
        EcgInputError: as `build` and `check_against_index`, or the index is of another source or made by a version that
            writes other rows.
    """
    plan = _rebuildable(source_name, index, sending)
    folder = ResumableFolder(Path(out), BUILD_FILE)
    unverified = _unverified(folder.out)
    with folder.alone():
        options = BuildOptions.from_json(plan["options"])
        built = build(source_name, src, unverified, plan["sampling_rate"], num_proc, options, fresh, sending)
        match = check_against_index(unverified, index)
        folder.content.rmdir()
        unverified.rename(folder.content)
        folder.finish()
    return BuildResult(folder.out, built.counts, built.dropped), match


def rebuild_part(
    source_name: str,
    src: str | Path | None,
    out: str | Path,
    index: Path,
    part: tuple[int, int],
    num_proc: int | None = None,
    sending: Sending = NOTHING_SENT,
) -> PartResult:
    """Builds the i-th of n parts of what `rebuild` with the same arguments then puts together and compares.

    Args:
        source_name: see `rebuild`.
        src: see there.
        out: see there.
        index: see there.
        part: see `build_part`.
        num_proc: see there.
        sending: see there.

    Raises:
        EcgInputError: as `rebuild`.
    """
    plan = _rebuildable(source_name, index, sending)
    options = BuildOptions.from_json(plan["options"])
    return build_part(source_name, src, _unverified(Path(out)), part, plan["sampling_rate"], num_proc, options, sending)


def _rebuildable(source_name: str, index: Path, sending: Sending) -> dict[str, Any]:
    plan = read_plan(index)
    if not is_index(plan):
        raise EcgInputError(f"--index {index} is a data set with its signals, and needs no rebuilding")
    if plan["builder"] != source_name:
        raise EcgInputError(f"the index is of {plan['builder']}, not of {source_name}; name that as the source")
    translator = make_translator(plan["options"]["translator"], sending)
    for name, ours in (("schema", SCHEMA_VERSION), ("translator", translator.version)):
        if plan[name] != ours:
            raise EcgInputError(
                f"the index was made with {name} {plan[name]} and this version has {ours}, which writes other rows; "
                "install the version of meit-ecg that made it"
            )
    return plan


def _unverified(out: Path) -> Path:
    return out.with_name(f"{out.name}.unverified")
