"""One commit to a repository of the Hub, read back and compared before it is called done."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils.sha import git_hash, sha_fileobj

from dataset_scripts.record import EcgInputError

MAIN = "main"
_KINDS = {"model": "", "dataset": "datasets/", "space": "spaces/"}


class HubError(OSError):
    """The Hub refused, could not be reached, or holds something else than was sent; one line, with what to do."""


@dataclass(frozen=True)
class Pushed:
    """What a push left on the Hub.

    Attributes:
        url: of the repository.
        commit: full hash of the commit that holds the files; pass it as `revision` to load just these.
        removed: files of an earlier push that this commit took away.
        new: False where the branch held just this before, so that no commit was made.
    """

    url: str
    commit: str
    removed: tuple[str, ...] = ()
    new: bool = True


def check_target(repo_id: str) -> None:
    """Refuse what can be refused without asking the Hub.

    Raises:
        EcgInputError: the id is not one, or no token is set.
    """
    if repo_id.count("/") != 1:
        raise EcgInputError(f"{repo_id!r} is no repository id, expected user/name as in my-name/my-ecg-model")
    if get_token() is None:
        raise EcgInputError("no token for the Hub: run `hf auth login`, or set HF_TOKEN to one that may write")


def read_text(repo_id: str, path: str, revision: str | None = None, kind: str = "model") -> str | None:
    """A text file on a branch, on main where there is no such branch; None if there is no such file or repository.

    Raises:
        HubError: the Hub refuses or is not reached.
    """
    api = HfApi()
    with _explained(repo_id):
        try:
            # Asked first, as a download would knock for a minute on a Hub that is not there.
            commit = api.repo_info(repo_id, repo_type=kind, revision=revision).sha
            local = api.hf_hub_download(repo_id, path, repo_type=kind, revision=commit)
        except RevisionNotFoundError:
            # A branch that does not exist will begin as main.
            return None if revision in (None, MAIN) else read_text(repo_id, path, MAIN, kind)
        except (RepositoryNotFoundError, RemoteEntryNotFoundError):
            return None
    return Path(local).read_text(encoding="utf-8")


def read_branch(
    repo_id: str, revision: str | None = None, kind: str = "model", *, else_main: bool = True
) -> tuple[str | None, list[str]]:
    """Head and paths of a branch; None and nothing if there is no repository.

    Args:
        repo_id: "user/name".
        revision: branch, tag or commit; None is main.
        kind: "model", "dataset" or "space".
        else_main: read main where there is no such revision, as a branch that is to be written begins from it.

    Raises:
        HubError: the Hub refuses or is not reached, or has no such revision.
    """
    api = HfApi()
    with _explained(repo_id):
        try:
            head = api.repo_info(repo_id, repo_type=kind, revision=revision).sha
        except RevisionNotFoundError:
            if revision in (None, MAIN):
                return None, []
            if not else_main:
                raise
            return read_branch(repo_id, MAIN, kind)
        except RepositoryNotFoundError:
            return None, []
        return head, sorted(_tree(api, repo_id, kind, head))


def download(repo_id: str, pattern: str, kind: str = "model", revision: str | None = None) -> Path:
    """Folder of the files of a repository that match a pattern, from the cache where they are there.

    Raises:
        HubError: the Hub refuses or is not reached.
    """
    with _explained(repo_id):
        return Path(snapshot_download(repo_id, repo_type=kind, revision=revision, allow_patterns=[pattern]))


def push(
    files: Mapping[str, Path | bytes],
    repo_id: str,
    kind: str = "model",
    *,
    message: str,
    private: bool = False,
    revision: str | None = None,
    replaces: Callable[[str], bool] = lambda path: False,
    base: str | None = None,
) -> Pushed:
    """Put files into a repository in one commit, and check what the Hub then holds.

    Not `upload_folder`: it may spread a large folder over several commits, and who loads the model in between would
    get a mixture of two.

    Args:
        files: path in the repository -> local file or content.
        repo_id: "user/name"; made if it is not there.
        kind: "model", "dataset" or "space".
        message: of the commit.
        private: a new repository is private, and an old one must be.
        revision: the branch to write, begun from main if it is not there; None is main.
        replaces: which files of earlier pushes these stand for; those that are no longer among them are removed. One
            file of weights left beside new shards would be loaded in their place.
        base: the commit that some of these files were completed from; None where it does not matter.

    Raises:
        EcgInputError: as `check_target`, or the client refuses a file.
        HubError: the Hub refuses, is not reached or holds other content than was sent, or the repository is public and
            should be private.
    """
    check_target(repo_id)
    api = HfApi(library_name="meit-ecg")
    with _explained(repo_id, writing=True):
        sdk = "gradio" if kind == "space" else None
        api.create_repo(repo_id, repo_type=kind, exist_ok=True, private=private or None, space_sdk=sdk)
        if private and not api.repo_info(repo_id, repo_type=kind).private:
            raise HubError(
                f"{repo_id} exists and is public, so --private would not hold; change it in its settings on the Hub, "
                "or choose another name"
            )
        if revision not in (None, MAIN):
            api.create_branch(repo_id, branch=str(revision), repo_type=kind, exist_ok=True)
        head = api.repo_info(repo_id, repo_type=kind, revision=revision or MAIN).sha
        if base not in (None, head):
            raise HubError(f"somebody else wrote to {repo_id} meanwhile; look at what, and publish again")
        before = _tree(api, repo_id, kind, head)
        removed = sorted(path for path in before if path not in files and replaces(path))
        operations: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(path) for path in removed]
        for path in _unlike(before, files):
            content = files[path]
            operations.append(CommitOperationAdd(path, content if isinstance(content, bytes) else str(content)))
        url = f"{api.endpoint}/{_KINDS[kind]}{repo_id}"
        if not operations:
            return Pushed(url, str(head), new=False)
        commit = api.create_commit(
            repo_id,
            operations,
            commit_message=message,
            repo_type=kind,
            revision=revision or MAIN,
            parent_commit=head,
        ).oid
        wrong = _unlike(_tree(api, repo_id, kind, commit), files)
    if wrong:
        raise HubError(
            f"commit {commit} of {repo_id} does not hold what was sent: {', '.join(wrong)} differ; do not use that "
            "commit, publish again"
        )
    return Pushed(url, commit, tuple(removed))


def _tree(api: HfApi, repo_id: str, kind: str, revision: str | None) -> dict[str, RepoFile]:
    entries = api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type=kind)
    return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}


def _unlike(there: Mapping[str, RepoFile], files: Mapping[str, Path | bytes]) -> list[str]:
    """The files that the Hub does not have, or has with another content."""
    return sorted(path for path, content in files.items() if path not in there or not _same(there[path], content))


def _same(entry: RepoFile, content: Path | bytes) -> bool:
    """Whether a file of the Hub has this content: by SHA-256 where LFS or Xet holds it, else by git's own hash."""
    if entry.size != (len(content) if isinstance(content, bytes) else content.stat().st_size):
        return False
    if entry.lfs is None:
        return entry.blob_id == git_hash(content if isinstance(content, bytes) else content.read_bytes())
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
        return entry.lfs.sha256 == sha_fileobj(stream).hex()


