"""What the tests' Hub answers, one function a route; the paths are those of `huggingface_hub` 2.x."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from tests.hub.hub_store import LFS_ENDINGS, LFS_FROM_BYTES, PREFIXES, File, HubError, front_matter

if TYPE_CHECKING:
    from tests.hub.hub_server import HubRequest

# method, path, function of the request and of the path's groups
ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = []
REPO = r"/api/(models|datasets|spaces)/([^/]+/[^/]+)"
FILES = r"/(?:(datasets|spaces)/)?([^/]+/[^/]+)"


def route(method: str, pattern: str) -> Callable[[Callable], Callable]:
    """Register a function; it gets the groups of the pattern, unquoted."""

    def register(function: Callable) -> Callable:
        ROUTES.append((method, re.compile(pattern), function))
        return function

    return register


@route("GET", "/api/whoami-v2")
def whoami(request: HubRequest) -> None:
    account = request.hub.store.account(request.token)
    if account is None:
        raise HubError(401, "Invalid username or password.")
    token = {"accessToken": {"displayName": "test", "role": account[1]}}
    request.json({"type": "user", "name": account[0], "fullname": account[0], "orgs": [], "auth": token})


@route("POST", "/api/repos/create")
def create(request: HubRequest) -> None:
    asked = json.loads(request.body)
    kind = f"{asked.get('type') or 'model'}s"
    if kind == "spaces" and not asked.get("sdk"):
        raise HubError(400, "Space SDK is required")
    account = request.hub.store.account(request.token)
    repo_id = f"{asked.get('organization') or (account or ('anonymous',))[0]}/{asked['name']}"
    url = f"{request.hub.url}/{PREFIXES[kind]}{repo_id}"
    try:
        request.hub.store.create(kind, repo_id, asked.get("visibility") == "private", request.token)
    except HubError as error:
        error.body = {"url": url}
        raise
    request.json({"url": url, "name": repo_id, "id": repo_id})


@route("POST", "/api/validate-yaml")
def validate_yaml(request: HubRequest) -> None:
    front_matter(json.loads(request.body)["content"])
    request.json({"errors": [], "warnings": []})


@route("GET", REPO + "(?:/revision/([^/]+))?")
def info(request: HubRequest, kind: str, repo_id: str, revision: str | None) -> None:
    request.json(request.repo(kind, repo_id).info(revision or "main"))


@route("GET", REPO + "/tree/([^/]+)(?:/(.+))?")
def tree(request: HubRequest, kind: str, repo_id: str, revision: str, folder: str | None) -> None:
    recursive = request.query.get("recursive", "").lower() in ("true", "1")
    request.json(request.repo(kind, repo_id).tree(revision, folder or "", recursive))


@route("POST", REPO + "/paths-info/([^/]+)")
def paths_info(request: HubRequest, kind: str, repo_id: str, revision: str) -> None:
    entries = {entry["path"]: entry for entry in request.repo(kind, repo_id).tree(revision, "", True)}
    asked = parse_qs(request.body.decode()).get("paths", [])
    request.json([entries[path] for path in asked if path in entries])


@route("GET", REPO + "/commits/([^/]+)")
def commits(request: HubRequest, kind: str, repo_id: str, revision: str) -> None:
    request.json([commit.summary for commit in request.repo(kind, repo_id).at(revision).history()])


@route("GET", REPO + "/refs")
def refs(request: HubRequest, kind: str, repo_id: str) -> None:
    repo = request.repo(kind, repo_id)

    def listed(named: dict, place: str) -> list[dict[str, str]]:
        return [{"name": n, "ref": f"refs/{place}/{n}", "targetCommit": c.oid} for n, c in named.items()]

    request.json({"branches": listed(repo.branches, "heads"), "tags": listed(repo.tags, "tags"), "converts": []})


@route("POST", REPO + "/(branch|tag)/([^/]+)")
def new_ref(request: HubRequest, kind: str, repo_id: str, sort: str, name: str) -> None:
    repo = request.repo(kind, repo_id, write=True)
    asked = json.loads(request.body or b"{}")
    # A branch is named by the path and a tag by the body, beside the revision it is put on.
    start = asked.get("startingPoint", "main") if sort == "branch" else name
    named, name = (repo.branches, name) if sort == "branch" else (repo.tags, asked["tag"])
    if name in named:
        raise HubError(409, f"Reference already exists: {name}")
    named[name] = repo.at(start)
    request.json({})


@route("DELETE", REPO + "/(branch|tag)/([^/]+)")
def drop_ref(request: HubRequest, kind: str, repo_id: str, sort: str, name: str) -> None:
    repo = request.repo(kind, repo_id, write=True)
    if (repo.branches if sort == "branch" else repo.tags).pop(name, None) is None:
        raise HubError(404, f"Reference does not exist: {name}", "RevisionNotFound")
    request.json({})


@route("POST", REPO + "/preupload/([^/]+)")
def preupload(request: HubRequest, kind: str, repo_id: str, branch: str) -> None:
    present = request.repo(kind, repo_id, write=True).at(branch).files
    answers = []
    for file in json.loads(request.body)["files"]:
        path = file["path"]
        large = path.endswith(LFS_ENDINGS) or file["size"] >= LFS_FROM_BYTES
        known = {"oid": present[path].etag} if path in present else {}
        answers.append({"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, **known})
    request.json({"files": answers})


@route("POST", FILES + r"\.git/info/lfs/objects/batch")
def lfs_batch(request: HubRequest, kind: str | None, repo_id: str) -> None:
    request.repo(kind, repo_id, write=True)
    answers = []
    for asked in json.loads(request.body)["objects"]:
        href = f"{request.hub.url}/lfs/{asked['oid']}"
        new = asked["oid"] not in request.hub.store.objects
        actions = {"actions": {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}} if new else {}
        answers.append({"oid": asked["oid"], "size": asked["size"], **actions})
    request.json({"transfer": "basic", "objects": answers})


@route("PUT", "/lfs/([0-9a-f]{64})")
def lfs_upload(request: HubRequest, oid: str) -> None:
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise HubError(400, "the content has another hash than it was announced with")
    request.hub.store.objects[oid] = request.body
    request.send(200, b"", {})


@route("POST", "/lfs/([0-9a-f]{64})/verify")
def lfs_verify(request: HubRequest, oid: str) -> None:
    if len(request.hub.store.objects.get(oid, b"")) != json.loads(request.body)["size"]:
        raise HubError(404, "no such object of this size")
    request.json({})


@route("POST", REPO + "/commit/([^/]+)")
def commit(request: HubRequest, kind: str, repo_id: str, branch: str) -> None:
    repo = request.repo(kind, repo_id, write=True)
    if branch not in repo.branches:
        raise HubError(404, f"Invalid rev id: {branch}", "RevisionNotFound")
    store, title = request.hub.store, ""
    files: dict[str, File] = dict(repo.branches[branch].files)
    for line in request.body.splitlines():
        operation = json.loads(line)
        value = operation["value"]
        if operation["key"] == "header":
            title = value["summary"]
            if value.get("parentCommit") not in (None, repo.branches[branch].oid):
                raise HubError(412, "A commit has happened since. Please refresh and try again.")
        elif operation["key"] == "file":
            files[value["path"]] = store.stored(value["path"], base64.b64decode(value["content"]), lfs=False)
        elif operation["key"] == "lfsFile":
            if value["oid"] not in store.objects:
                raise HubError(400, f"LFS pointer points to a file that does not exist: {value['path']}")
            files[value["path"]] = store.stored(value["path"], store.objects[value["oid"]], lfs=True)
        elif operation["key"] == "deletedFile":
            if files.pop(value["path"], None) is None:
                raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
        else:
            raise HubError(400, f"unknown operation {operation['key']}")
    made = repo.commit(branch, title, files)
    url = f"{request.hub.url}/{PREFIXES[kind]}{repo_id}/commit/{made.oid}"
    request.json({"success": True, "commitOid": made.oid, "commitUrl": url})


@route("GET", FILES + "/resolve/([^/]+)/(.+)")
def resolve(request: HubRequest, kind: str | None, repo_id: str, revision: str, path: str) -> None:
    found_in, file = request.repo(kind, repo_id).file(revision, path)
    headers = {"X-Repo-Commit": found_in.oid, "ETag": f'"{file.etag}"'}
    if not file.lfs:
        request.download(file.data, headers)
        return
    # Large files lie elsewhere: their hash and size stand in the redirect.
    linked = {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(len(file.data))}
    name = quote(f"{kind or 'models'}/{repo_id}/{found_in.oid}/{path}", safe="")
    request.send(302, b"", {**headers, **linked, "Location": f"{request.hub.files_url}/cdn/{name}"})


@route("GET", "/cdn/([^/]+)")
def cdn(request: HubRequest, name: str) -> None:
    """As behind a signed address, which a token would be leaked to."""
    if request.token is not None:
        raise HubError(400, "a token was sent to another host")
    kind, owner, repo, oid, path = name.split("/", 4)
    _, file = request.hub.store.repos[kind, f"{owner}/{repo}"].file(oid, path)
    request.download(file.data, {"ETag": f'"{file.etag}"'})
