"""Files for the visitor: made in memory, sent as a value, saved by the browser; nothing is written on the server."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr

from dataset_scripts.errors import EcgInputError
from spaces_demo.page import render

Saved = dict[str, str]
"""`name`, `type` (media type) and `content` (base64) of a file, as assets/page.js saves it."""

SAVE_SCRIPT = "(file) => window.meitPage.save(file)"


def as_file(name: str, media_type: str, content: bytes | str) -> Saved:
    """A file's content as the browser takes it."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    return {"name": name, "type": media_type, "content": base64.b64encode(data).decode("ascii")}


def add_buttons(make: Any, inputs: list[Any], kinds: dict[str, str], name: str) -> dict[str, gr.Button]:
    """Add a row of buttons that each save one file.

    Args:
        make: (kind, *values of `inputs`) -> `Saved`; an `EcgInputError` of it is shown below the buttons.
        inputs: components.
        kinds: kind -> what its button says.
        name: of what is saved, for the elements' ids and for screen readers.
    """
    with gr.Row(elem_classes=["saves"]):
        buttons = {
            kind: gr.Button(title, size="sm", elem_id=f"save-{name}-{kind}", min_width=64)
            for kind, title in kinds.items()
        }
    says = gr.HTML(elem_id=f"save-{name}-says")
    file = gr.JSON(visible="hidden", elem_id=f"save-{name}-file")
    for kind, button in buttons.items():

        def made(*values: Any, kind: str = kind) -> tuple[Saved | None, str]:
            try:
                return make(kind, *values), ""
            except EcgInputError as problem:
                return None, render.error(problem)

        event = button.click(
            made, inputs, [file, says], api_visibility="private", show_progress="hidden", concurrency_limit=None
        )
        event.then(None, [file], None, js=SAVE_SCRIPT, api_visibility="private")
    return buttons
