"""Several systems from one set of draws: the numbers of the functions that take one or two."""

import numpy as np
import pytest

from eval_suite import side_by_side
from eval_suite.findings.scores import finding_statistics
from eval_suite.metrics.text import text_statistics
from eval_suite.side_by_side import compare_with_first
from eval_suite.statistics import bootstrap, paired_difference

REFERENCES = ["sinus rhythm normal ecg", "atrial fibrillation", "sinus bradycardia", "left axis deviation"] * 6
SYSTEMS = {
    "a": REFERENCES[:12] + REFERENCES[13:] + REFERENCES[:1],
    "b": REFERENCES[1:] + REFERENCES[:1],
    "c": ["sinus rhythm"] * 24,
    "d": [""] * 24,
}
PATIENTS = [f"p{row // 3}" for row in range(24)]


@pytest.mark.parametrize("most_numbers", [60_000_000, 1])
def test_equals_one_by_one(monkeypatch: pytest.MonkeyPatch, most_numbers: int) -> None:
    """The second case takes one control at a time."""
    monkeypatch.setattr(side_by_side, "_MOST_NUMBERS", most_numbers)
    kinds = {
        "text": {name: text_statistics(texts, REFERENCES) for name, texts in SYSTEMS.items()},
        "findings": {name: finding_statistics(texts, REFERENCES) for name, texts in list(SYSTEMS.items())[:3]},
        "alone": {"a": text_statistics(SYSTEMS["a"], REFERENCES)},
    }
    found = compare_with_first(kinds, PATIENTS, samples=150, seed=4)
    for kind, systems in kinds.items():
        assert list(found[kind].systems) == list(systems)
        assert list(found[kind].differences) == list(systems)[1:]
        for name, statistics in systems.items():
            alone = bootstrap(statistics, PATIENTS, samples=150, seed=4)
            assert list(found[kind].systems[name]) == list(alone)
            np.testing.assert_allclose(list(found[kind].systems[name].values()), list(alone.values()), atol=1e-12)
        for name in list(systems)[1:]:
            alone = paired_difference(systems["a"], systems[name], PATIENTS, samples=150, seed=4)
            np.testing.assert_allclose(list(found[kind].differences[name].values()), list(alone.values()), atol=1e-12)
    assert found["text"].differences["d"]["BLEU-1"].low > 0
