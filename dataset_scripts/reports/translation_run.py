"""A run of lexicon entries on its way to statements: where the reading stands, and what waits for what."""

from __future__ import annotations

from collections.abc import Sequence

from dataset_scripts.reports.translation_lexicon import Entry
from dataset_scripts.reports.translation_placing import DOUBTFUL, END
from dataset_scripts.reports.translation_statement import Statement, noun_phrase


class Run:
    """The entries, the statements done, the one being written, and the adjectives that wait for their noun."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries: list[Entry] = []
        self.after_comma: set[int] = set()
        for entry in entries:
            if entry.role == "comma":
                self.after_comma.add(len(self.entries))
            else:
                self.entries.append(entry)
        self.at = 0
        self.done: list[str] = []
        self.current: Statement | None = None
        self.pending: list[Entry] = []  # adjectives and hedges that wait for their noun

    def _next(self, ahead: int = 1) -> Entry:
        return self.entries[self.at + ahead] if self.at + ahead < len(self.entries) else END

    def _hedgeable_ahead(self) -> bool:
        """Whether a verdict comes, or adjectives with a noun that may be doubted and has no hedge of its own."""
        ahead = 1
        while self._next(ahead).role in ("a", "b"):
            ahead += 1
        noun = self._next(ahead)
        if noun.role == "v":
            return noun.english != "abnormal"  # no reader calls an ecg "probably abnormal"
        hedged = self._next(ahead + 1).role in ("h", "hw")
        return ahead > 1 and ((noun.role in DOUBTFUL and not hedged) or noun.english.endswith("ecg"))

    def _says_again(self, current: Statement, noun: Entry) -> bool:
        general = current.head.english if current.head else ""
        return general.endswith("ventricular hypertrophy") and noun.english.endswith(general)

    def _statement(self) -> Statement:
        if self.current is None:
            self.current = Statement()
        return self.current

    def _settle(self) -> None:
        """Gives adjectives that found no noun a place of their own."""
        if not self.pending:
            return
        pending, self.pending = self.pending, []
        if self.current and (self.current.open or self.current.items is not None):
            self._attach(noun_phrase(pending, None))
        else:
            self._close()
            self.current = Statement(before=pending)

    def _close(self) -> None:
        self._settle()
        if self.current and (text := self.current.english()):
            self.done.append(text)
        self.current = None

    def _attach(self, text: str) -> None:
        current = self._statement()
        if current.items == [] or (current.items is not None and not current.open):
            current.items.append(text)
        else:
            current.add(text)
        current.open = current.leads = False
