"""A model's card credits the data that it learnt from, also where a repository holds several archives'."""

import pytest

from tests.hub.client import run_python
from tests.tiny import save_tiny_model_folder

DATA = "tester/several"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model_folder(tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(scope="module")
def several(hub, built, tmp_path_factory):
    """A repository with two archives' configurations under two licences; the commit before the second came."""
    home = tmp_path_factory.mktemp("home")
    commits = []
    for name in ("ptb-xl", "mimic-iv-ecg"):
        done = run_python(hub, home, "-m", "meit_cli", "publish", "dataset", built / name, DATA)
        assert done.returncode == 0, done.stderr
        commits.append(done.stdout.split()[-1])
    return commits[0]


def publish(hub, tmp_path, model, *options):
    arguments = [model, "tester/model", "--license", "apache-2.0", "--data", DATA, *options]
    done = run_python(hub, tmp_path / "home", "-m", "meit_cli", "publish", "model", *arguments)
    return done.returncode, done.stderr or hub.files("tester/model")["README.md"].decode()


@pytest.mark.parametrize(
    ("config", "licence", "other"), [("ptb-xl", "cc-by-4.0", "odbl"), ("mimic-iv-ecg", "odbl", "cc-by-4.0")]
)
def test_the_configuration_that_is_named_is_credited(hub, several, model, tmp_path, config, licence, other):
    code, card = publish(hub, tmp_path, model, "--data-config", config)
    assert code == 0, card
    credited = card.partition("## Data")[2].partition("## Limits")[0]
    assert f"licence of the data: {licence}." in credited
    assert other not in credited
    assert credited.count("```bibtex") == 1
    assert config in credited


def test_several_licences_and_none_named_are_refused(hub, several, model, tmp_path):
    code, said = publish(hub, tmp_path, model)
    assert code == 2
    assert "--data-config: one of mimic-iv-ecg, ptb-xl" in said
    code, said = publish(hub, tmp_path, model, "--data-config", "code-15")
    assert code == 2
    assert "has no configuration code-15; name one of mimic-iv-ecg, ptb-xl" in said


def test_a_revision_holds_what_it_held(hub, several, model, tmp_path):
    code, card = publish(hub, tmp_path, model, "--data-revision", several)
    assert code == 0, card
    assert "licence of the data: cc-by-4.0." in card
    assert f"/datasets/{DATA}/tree/{several})" in card
    code, said = publish(hub, tmp_path, model, "--data-revision", "no-such-branch")
    assert code == 2
    assert "no-such-branch" in said
