"""An abstention threshold goes to the Hub with its model, and comes back from there."""

import json

from eval_suite.calibration.abstention import Target
from eval_suite.model_folder import folder_fingerprint, read_config
from eval_suite.predictions import write_predictions
from eval_suite.rows import load_reports
from eval_suite.tasks.calibration import run_calibration
from tests.eval_suite.conftest import write_split
from tests.hub.client import run_python, succeed
from tests.tiny import save_tiny_model_folder

STRANGER = """
import json
from transformers import AutoConfig
print(json.dumps(AutoConfig.from_pretrained("tester/abstains", trust_remote_code=True).abstention))
"""


def test_a_threshold_is_published_and_read_by_a_stranger(hub, built, tmp_path):
    data, model = built / "ptb-xl", save_tiny_model_folder(tmp_path / "model")
    measured = tmp_path / "measured"
    write_split(measured, "validation", 60)
    rows = load_reports(measured, "validation")
    columns = {
        "ecg_id": rows.ecg_ids,
        "patient_id": rows.patient_ids,
        "prompt": ["Read it."] * len(rows),
        "reference": rows.reports,
        "prediction": rows.reports,
        "confidence": [1 - row / 1000 for row in range(len(rows))],
    }
    settings = {"model": folder_fingerprint(model), "dtype": "float32", "ecg": "true", "generation": {}}
    write_predictions(tmp_path / "predictions.parquet", columns, settings)
    run_calibration(
        tmp_path / "predictions.parquet",
        measured,
        "validation",
        target=Target("critical", 0.8),
        store=model,
        samples=20,
    )
    stored = read_config(model / "config.json")["abstention"]
    assert stored["error"] == "critical"

    command = ("-m", "meit_cli", "publish", "model", model, "tester/abstains", "--data", data)
    succeed(run_python(hub, tmp_path / "home", *command, "--license", "apache-2.0"))
    assert hub.files("tester/abstains")["config.json"] == (model / "config.json").read_bytes()
    read = succeed(run_python(hub, tmp_path / "another-home", "-c", STRANGER, token=None, cwd=tmp_path))
    assert json.loads(read.splitlines()[-1]) == stored
