"""Which checkpoint a run goes on from."""

from __future__ import annotations

from pathlib import Path

from dataset_scripts.record import EcgInputError

# The trainer writes the weights first and its state last; a run killed in between leaves a checkpoint without it. One
# without a scheduler was saved for its weights only: the trainer would go on from it with a fresh optimizer.
NEEDED = ("scheduler.pt", "trainer_state.json")


def checkpoint_to_resume(asked: str | bool | None, output_dir: str | Path) -> str | None:
    """The checkpoint folder for the trainer's `resume_from_checkpoint`; None to begin anew.

    Args:
        asked: None or false; true for the newest whole checkpoint in `output_dir`; or the folder of one.
        output_dir: of the run.

    Raises:
        EcgInputError: for a folder that is no whole checkpoint, or where there is none.
    """
    word = str(asked).lower()
    if asked is None or word == "false":
        return None
    if word != "true":
        if not _is_whole(Path(str(asked))):
            raise EcgInputError(f"{asked} is no whole checkpoint ({' or '.join(NEEDED)} is missing); name another")
        return str(asked)
    folders = [folder for folder in Path(output_dir).glob("checkpoint-*") if folder.name[11:].isdigit()]
    whole = [folder for folder in folders if _is_whole(folder)]
    if not whole:
        raise EcgInputError(f"{output_dir} holds no whole checkpoint; leave resume_from_checkpoint out to begin anew")
    return str(max(whole, key=lambda folder: int(folder.name[11:])))


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in NEEDED)
