"""What is refused: who asks from elsewhere, and values that cannot be used; nothing of such a request is left."""

import pytest

from tests.made_up_ecg import write_record
from tests.spaces_demo.service_process import HTTP, READ_DEFAULTS, call, service, upload

__all__ = ["service"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "127.0.0.1:{port}"}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Host": "localhost:{port}", "Origin": "http://localhost:{port}"}, 200),
        ({"Host": "rebound.example.org:{port}"}, 403),
        ({"Host": "127.0.0.1.example.org:{port}"}, 403),
        ({"Host": "127.0.0.1:{port}.example.org"}, 403),
        ({"Host": "localhost.example.org"}, 403),
        ({"Host": "[::1"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "http://rebound.example.org:{port}"}, 403),
        ({"Host": "127.0.0.1:{port}", "Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/config", "/gradio_api/call/models"])
def test_only_pages_of_this_machine_are_answered(service, headers, status, path):
    """A name that is made to mean 127.0.0.1 (DNS rebinding) gives a foreign page no way in."""
    port = service.url.rpartition(":")[2]
    headers = {name: value.format(port=port) for name, value in headers.items()}
    send = {"json": {"data": []}} if "call" in path else {}
    answer = HTTP.request("POST" if send else "GET", service.url + path, headers=headers, **send)
    assert answer.status_code == status
    assert (status == 200) or "answers this machine only" in answer.json()["detail"]


REFUSED = {
    "temperature": ("read", 8, 99.0),
    "seed": ("read", 11, "x"),
    "unit": ("read", 4, 5),
    "fs": ("read", 3, "x"),
    "fs 0": ("read", 3, 0),
    "model": ("read", 0, "none"),
    "start": ("read", 7, 1e9),
    "prompt": ("read", 2, "\ud800"),
    "language": ("read", 1, "xx"),
    "kind": ("draw", 0, "gif"),
    "gain": ("draw", 2, 3.0),
    "text": ("occlude", 0, "\udfff"),
    "empty text": ("occlude", 0, " "),
}
DEFAULTS = {
    "read": READ_DEFAULTS,
    "draw": ["png", 25.0, 10.0, None, "", "", "", 0.0],
    "occlude": ["normal", "", "en", "", None, "", "", "", 0.0],
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_request_leaves_no_upload(service, tmp_path, case):
    before = service.stored()
    endpoint, place, value = REFUSED[case]
    options = list(DEFAULTS[endpoint])
    options[place] = value
    record = write_record(tmp_path)
    sent = upload(service.url, *((f"a{end}", record.with_suffix(end).read_bytes()) for end in (".hea", ".dat")))
    _, said = call(service.url, endpoint, sent, *options)
    assert "event: error" in said
    assert "defect" not in said
    assert service.stored() == before


def test_with_one_of_two_files_gone_the_other_goes_too(service):
    before = service.stored()
    gone, left = upload(service.url, ("a.hea", b"a")), upload(service.url, ("b.dat", b"b"))
    call(service.url, "read", gone, *READ_DEFAULTS)
    _, said = call(service.url, "read", [*gone, *left], *READ_DEFAULTS)
    assert "no longer here" in said
    assert service.stored() == before


@pytest.mark.parametrize(("place", "value"), [(3, 5), (7, "x"), (4, "x"), (0, 5), (0, None)])
def test_a_refused_file_in_base64_leaves_nothing(service, place, value):
    before = service.stored()
    data = ["MCAgICAgIA==", "", "en", "", None, "", "", "", 0.0]
    data[place] = value
    _, said = call(service.url, "read_inline", *data)
    assert "event: error" in said
    assert "defect" not in said
    assert service.stored() == before


@pytest.mark.parametrize(("endpoint", "count"), [("read", 13), ("draw", 9), ("occlude", 10), ("read_inline", 9)])
def test_too_few_values_are_the_callers_fault(service, endpoint, count):
    (sent,) = upload(service.url, ("a.hea", b"a"))
    _, said = call(service.url, endpoint, [sent])
    assert f"1 values came that cannot be used, expected {count} of the kinds" in said
    assert "defect" not in said
    last = service.events()[-1]
    assert (last["event"], last["status"]) == ("call", "refused")


@pytest.mark.parametrize(("place", "value", "said"), [(3, 0, "sampling rate"), (3, float("nan"), "fs is nan")])
def test_a_rate_that_is_none_is_not_taken_for_none_given(service, tmp_path, place, value, said):
    record = write_record(tmp_path)
    sent = upload(service.url, *((f"a{end}", record.with_suffix(end).read_bytes()) for end in (".hea", ".dat")))
    options = list(READ_DEFAULTS)
    options[place] = value
    _, answer = call(service.url, "read", sent, *options)
    assert "event: error" in answer
    assert said in answer