@contextmanager
def _explained(repo_id: str, *, writing: bool = False) -> Iterator[None]:
    """Turn what the Hub's client raises into one line that says what to do."""
    permission = "write" if writing else "read"
    try:
        yield
    except HFValidationError as error:
        raise EcgInputError(f"{repo_id!r} is no repository id: {error}") from error
    except OfflineModeIsEnabled as error:
        raise HubError(
            f"HF_HUB_OFFLINE is set, so the Hub cannot be asked to {permission} {repo_id}; unset it"
        ) from error
    except HTTPError as error:
        raise HubError(_reason(error, repo_id, permission)) from error
    except ValueError as error:
        # The Hub checks the metadata of a card before anything is uploaded.
        raise EcgInputError(f"the Hub's client refuses it: {error}") from error
    except RuntimeError as error:
        # The client wraps what a file's own upload raises.
        if not isinstance(error.__cause__, HTTPError):
            raise
        raise HubError(f"{error} {_reason(error.__cause__, repo_id, permission)}") from error


def _reason(error: HTTPError, repo_id: str, permission: str) -> str:
    if not isinstance(error, HfHubHTTPError):
        return f"the Hub cannot be reached ({error}); look to the network, and to HF_ENDPOINT if it is set"
    said = error.server_message or str(error).splitlines()[0]
    advice = {
        400: "put right what it found wrong",
        401: f"the token is not valid; run `hf auth login`, or set HF_TOKEN to one that may {permission}",
        403: "the token may not write there; take one of role write, and a repository of your own or your organisation"
        if permission == "write"
        else "the token may not read it; ask its owner for access, or take another token",
        404: "no such repository or revision, or the token may not see it",
        409: "something of this name is there already",
        412: "somebody else wrote to the branch meanwhile; look at what, and publish again",
    }
    return f"the Hub refused {repo_id} ({error.response.status_code}: {said}): " + advice.get(
        error.response.status_code, "try again later"
    )
