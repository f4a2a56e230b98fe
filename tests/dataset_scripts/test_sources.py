from __future__ import annotations

import inspect
import types
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from dataset_scripts.sources import REGISTRY, Source, source_class
from dataset_scripts.sources.licences import LICENCES, licence_of

SIMPLE = {int, float, str, bool}


def is_simple(kind: object) -> bool:
    if get_origin(kind) in (Union, types.UnionType):
        *choices, last = get_args(kind)
        return last is type(None) and len(choices) == 1 and is_simple(choices[0])
    if get_origin(kind) is tuple:
        of, more = get_args(kind)
        return of in SIMPLE and more is Ellipsis
    return kind in SIMPLE


@pytest.mark.parametrize("name", REGISTRY)
def test_options_are_of_types_that_a_command_line_can_read(name: str):
    made = source_class(name).__init__
    hints = get_type_hints(made)
    folder, rate, *options = list(inspect.signature(made).parameters)[1:]
    assert (folder, rate, hints[rate]) == ("src", "sampling_rate", int)
    assert [option for option in options if not is_simple(hints[option])] == []


@pytest.mark.parametrize("name", REGISTRY)
def test_a_source_says_what_the_protocol_asks_for(name: str):
    source = source_class(name)
    wanted = set(get_type_hints(Source)) - {"sampling_rate"}
    assert [attribute for attribute in wanted if not hasattr(source, attribute)] == []
    assert (source.licence_name, source.licence_link) == licence_of(source.licence)[:2]
    for text in (source.licence_condition, *([source.patients_unknown] if source.patients_unknown else [])):
        assert text[0].isupper()
        assert text.endswith(".")
    assert bool(source.patients_unknown) == (name == "cinc")


def test_licences():
    assert licence_of("odbl").condition.startswith("Attribution and share-alike")
    assert all(licence.link.startswith("https://") for licence in LICENCES.values())
    for none in ("other", "unknown", ""):
        assert licence_of(none)[:2] == ("none stated", "")
    assert licence_of("gpl-3.0")[:2] == ("gpl-3.0", "")
