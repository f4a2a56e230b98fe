"""Save, load, merge, push and open by a stranger: five families of decoders end in identical logits."""

from tests.hub.client import ROOT, run_python, succeed


def test_five_families_end_in_identical_logits(hub, tmp_path):
    succeed(run_python(hub, tmp_path / "home", "-m", "tests.hub.push_families", tmp_path))
    script = [ROOT / "tests" / "hub" / "load_families.py", ROOT, tmp_path]
    found = succeed(run_python(hub, tmp_path / "stranger", "-I", *script, cwd=tmp_path))
    assert found.split() == ["llama", "True", "gpt2", "True", "gpt-neox", "True", "bloom", "True", "opt", "True"]
