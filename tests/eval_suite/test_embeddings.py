"""ECGs embedded by a model's own encoder, kept and used again."""

from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from eval_suite.controls.embeddings import NoEcgEncoderError, ecg_embeddings
from eval_suite.report_model import ReportModel
from eval_suite.rows import load_split
from tests.tiny import save_tiny_model_folder


class Encoder:
    """Two tokens of three numbers: the mean in millivolts, and how many samples were measured."""

    def __init__(self) -> None:
        self.calls = 0
        self.base_model = self

    def encode_ecg(self, ecg_values: torch.Tensor, ecg_mask: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        means, measured = ecg_values.mean(dim=(1, 2)), ecg_mask.float().sum(dim=(1, 2))
        return torch.stack([means, measured], dim=1)[:, :, None].expand(-1, 2, 3)


def extract(signals, sampling_rate, return_tensors):
    assert return_tensors == "pt"
    assert list(sampling_rate) == [100] * len(signals)
    assert all(signal.dtype == np.int16 and signal.shape == (12, 50) for signal in signals)
    values = torch.tensor(np.stack(signals)).float() / 1000
    return {"ecg_values": values, "ecg_mask": torch.ones_like(values).bool()}


@pytest.fixture
def model() -> SimpleNamespace:
    return SimpleNamespace(
        model=Encoder(),
        processor=SimpleNamespace(feature_extractor=extract),
        device=torch.device("cpu"),
        fingerprint="abc",
        dtype="float32",
        folder=Path("some-model"),
    )


@pytest.fixture
def rows(data_folder: Path):
    return load_split(data_folder, "validation", ("ecg_id", "signal", "sampling_rate", "report"))


def test_every_row_is_embedded_in_its_order_once(model, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("eval_suite.controls.embeddings._BATCH", 8)
    out = tmp_path / "new" / "embeddings.parquet"
    found = ecg_embeddings(model, rows, out)
    # Row i's signal is i microvolts everywhere.
    expected = np.stack([np.arange(20) / 1000, np.full(20, 600)], axis=1).repeat(3, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert pq.read_table(out)["ecg_id"].to_pylist() == list(rows["ecg_id"])
    assert model.model.calls == 3
    np.testing.assert_array_equal(ecg_embeddings(model, rows, out), found)
    assert model.model.calls == 3


@pytest.mark.parametrize("change", ["model", "dtype", "rows"])
def test_other_settings_embed_anew(model, rows, tmp_path, change) -> None:
    out = tmp_path / "embeddings.parquet"
    ecg_embeddings(model, rows, out)
    if change == "model":
        model.fingerprint = "def"
    elif change == "dtype":
        model.dtype = "bfloat16"
    found = ecg_embeddings(model, rows, out, limit=5 if change == "rows" else None)
    assert len(found) == (5 if change == "rows" else 20)
    assert model.model.calls == 2


def test_nothing_is_kept_where_no_file_is_named(model, rows, tmp_path) -> None:
    assert ecg_embeddings(model, rows, limit=3).shape == (3, 6)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_an_encoder_is_said_before_a_signal_is_read(model, tmp_path) -> None:
    model.model.base_model = object()
    rows = None
    with pytest.raises(NoEcgEncoderError, match="some-model has no method encode_ecg"):
        ecg_embeddings(model, rows, tmp_path / "e.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_saved_models_own_encoder_is_asked(tmp_path) -> None:
    opened = ReportModel(save_tiny_model_folder(tmp_path / "model"), device="cpu")
    signals = np.random.default_rng(0).integers(-900, 900, (3, 12, 1000), dtype=np.int16)
    rows = datasets.Dataset.from_dict(
        {"ecg_id": ["a", "b", "c"], "signal": signals.tolist(), "sampling_rate": [100] * 3},
        datasets.Features(
            ecg_id=datasets.Value("string"),
            signal=datasets.List(datasets.List(datasets.Value("int16"))),
            sampling_rate=datasets.Value("int32"),
        ),
    )
    found = ecg_embeddings(opened, rows, tmp_path / "embeddings.parquet")
    with torch.no_grad():
        expected = opened.model.meit.encode_ecg(torch.tensor(signals).float() / 1000).flatten(1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found, axis=0).max() > 1e-3
