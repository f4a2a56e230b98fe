"""Generation: with a stand-in that writes down what it is shown, then with a real tiny model."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.feature_extraction_utils import BatchFeature

from dataset_scripts.instructions.prompts import draw_prompt
from dataset_scripts.record import EcgInputError
from eval_suite import report_model
from eval_suite.confidence import sequence_confidence
from eval_suite.controls.ecgs import shuffled_partners
from eval_suite.generate import generate_predictions
from eval_suite.report_model import ReportModel
from eval_suite.rows import SIGNAL_COLUMNS, TEXT_COLUMNS, load_split
from modeling_meit.configuration_ecg_encoder import EcgEncoderConfig
from modeling_meit.feature_extraction_meit import MeitFeatureExtractor
from modeling_meit.modeling_meit import MeitForCausalLM
from modeling_meit.processing_meit import MeitProcessor

TOKENIZER = Path(__file__).parents[1] / "assets" / "tiny_tokenizer"
END, PAD = 1, 0


class StandIn:
    """Model and processor in one: a report is the ECG's mean in microvolts, its token id 2 more than that."""

    config = SimpleNamespace(is_encoder_decoder=False)
    generation_config = SimpleNamespace(max_new_tokens=5, max_length=None, eos_token_id=END)

    def __init__(self) -> None:
        self.batches: list[dict] = []

    def __call__(self, *, ecg, sampling_rate, text, return_tensors, padding) -> BatchFeature:
        assert (return_tensors, padding) == ("pt", True)
        assert all(signal.dtype == np.int16 and signal.shape == (12, 50) for signal in ecg)
        length = max(map(len, text))
        self.batches.append({"text": text, "sampling_rate": sampling_rate})
        values = torch.tensor(np.stack(ecg)).float() / 1000
        ids = torch.zeros(len(text), length, dtype=torch.long)
        return BatchFeature({"input_ids": ids, "ecg_values": values, "ecg_mask": torch.zeros_like(values).bool()})

    def generate(self, input_ids, ecg_values, ecg_mask, return_dict_in_generate, output_scores, **kwargs):
        assert return_dict_in_generate
        assert output_scores
        self.batches[-1] |= {"values": ecg_values, "mask": ecg_mask, "kwargs": kwargs}
        said = (ecg_values.mean(dim=(1, 2)) * 1000).round().long() + 2
        completion = torch.stack([said, torch.full_like(said, END), torch.full_like(said, PAD)], dim=1)
        # Probability 1/2 for what is said, 1/8 for the end; what follows the end must not count.
        scores = [torch.full((len(said), 40), -1e9) for _ in range(3)]
        for step, share in enumerate((0.5, 0.125, 1e-9)):
            scores[step][:, 39] = np.log(1 - share)
            scores[step].scatter_(1, completion[:, step : step + 1], float(np.log(share)))
        return SimpleNamespace(sequences=torch.cat([input_ids, completion], dim=1), scores=scores)

    def batch_decode(self, ids: torch.Tensor, skip_special_tokens: bool) -> list[str]:
        assert skip_special_tokens
        return [f" {row[0] - 2} " for row in ids.tolist()]

    def to(self, device) -> "StandIn":
        return self

    def eval(self) -> "StandIn":
        return self


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr(report_model, "load_report_model", lambda folder, dtype: made)
    monkeypatch.setattr(report_model.AutoProcessor, "from_pretrained", lambda folder, **kwargs: made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def rows(data_folder: Path):
    return load_split(data_folder, "validation", (*TEXT_COLUMNS, *SIGNAL_COLUMNS, "report", "report_raw"))


def test_every_row_gets_its_own_report_in_the_rows_order(stand_in, folder, rows, tmp_path) -> None:
    out = tmp_path / "predictions.parquet"
    texts = generate_predictions(folder, rows, out, batch_size=3, generation={"num_beams": 2}, device="cpu")
    assert texts == [str(i) for i in range(20)]
    table = pq.read_table(out).to_pydict()
    assert list(table) == ["ecg_id", "patient_id", "prompt", "reference", "prediction", "confidence"]
    assert table["ecg_id"] == list(rows["ecg_id"])
    assert table["patient_id"] == list(rows["patient_id"])
    assert table["prompt"] == list(rows["prompt"])
    assert table["reference"] == list(rows["report"])
    assert table["prediction"] == texts
    assert table["confidence"] == pytest.approx([(0.5 * 0.125) ** 0.5] * 20)
    lengths = [len(text) for batch in stand_in.batches for text in batch["text"]]
    assert lengths == sorted(lengths)
    assert [len(batch["text"]) for batch in stand_in.batches] == [3] * 6 + [2]
    assert stand_in.batches[0]["kwargs"] == {"num_beams": 2}
    assert stand_in.batches[0]["sampling_rate"] == [100, 100, 100]


def test_a_blank_ecg_is_zeros_after_the_processor(stand_in, folder, rows, tmp_path) -> None:
    assert set(generate_predictions(folder, rows, tmp_path / "p.parquet", ecg="blank", device="cpu")) == {"0"}
    assert not stand_in.batches[0]["values"].any()
    assert stand_in.batches[0]["mask"].all()


def test_a_shuffled_ecg_is_another_patients_of_the_whole_split(stand_in, folder, rows, tmp_path) -> None:
    texts = generate_predictions(folder, rows, tmp_path / "p.parquet", ecg="shuffled", seed=4, limit=7, device="cpu")
    assert texts == [str(row) for row in shuffled_partners(list(rows["patient_id"]), 4)[:7]]
    assert all(int(text) // 2 != i // 2 for i, text in enumerate(texts))


def test_the_language_is_left_out_on_request(stand_in, folder, rows, tmp_path) -> None:
    out = tmp_path / "p.parquet"
    generate_predictions(folder, rows, out, language_told=False, text_column="report_raw", device="cpu")
    table = pq.read_table(out).to_pydict()
    assert table["prompt"] == [draw_prompt(ecg_id, None) for ecg_id in rows["ecg_id"]]
    assert all(told.startswith(prompt) for told, prompt in zip(rows["prompt"], table["prompt"], strict=True))
    assert table["reference"] == list(rows["report_raw"])


def test_predictions_are_kept_only_for_the_same_settings(stand_in, folder, rows, tmp_path) -> None:
    out = tmp_path / "p.parquet"

    def batches(**settings) -> int:
        stand_in.batches.clear()
        chosen = settings.pop("rows", rows)
        texts = generate_predictions(folder, chosen, out, device="cpu", **settings)
        assert len(texts) == settings.get("limit", 20)
        return len(stand_in.batches)

    assert batches() == 1
    assert batches() == 0
    assert batches(batch_size=7) == 0
    assert batches(limit=5) == 1
    assert batches(generation={"num_beams": 2}) == 1
    assert batches(ecg="blank") == 1
    assert batches(ecg="shuffled") == batches(ecg="shuffled", seed=1) == 1
    assert batches(language_told=False) == 1
    assert batches(rows=rows.select(range(20)[::-1])) == 1
    assert batches() == 1
    (folder / "config.json").write_text('{"num_ecg_tokens": 2}')
    assert batches() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ecg": "none"}, "expected one of true, blank, shuffled"),
        ({"limit": 0}, "limit 0"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"generation": {"num_return_sequences": 2}}, "num_return_sequences"),
        ({"dtype": "int8"}, "dtype 'int8', expected one of float32"),
    ],
)
def test_settings_that_cannot_be_are_refused(stand_in, folder, rows, tmp_path, settings: dict, message: str) -> None:
    with pytest.raises(EcgInputError, match=message):
        generate_predictions(folder, rows, tmp_path / "p.parquet", **settings)
    assert not (tmp_path / "p.parquet").exists()


