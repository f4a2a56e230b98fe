"""The abstention threshold in `MeitConfig`: what it must hold, and that nothing else of the model depends on it."""

import pytest

from modeling_meit.configuration_meit import ABSTENTION_FIELDS, MeitConfig
from tests.tiny import tiny_model

SHARE = {"value": 0.6, "low": 0.55, "high": 0.65}
ABSTENTION = {
    "confidence": "some-confidence-1",
    "threshold": 0.86,
    "error": "findings",
    "target": 0.3,
    "chance": 0.1,
    "share_answered": SHARE,
    "error_answered": {"value": 0.24, "low": 0.2, "high": 0.26},
    "data": "some-set",
    "split": "validation",
    "text_column": "report",
    "language_told": True,
    "languages": {"de": 0.75, "sv": 0.25},
    "dtype": "float32",
    "rows": 1072,
    "patients": 960,
}


def test_it_is_kept_and_none_by_default(tmp_path):
    assert ABSTENTION.keys() == ABSTENTION_FIELDS.keys()
    fields = tiny_model().config.to_dict()
    MeitConfig.from_dict({**fields, "abstention": ABSTENTION}).save_pretrained(tmp_path / "with")
    assert MeitConfig.from_pretrained(tmp_path / "with").abstention == ABSTENTION
    MeitConfig.from_dict(fields).save_pretrained(tmp_path / "without")
    assert MeitConfig.from_pretrained(tmp_path / "without").abstention is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 1.2}, "a number from 0 to 1"),
        ({"threshold": True}, "a number from 0 to 1"),
        ({"target": "0.3"}, "a number from 0 to 1"),
        ({"target": float("nan")}, "a number from 0 to 1"),
        ({"error": ""}, "a text"),
        ({"rows": 0}, "a positive whole number"),
        ({"rows": 3.5}, "a positive whole number"),
        ({"patients": float("inf")}, "a positive whole number"),
        ({"share_answered": 0.6}, "value, low and high"),
        ({"language_told": 1}, "true or false"),
        ({"languages": ["de"]}, "a dict of name and share"),
        ({"languages": {"de": 0.75}}, "add up to 1"),
        ({"error_answered": {**SHARE, "low": None}}, "value, low and high"),
    ],
)
def test_what_it_cannot_hold_is_refused(change, message):
    (name,) = change
    with pytest.raises(ValueError, match=rf"abstention\['{name}'\] is .*, expected .*{message}"):
        MeitConfig(abstention={**ABSTENTION, **change})


@pytest.mark.parametrize("bad", [0.86, {}, {**ABSTENTION, "more": 1}, {"threshold": 0.8}])
def test_other_fields_are_refused(bad):
    with pytest.raises(ValueError, match=r"abstention is .*, expected None or a dict of"):
        MeitConfig(abstention=bad)
