"""The `evaluate` modules, loaded by path in a process of their own without network, give the project's own values."""

import json
import os
import subprocess
import sys
from pathlib import Path

import evaluate
import pytest

from eval_suite.metrics.text import metric_names, text_metrics
from tests.eval_suite.tiny_bert import make_tiny_bert
from tests.eval_suite.word_pairs import pairs_of_words

ROOT = Path(__file__).parents[2]
MODULES = ("bleu", "meteor", "rouge", "cider_d", "exact_match")
SCRIPT = """
import json, sys
import evaluate
given = json.load(sys.stdin)
loaded = [evaluate.load(f"./eval_suite/metrics/{name}") for name in given["modules"]]
alone = {}
for metric in loaded:
    alone.update(metric.compute(predictions=given["predictions"], references=given["references"]))
loaded[0].add_batch(predictions=given["predictions"][:10], references=given["references"][:10])
loaded[0].add_batch(predictions=given["predictions"][10:], references=given["references"][10:])
batches = loaded[0].compute()
combined = evaluate.combine(loaded).compute(predictions=given["predictions"], references=given["references"])
try:
    loaded[0].compute(predictions=["a"], references=[" "])
except ValueError as error:
    refused = str(error)
found = {"alone": alone, "combined": combined, "batches": batches, "refused": refused,
         "described": loaded[0].description}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def pairs() -> tuple[list[str], list[str]]:
    return pairs_of_words(40)


@pytest.fixture(scope="module")
def found(pairs: tuple, tmp_path_factory: pytest.TempPathFactory) -> dict:
    given = {"modules": MODULES, "predictions": pairs[0], "references": pairs[1]}
    environment = {**os.environ, "HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        input=json.dumps(given),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_they_cover_every_column_with_our_values(found: dict, pairs: tuple) -> None:
    assert set(found["alone"]) == set(metric_names())
    assert found["alone"] == pytest.approx(text_metrics(*pairs), abs=1e-12)
    assert found["combined"] == found["alone"]
    assert found["batches"] == {name: found["alone"][name] for name in found["batches"]}


def test_they_describe_themselves_and_refuse_empty_references(found: dict) -> None:
    assert "sacrebleu" in found["described"]
    assert "Tokens: lower-cased" in found["described"]
    assert "reference of row 0" in found["refused"]


def test_every_folder_is_listed_here() -> None:
    folders = {path.parent.name for path in (ROOT / "eval_suite" / "metrics").glob("*/__init__.py")}
    assert folders == {*MODULES, "bert_score"}


def test_bert_score_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bert_score", reason="needs bert-score: pip install bert-score")
    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    make_tiny_bert(tmp_path / "tiny-bert")
    module = evaluate.load(str(ROOT / "eval_suite/metrics/bert_score"), cache_dir=str(tmp_path))
    same = module.compute(predictions=["sinus rhythm"], references=["sinus rhythm"], model=str(tmp_path / "tiny-bert"))
    assert same == pytest.approx({f"BERTScore-{part} (tiny-bert)": 1.0 for part in ("P", "R", "F1")}, abs=1e-5)