def test_prompts_without_a_language_do_not_pass_for_told(stand_in, folder, rows, tmp_path) -> None:
    bare = rows.map(lambda row: {"prompt": draw_prompt(row["ecg_id"], None)})
    with pytest.raises(EcgInputError, match="name no language"):
        generate_predictions(folder, bare, tmp_path / "p.parquet")


def test_a_length_limit_must_come_from_somewhere(stand_in, folder, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stand_in, "generation_config", SimpleNamespace(eos_token_id=END))
    with pytest.raises(EcgInputError, match="give max_new_tokens"):
        generate_predictions(folder, rows, tmp_path / "p.parquet")
    assert len(generate_predictions(folder, rows, tmp_path / "p.parquet", generation={"max_new_tokens": 9})) == 20


@pytest.mark.parametrize("name", ["no-such-folder/anywhere/at-all", "{empty}"])
def test_what_is_no_model_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EcgInputError, match=r"no config\.json|neither a folder nor a model"):
        ReportModel(name.format(empty=tmp_path))


def tiny_llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        initializer_range=0.3,
    )
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("beams", [1, 3])
def test_confidence_is_the_libraries_transition_scores(beams: int) -> None:
    model = tiny_llama()
    ids = torch.randint(3, 320, (6, 5))
    ends = list(range(3, 40))  # many, so that rows end at different lengths
    output = model.generate(
        ids, max_new_tokens=12, num_beams=beams, eos_token_id=ends, output_scores=True, return_dict_in_generate=True
    )
    completion = output.sequences[:, 5:]
    scores = model.compute_transition_scores(
        output.sequences, output.scores, getattr(output, "beam_indices", None), normalize_logits=beams == 1
    )
    ended = torch.isin(completion, torch.tensor(ends)).int()
    kept = (ended.cumsum(1) - ended) == 0
    expected = [row[k].mean().exp().item() for row, k in zip(scores, kept, strict=True)]
    assert sequence_confidence(completion, output, ends) == pytest.approx(expected, rel=1e-4)
    assert len({int(k.sum()) for k in kept}) > 1


