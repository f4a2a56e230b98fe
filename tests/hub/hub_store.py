"""Repositories, commits and accounts of the tests' Hub, in memory; `hub_server` speaks HTTP for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import yaml

LFS_ENDINGS = (".safetensors", ".bin", ".parquet", ".arrow", ".pt", ".npy")
LFS_FROM_BYTES = 10_000_000
DATE = "2024-01-01T00:00:00.000Z"
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}


class HubError(Exception):
    """An answer that is not a success.

    Args:
        status: of HTTP.
        message: as the Hub words it, in X-Error-Message and in the body.
        code: X-Error-Code, by which the client picks its exception.
        headers: further ones.
        body: further fields of the JSON body.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers, self.body = headers or {}, body or {}


@dataclass(frozen=True)
class File:
    """One file of one commit."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def _stored(self) -> bytes:
        """What git holds: the file, or the pointer to the object that holds it."""
        if not self.lfs:
            return self.data
        version = "https://git-lfs.github.com/spec/v1"
        return f"version {version}\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def blob_id(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self._stored) + self._stored).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.blob_id

    def entry(self, path: str) -> dict[str, Any]:
        """As tree listings and paths-info describe it."""
        found: dict[str, Any] = {"type": "file", "path": path, "size": len(self.data), "oid": self.blob_id}
        if self.lfs:
            found["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self._stored)}
        return found


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, File]
    parent: Commit | None = None

    @property
    def summary(self) -> dict[str, Any]:
        authors = [{"user": "tester"}]
        return {"id": self.oid, "title": self.title, "message": "", "date": DATE, "authors": authors}

    def history(self) -> list[Commit]:
        return [self, *(self.parent.history() if self.parent else [])]


def front_matter(card: str) -> dict[str, Any]:
    """The YAML header of a README.

    Raises:
        HubError: as the Hub refuses a header that is no mapping.
    """
    if not card.startswith("---\n"):
        return {}
    try:
        header = yaml.safe_load(card.split("---\n", 2)[1])
    except (yaml.YAMLError, IndexError) as error:
        raise HubError(400, "invalid metadata", body={"errors": [{"message": str(error)}]}) from error
    if not isinstance(header, dict):
        raise HubError(400, "invalid metadata", body={"errors": [{"message": "the metadata is no mapping"}]})
    return header


class Repo:
    """One repository with its branches and tags; `main` exists from the start."""

    def __init__(self, kind: str, repo_id: str, private: bool):
        self.kind, self.repo_id, self.private = kind, repo_id, private
        first = Commit(hashlib.sha1(f"{kind}/{repo_id}".encode()).hexdigest(), "initial commit", {})
        self.branches = {"main": first}
        self.tags: dict[str, Commit] = {}
        self.all_commits = [first]

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or a full or short hash means."""
        for named in (self.branches, self.tags):
            if revision in named:
                return named[revision]
        for commit in self.all_commits:
            if len(revision) >= 7 and commit.oid.startswith(revision):
                return commit
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def file(self, revision: str, path: str) -> tuple[Commit, File]:
        commit = self.at(revision)
        if path not in commit.files:
            raise HubError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.oid})
        return commit, commit.files[path]

    def commit(self, branch: str, title: str, files: dict[str, File]) -> Commit:
        parent = self.branches[branch]
        content = json.dumps([len(self.all_commits), title, parent.oid, {p: f.sha256 for p, f in files.items()}])
        made = Commit(hashlib.sha1(content.encode()).hexdigest(), title, files, parent)
        self.all_commits.append(made)
        self.branches[branch] = made
        return made

    def tree(self, revision: str, folder: str, recursive: bool) -> list[dict[str, Any]]:
        """Entries below a folder, files and folders."""
        files = self.at(revision).files
        prefix = f"{folder}/" if folder else ""
        below = {path[len(prefix) :]: file for path, file in files.items() if path.startswith(prefix)}
        if folder and not below:
            raise HubError(404, f"{folder} does not exist on {revision}", "EntryNotFound")
        parents = {"/".join(path.split("/")[:depth]) for path in below for depth in range(1, path.count("/") + 1)}
        entries = [{"type": "directory", "path": prefix + path, "size": 0, "oid": "0" * 40} for path in parents]
        entries += [file.entry(prefix + path) for path, file in below.items()]
        near = [entry for entry in entries if recursive or "/" not in entry["path"][len(prefix) :]]
        return sorted(near, key=lambda entry: entry["path"])

    def info(self, revision: str) -> dict[str, Any]:
        """As `/api/models/ID` describes the repository at a revision."""
        commit = self.at(revision)
        card = front_matter(commit.files["README.md"].data.decode()) if "README.md" in commit.files else {}
        name = {"modelId": self.repo_id} if self.kind == "models" else {}
        return {
            **name,
            "id": self.repo_id,
            "author": self.repo_id.split("/")[0],
            "sha": commit.oid,
            "private": self.private,
            "gated": False,
            "disabled": False,
            "lastModified": DATE,
            "createdAt": DATE,
            "downloads": 0,
            "likes": 0,
            "tags": card.get("tags", []),
            "pipeline_tag": card.get("pipeline_tag"),
            "library_name": card.get("library_name"),
            "cardData": card,
            "siblings": [
                {"rfilename": path, "size": len(file.data), "blobId": file.blob_id}
                for path, file in sorted(commit.files.items())
            ],
        }


@dataclass
class HubStore:
    """Everything the server knows.

    Attributes:
        tokens: token -> account and role ("write" or "read").
        repos: (kind, id) -> repository, kind "models", "datasets" or "spaces".
        objects: LFS objects by their SHA-256.
        damage: path of a file that the next commit stores with one byte changed; a test of the client's checks.
    """

    tokens: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {"hf_writer": ("tester", "write"), "hf_reader": ("tester", "read")}
    )
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    damage: str | None = None

    def account(self, token: str | None) -> tuple[str, str] | None:
        """Name and role behind a token; None for an anonymous visitor."""
        if token is None:
            return None
        if token not in self.tokens:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.tokens[token]

    def repo(self, kind: str, repo_id: str, token: str | None, write: bool = False) -> Repo:
        """A repository that the token may see and, where asked, write."""
        account = self.account(token)
        found = self.repos.get((kind, repo_id))
        owner = account is not None and account[0] == repo_id.split("/")[0]
        if found is None or (found.private and not owner):
            # The Hub does not tell a stranger whether a private repository exists.
            raise HubError(401 if account is None else 404, "Repository not found", "RepoNotFound")
        if write and account is None:
            raise HubError(401, "Invalid username or password.")
        if write and (not owner or account[1] != "write"):
            raise HubError(403, "Forbidden: you do not have permission to write here, or your token is read-only")
        return found

    def create(self, kind: str, repo_id: str, private: bool, token: str | None) -> Repo:
        account = self.account(token)
        if account is None:
            raise HubError(401, "Invalid username or password.")
        if account[1] != "write" or account[0] != repo_id.split("/")[0]:
            raise HubError(403, f"You don't have the rights to create a {kind[:-1]} under the namespace {repo_id}")
        if (kind, repo_id) in self.repos:
            raise HubError(409, f"You already created this {kind[:-1]} repo")
        return self.repos.setdefault((kind, repo_id), Repo(kind, repo_id, private))

    def stored(self, path: str, data: bytes, lfs: bool) -> File:
        if path == self.damage:
            self.damage = None
            data = bytes([data[0] ^ 1]) + data[1:]
        return File(data, lfs)
