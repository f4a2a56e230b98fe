"""Which visitors' states Gradio keeps where there are more than it has room for: those of pages."""

from __future__ import annotations

from gradio.state_holder import StateHolder


class PagesFirst(StateHolder):
    """Holds the states of as many pages as its capacity says, and as many others.

    Gradio makes a state for each call of the API too and never removes it. Its own holder counts them with the pages',
    so that calls would push out the page of a visitor who only reads. Here they push out one another. A page that goes
    as the oldest of too many is closed, as if its visitor had left.
    """

    def update(self, session_id: str) -> None:
        """Note that a state is used, and remove the oldest of too many."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
            surplus = self._surplus()
        for each in surplus:
            self.delete_state(each)
            with self.lock:
                self.session_data.pop(each, None)
                self.time_last_used.pop(each, None)

    def _surplus(self) -> list[str]:
        pages: list[str] = []
        others: list[str] = []
        for session_id, state in list(self.session_data.items()):
            # A call, or a page whose state is gone, has nothing to lose.
            (pages if state.state_data else others).append(session_id)
        return [each for kind in (pages, others) for each in kind[: max(0, len(kind) - self.capacity)]]
