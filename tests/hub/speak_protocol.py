"""Run by test_hub_server.py: goes through the client's interface and prints what it got as JSON."""

import json
import sys
from pathlib import Path

from huggingface_hub import CommitOperationDelete, HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

folder, kind = Path(sys.argv[1]), sys.argv[2]
api, repo = HfApi(), f"tester/{kind}"
got: dict = {"whoami": api.whoami()["name"], "url": api.create_repo(repo, repo_type=kind, private=True)}
assert api.create_repo(repo, repo_type=kind, exist_ok=True) == got["url"]


def failure(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except HfHubHTTPError as error:
        return [type(error).__name__, error.response.status_code]
    return None


def read(revision, name="big.bin"):
    path = hf_hub_download(repo, name, repo_type=kind, revision=revision)
    return Path(path).read_bytes().decode()


first = api.upload_folder(repo_id=repo, repo_type=kind, folder_path=folder).oid
again = api.upload_folder(repo_id=repo, repo_type=kind, folder_path=folder).oid
got["nothing new, no commit"] = again == first
api.create_tag(repo, tag="v/1", repo_type=kind)
api.create_branch(repo, branch="trial", repo_type=kind)
api.upload_file(path_or_fileobj=b"second", path_in_repo="big.bin", repo_id=repo, repo_type=kind)
api.upload_file(path_or_fileobj=b"third", path_in_repo="big.bin", repo_id=repo, repo_type=kind, revision="trial")
api.create_commit(repo, [CommitOperationDelete("sub/a.txt")], commit_message="drop", repo_type=kind, revision="trial")

got["contents"] = {name: read(name) for name in ("main", "v/1", "trial", first)}
got["text"] = read("main", "sub/a.txt")
got["files"] = {name: api.list_repo_files(repo, repo_type=kind, revision=name) for name in ("main", "trial")}
got["top"] = [entry.path for entry in api.list_repo_tree(repo, repo_type=kind)]
refs = api.list_repo_refs(repo, repo_type=kind)
got["refs"] = [sorted(ref.name for ref in group) for group in (refs.branches, refs.tags)]
got["titles"] = [commit.title for commit in api.list_repo_commits(repo, repo_type=kind)]
got["snapshot"] = sorted(p.name for p in Path(snapshot_download(repo, repo_type=kind)).rglob("*") if p.is_file())
report = api.verify_repo_checksums(repo, repo_type=kind, revision="v/1", local_dir=folder)
got["verified"] = [report.checked_count, report.mismatches, report.missing_paths, report.extra_paths]
prefix = {"model": "", "dataset": "datasets/"}[kind]
with HfFileSystem().open(f"{prefix}{repo}/big.bin", revision=first, block_size=4) as stream:
    stream.seek(6)
    got["range"] = stream.read(3).decode()

got["errors"] = {
    "no entry": failure(hf_hub_download, repo, "none.txt", repo_type=kind),
    "no revision": failure(hf_hub_download, repo, "big.bin", repo_type=kind, revision="none"),
    "no repository": failure(api.repo_info, "tester/none", repo_type=kind),
    "private, no token": failure(api.repo_info, repo, repo_type=kind, token=False),
    "wrong token": failure(api.whoami, token="hf_wrong"),
    "somebody else's name": failure(api.create_repo, "other/mine", repo_type=kind),
    "reading token": failure(
        api.upload_file,
        path_or_fileobj=b"x",
        path_in_repo="x",
        repo_id=repo,
        repo_type=kind,
        token="hf_reader",
    ),
    "there already": failure(api.create_repo, repo, repo_type=kind),
    "moved on": failure(
        api.upload_file,
        path_or_fileobj=b"x",
        path_in_repo="x",
        repo_id=repo,
        repo_type=kind,
        parent_commit=first,
    ),
}
assert issubclass(RemoteEntryNotFoundError, HfHubHTTPError)
assert issubclass(RepositoryNotFoundError, HfHubHTTPError)
assert issubclass(RevisionNotFoundError, HfHubHTTPError)
print(json.dumps(got))
