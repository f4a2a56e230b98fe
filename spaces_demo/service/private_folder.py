"""The one folder that the server writes to, and the settings that Gradio takes from the environment."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path

_LOCK = threading.Lock()
_SETTINGS = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False"}
_path: Path | None = None
_users = 0


def open_private_folder() -> Path:
    """Make the folder of this process, readable by this user alone, and let Gradio write there and phone nobody.

    Gradio takes its folder from the environment whenever it makes a part of the page or stores a file, so a process has
    one folder, which is there as long as any of its servers runs.
    """
    global _path, _users
    with _LOCK:
        if _path is None:
            _path = Path(tempfile.mkdtemp(prefix="meit-demo-")).resolve()
            os.environ.update(_SETTINGS, GRADIO_TEMP_DIR=str(_path))
        elif _users == 0:
            # Not `exist_ok`: whoever made it meanwhile is somebody else.
            _path.mkdir(mode=0o700)
        _users += 1
        return _path


def close_private_folder() -> None:
    """Remove the folder and all in it, if no other server of this process uses it."""
    global _users
    with _LOCK:
        _users -= 1
        if _users == 0 and _path is not None:
            shutil.rmtree(_path, ignore_errors=True)


def is_inside(path: str | Path, folder: Path) -> bool:
    """Whether a path, followed through links and "..", lies below a folder."""
    try:
        return folder in Path(os.path.realpath(path)).parents
    except ValueError:  # a null character
        return False