@pytest.fixture(scope="module")
def meit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(TOKENIZER)
    encoder = EcgEncoderConfig(
        preset="small", duration=0.5, stem_width=8, depths=[1, 1], widths=[8, 8], strides=[2, 2], projector_width=16
    )
    backbone = tiny_llama()
    backbone.generation_config.update(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, max_new_tokens=8
    )
    folder = tmp_path_factory.mktemp("meit")
    MeitForCausalLM.from_backbone(backbone, ecg_config=encoder, ecg_norm="rms").eval().save_pretrained(folder)
    MeitProcessor(MeitFeatureExtractor(100, duration=0.5), tokenizer).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_real_folder_reports_the_same_in_any_batch(meit_folder: Path, waves, tmp_path: Path) -> None:
    model = ReportModel(meit_folder, device="cpu")
    at_once = generate_predictions(model, waves, tmp_path / "a.parquet")
    one_by_one = generate_predictions(model, waves, tmp_path / "b.parquet", batch_size=1)
    blank = generate_predictions(model, waves, tmp_path / "c.parquet", ecg="blank")
    assert at_once == one_by_one
    assert any(at_once)
    assert at_once != blank
    confidence = pq.read_table(tmp_path / "a.parquet")["confidence"].to_numpy()
    assert ((confidence > 0) & (confidence <= 1)).all()
    beams = generate_predictions(model, waves, tmp_path / "d.parquet", generation={"num_beams": 2, "max_new_tokens": 4})
    assert len(beams) == len(waves)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_rows_of_like_length_together_change_no_report(meit_folder: Path, waves, tmp_path: Path) -> None:
    model = ReportModel(meit_folder, device="cpu")
    plain = generate_predictions(model, waves, tmp_path / "a.parquet", batch_size=6)
    alike = ["x" * (row * 7 % 20) for row in range(len(waves))]
    assert plain == generate_predictions(model, waves, tmp_path / "b.parquet", batch_size=6, alike=alike)


@pytest.fixture(scope="module")
def waves(rows):
    """The rows with signals that no check for flat leads minds."""
    draw = np.random.default_rng(1)
    signals = [draw.integers(-900, 900, (12, 50), dtype=np.int16).tolist() for _ in range(len(rows))]
    return rows.remove_columns("signal").add_column("signal", signals, feature=rows.features["signal"])


def test_an_ecg_the_processor_refuses_is_named(meit_folder: Path, rows, tmp_path: Path) -> None:
    with pytest.raises(EcgInputError, match="refuses the batch: row 0: this ECG cannot be read"):
        generate_predictions(meit_folder, rows, tmp_path / "p.parquet", device="cpu")
