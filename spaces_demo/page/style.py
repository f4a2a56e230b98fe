"""How the page looks: theme, style sheet, and the script that zooms, copies and saves; all of it served from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

_ASSETS = Path(__file__).with_name("assets")
_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "Arial", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")
# Name of a theme's variable -> its value in light and in dark mode.
_COLOURS = {
    "body_background_fill": ("#f3f5f7", "#0f1419"),
    "body_text_color": ("#17212b", "#e8edf2"),
    "body_text_color_subdued": ("#55616d", "#a9b4bf"),
    "background_fill_primary": ("#ffffff", "#171e26"),
    "background_fill_secondary": ("#f5f7f9", "#11171d"),
    "block_background_fill": ("#ffffff", "#171e26"),
    "block_label_text_color": ("#33404c", "#c5ced6"),
    "block_title_text_color": ("#33404c", "#c5ced6"),
    "block_info_text_color": ("#55616d", "#a9b4bf"),
    "border_color_primary": ("#cfd7de", "#36424e"),
    "border_color_accent": ("#0b5a8f", "#7fbdec"),
    "color_accent_soft": ("#e4eef6", "#1b2e3d"),
    "input_background_fill": ("#ffffff", "#11171d"),
    "input_border_color": ("#8a97a3", "#5d6b78"),
    "input_border_color_focus": ("#0b5a8f", "#7fbdec"),
    "input_placeholder_color": ("#64707c", "#98a4b0"),
    "button_primary_background_fill": ("#0b5a8f", "#1f6ea8"),
    "button_primary_background_fill_hover": ("#08476f", "#185c8f"),
    "button_primary_border_color": ("#0b5a8f", "#1f6ea8"),
    "button_primary_text_color": ("#ffffff", "#ffffff"),
    "button_secondary_background_fill": ("#ffffff", "#1f2933"),
    "button_secondary_background_fill_hover": ("#eef2f5", "#2a3641"),
    "button_secondary_border_color": ("#b6c1cb", "#44515e"),
    "button_secondary_text_color": ("#17212b", "#e8edf2"),
    "button_cancel_background_fill": ("#ffffff", "#1f2933"),
    "button_cancel_background_fill_hover": ("#fdeaec", "#3a1a1f"),
    "button_cancel_border_color": ("#b3152a", "#ff8d97"),
    "button_cancel_text_color": ("#b3152a", "#ff8d97"),
    "checkbox_background_color_selected": ("#0b5a8f", "#2b7fbb"),
    "checkbox_border_color": ("#8a97a3", "#5d6b78"),
    "checkbox_border_color_focus": ("#0b5a8f", "#7fbdec"),
    "checkbox_label_background_fill": ("#ffffff", "#171e26"),
    "checkbox_label_background_fill_selected": ("#e4eef6", "#1b2e3d"),
    "checkbox_label_text_color": ("#17212b", "#e8edf2"),
    "checkbox_label_text_color_selected": ("#0b3d60", "#d5e9f8"),
    "slider_color": ("#0b5a8f", "#7fbdec"),
    "link_text_color": ("#0b5a8f", "#7fbdec"),
}


def _theme() -> gr.themes.Base:
    sizes = {"text_size": gr.themes.sizes.text_md, "radius_size": gr.themes.sizes.radius_md}
    theme = gr.themes.Base(primary_hue="sky", neutral_hue="slate", font=_SANS, font_mono=_MONO, **sizes)
    colours = {name: light for name, (light, _) in _COLOURS.items()}
    colours |= {f"{name}_dark": dark for name, (_, dark) in _COLOURS.items()}
    return theme.set(
        **colours,
        block_border_width="0px",
        block_shadow="none",
        block_label_background_fill="transparent",
        input_border_width="1px",
        button_border_width="1px",
        checkbox_border_width="1px",
    )


THEME = _theme()
CSS = (_ASSETS / "style.css").read_text(encoding="utf-8")
HEAD = (
    '<meta name="color-scheme" content="light dark">'
    f"<script>{(_ASSETS / 'page.js').read_text(encoding='utf-8')}</script>"
)


def page_options() -> dict[str, Any]:
    """The arguments of `Blocks.launch` that belong to the page's looks; no font or script comes from elsewhere."""
    return {"theme": THEME, "css": CSS, "head": HEAD, "footer_links": []}
