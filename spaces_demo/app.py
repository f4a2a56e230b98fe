"""What a Space of the Hugging Face Hub runs: the demo, with the project's packages beside this file.

`meit publish space` puts it at the root of the Space's repository. `models.json` beside it, where there is one, lists
the models; else it is the one that comes with the packages.
"""

from __future__ import annotations

import os
from pathlib import Path

if os.environ.get("SPACES_ZERO_GPU"):
    import spaces  # noqa: F401  (before torch, which it makes wait for the GPU that a call is lent)

from spaces_demo.engine.models import read_models
from spaces_demo.service.launch import launch
from spaces_demo.service.settings import Settings


def main() -> None:
    """Serve until stopped, where the Space's machine says."""
    models = Path(__file__).with_name("models.json")
    launch(
        Settings(
            host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
            port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
            models=read_models(models if models.is_file() else None),
            root_path=os.environ.get("GRADIO_ROOT_PATH", ""),
            embedded="SPACE_ID" in os.environ,
        )
    )


if __name__ == "__main__":
    main()
