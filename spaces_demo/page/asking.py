"""What the model is asked and how it answers: model, prompt and generation options, as pickers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from dataset_scripts.errors import EcgInputError
from dataset_scripts.instructions.prompts import draw_prompt, prompt_set, without_language
from dataset_scripts.reports.language import LANGUAGES
from spaces_demo.page import render

if TYPE_CHECKING:
    from spaces_demo.engine.states import ReportOptions
    from spaces_demo.service.demo import Demo

LONGEST_PROMPT = 1000
USUAL = without_language(draw_prompt("", "en"))
"""The instruction that `meit report` gives."""


class Asking(NamedTuple):
    """The components that say what is asked.

    Attributes:
        model: its picker.
        inputs: all components, in the order of `asked`'s arguments after the demo.
    """

    model: gr.Dropdown
    inputs: list[Any]


class Asked(NamedTuple):
    """What one request asks.

    Attributes:
        model: name under which it is configured.
        prompt: instruction.
        options: how it generates.
    """

    model: str
    prompt: str
    options: ReportOptions


def add_asking(demo: Demo) -> Asking:
    """Add the pickers; a field for any other model only where the operator allowed it."""
    names = list(demo.engine.names)
    model = gr.Dropdown(
        names, value=names[0], label="Model", elem_id="model", filterable=False, info=_description(demo, names[0])
    )
    languages = [(name, code) for code, name in LANGUAGES.items()]
    language = gr.Radio(languages, value="en", label="Language of the report", elem_id="language")
    model.change(
        lambda name: gr.update(info=_description(demo, name)),
        model,
        model,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=None,
    )
    if demo.settings.allow_any_model:
        _add_any_model(demo, model)
    with gr.Accordion("Instruction and advanced options", open=False, elem_id="advanced"):
        templates = [USUAL, *(prompt for prompt in prompt_set() if prompt != USUAL)]
        template = gr.Dropdown(templates, value=USUAL, label="Instruction", elem_id="template")
        free = gr.Textbox(
            "",
            label="Your own instruction",
            info="Takes the place of the instruction above, language included.",
            max_length=LONGEST_PROMPT,
            lines=2,
            elem_id="free-prompt",
        )
        temperature = gr.Slider(
            0, 1.5, 0, step=0.05, label="Temperature", info="0 always takes the likeliest word.", elem_id="temperature"
        )
        with gr.Row():
            beams = gr.Slider(1, 4, 1, step=1, label="Beams", info="More than 1: text at the end.", elem_id="beams")
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**31 - 1, elem_id="seed")
    return Asking(model, [model, language, template, free, temperature, beams, seed])


def asked(
    model: str, language: str, template: str, free: str, temperature: float, beams: float, seed: float | None
) -> Asked:
    """What the components say as one request."""
    from spaces_demo.engine.states import ReportOptions

    prompt = free.strip() or f"{template} Write the report in {LANGUAGES[language]}."
    options = ReportOptions(temperature=float(temperature), num_beams=int(beams), seed=int(seed or 0))
    return Asked(model, prompt, options)


def _description(demo: Demo, name: str) -> str:
    return next((entry.description for entry in demo.settings.models if entry.name == name), "")


def _add_any_model(demo: Demo, model: gr.Dropdown) -> None:
    with gr.Accordion("Another model (its code runs on this machine)", open=False, elem_id="any-model"):
        source = gr.Textbox(
            "",
            label="Folder, or Hub id with its commit",
            placeholder="owner/name@40 hex digits",
            max_length=300,
        )
        add = gr.Button("Add this model", size="sm")
        says = gr.HTML()

    def added(source: str) -> tuple[Any, str]:
        try:
            name = demo.chosen_model(source.strip())
        except EcgInputError as problem:
            return gr.update(), render.error(problem)
        return gr.update(choices=list(demo.engine.names), value=name), render.message("good", f"{name} was added.")

    add.click(added, source, [model, says], api_visibility="private")
