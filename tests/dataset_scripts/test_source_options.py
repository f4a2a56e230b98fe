from __future__ import annotations

import pytest

from dataset_scripts.record import EcgInputError
from dataset_scripts.source_options import read_options


def test_values_are_of_the_type_that_the_source_says():
    given = {"duration": "5", "num_records": "7", "languages": "en, de", "language_weights": "0.5,0.5"}
    assert read_options("synthetic", given) == {
        "duration": 5.0,
        "num_records": 7,
        "languages": ("en", "de"),
        "language_weights": (0.5, 0.5),
    }
    assert read_options("wfdb-folder", {"public": "true", "title": "true"}) == {"public": True, "title": "true"}
    assert read_options("ptb-xl", {"version": "1.0.1"}) == {"version": "1.0.1"}


@pytest.mark.parametrize(
    ("source", "option", "message"),
    [
        ("synthetic", {"duration": "long"}, "option duration is 'long', expected a number"),
        ("synthetic", {"num_records": "1.5"}, "option num_records is '1.5', expected a whole number"),
        ("wfdb-folder", {"public": "perhaps"}, "option public is 'perhaps', expected true or false"),
        ("ptb-xl", {"edition": "1"}, "the source ptb-xl has no option edition; it has version"),
        ("ptb-xk", {}, "unknown source 'ptb-xk'; did you mean 'ptb-xl'"),
    ],
)
def test_what_does_not_fit_is_named(source, option, message):
    with pytest.raises(EcgInputError, match=message):
        read_options(source, option)
