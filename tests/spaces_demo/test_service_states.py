"""Which visitors' pages lose their state where there are more states than room."""

from types import SimpleNamespace

import gradio as gr
import pytest

from spaces_demo.service.launch import _SESSIONS
from spaces_demo.service.states import PagesFirst
from tests.spaces_demo.service_process import HTTP, service

__all__ = ["service"]


@pytest.fixture
def held():
    """A holder with room for three pages, what was closed, and a function that opens a page."""
    closed = []
    with gr.Blocks() as blocks:
        state = gr.State(None, delete_callback=closed.append)
    blocks.state_session_capacity = 3
    holder = PagesFirst()
    holder.set_blocks(blocks)

    def visit(name):
        holder[name][state._id] = name

    return SimpleNamespace(holder=holder, closed=closed, visit=visit)


def test_calls_without_a_page_push_out_one_another_only(held):
    for name in ("first", "second", "third"):
        held.visit(name)
    for number in range(10):
        assert held.holder[f"call {number}"].state_data == {}
    assert list(held.holder.session_data) == ["first", "second", "third", "call 7", "call 8", "call 9"]
    assert set(held.holder.time_last_used) == set(held.holder.session_data)
    assert held.closed == []


def test_the_page_that_goes_is_the_one_longest_unused_and_it_is_closed(held):
    for name in ("first", "second", "third", "first", "fourth"):
        held.visit(name)
    _ = held.holder["fourth"]  # it had nothing to lose yet when it was last looked at
    assert held.closed == ["second"]
    assert list(held.holder.session_data) == ["third", "first", "fourth"]


def test_the_server_holds_its_states_so(service):
    """A page that waits keeps its session, however often the API is called."""
    api = f"{service.url}/gradio_api"
    (load,) = [
        each["id"]
        for each in HTTP.get(f"{service.url}/config").json()["dependencies"]
        if any(event == "load" for _, event in each["targets"])
    ]
    joined = HTTP.post(f"{api}/queue/join", json={"data": [], "fn_index": load, "session_hash": "visitor"})
    assert joined.status_code == 200, joined.text
    assert "process_completed" in HTTP.get(f"{api}/queue/data?session_hash=visitor").text
    (page,) = service.private_folder().glob("page-*")
    for number in range(_SESSIONS + 1):
        answer = HTTP.post(f"{api}/run/models", json={"data": [], "session_hash": f"call {number}"})
        assert answer.status_code == 200, answer.text
    assert page.is_dir(), "it goes with the session"
