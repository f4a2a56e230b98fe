"""Which checkpoint a run goes on from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset_scripts.record import EcgInputError

# The trainer writes the weights first and its state last; a run killed in between leaves a checkpoint without it. One
# without a scheduler was saved for its weights only: the trainer would go on from it with a fresh optimizer.
NEEDED = ("scheduler.pt", "trainer_state.json")
STREAM = "stream.json"  # beside them where the rows were streamed, written last


def checkpoint_to_resume(asked: str | bool | None, output_dir: str | Path, streaming: bool = False) -> str | None:
    """The checkpoint folder for the trainer's `resume_from_checkpoint`; None to begin anew.

    Args:
        asked: None or false; true for the newest whole checkpoint in `output_dir`; or the folder of one.
        output_dir: of the run.
        streaming: whether the run streams its rows.

    Raises:
        EcgInputError: for a folder that is no whole checkpoint, or where there is none; or one of a run that streamed
            its rows where this one does not.
    """
    checkpoint = _named(asked, output_dir, (*NEEDED, STREAM) if streaming else NEEDED)
    if checkpoint is not None and not streaming and (Path(checkpoint) / STREAM).is_file():
        raise EcgInputError(f"{checkpoint} is of a run that streamed its rows; go on with streaming=true")
    return checkpoint


def _named(asked: str | bool | None, output_dir: str | Path, needed: Sequence[str]) -> str | None:
    word = str(asked).lower()
    if asked is None or word == "false":
        return None
    if word != "true":
        if not _is_whole(Path(str(asked)), needed):
            raise EcgInputError(f"{asked} is no whole checkpoint ({' or '.join(needed)} is missing); name another")
        return str(asked)
    folders = [folder for folder in Path(output_dir).glob("checkpoint-*") if folder.name[11:].isdigit()]
    whole = [folder for folder in folders if _is_whole(folder, needed)]
    if not whole:
        raise EcgInputError(f"{output_dir} holds no whole checkpoint; leave resume_from_checkpoint out to begin anew")
    return str(max(whole, key=lambda folder: int(folder.name[11:])))


def _is_whole(folder: Path, needed: Sequence[str]) -> bool:
    return all((folder / name).is_file() for name in needed)
