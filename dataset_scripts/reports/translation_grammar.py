"""From words to statements: a report without punctuation is cut where one begins, and each is put in English order.

A noun begins a statement, and so does an inflected adjective, for it stands before its noun ("inferiorer infarkt"); an
adjective without ending, a hedge and a list of leads belong to the noun before them ("infarkt inferior möglich").
"""

from __future__ import annotations

from dataset_scripts.reports.translation_lexicon import DEGREE, DENIAL, HEDGE, PLACE, QUALITY, RATE, SIDE, Entry
from dataset_scripts.reports.translation_placing import (
    AXIS,
    DOUBTFUL,
    END,
    NOUNS,
    belongs_forward,
    more_leads,
    names_fascicle,
    names_leads,
    opens_change,
    place_behind,
    set_off,
)
from dataset_scripts.reports.translation_run import Run
from dataset_scripts.reports.translation_statement import ADVERBS, AGES, Statement, noun_phrase

_EXERCISE = Entry("exercise", "n")
_REPOLARIZATION = Entry("repolarization", "n")  # may be what is normal in "repolarisation normal"
_PROBABLY = Entry("st & t abnormality, probably", "l")


class Writer(Run):
    """Writes the statements of a run, in one pass from left to right: a method for each role."""

    def statements(self) -> list[str]:
        """Returns the statements in English, without full stops."""
        while self.at < len(self.entries):
            entry = self.entries[self.at]
            if entry.role in NOUNS:
                self._noun(entry)
            else:
                getattr(self, f"_on_{entry.role}")(entry, self.at in self.after_comma)
            self.at += 1
        self._close()
        return self.done

    def _noun(self, noun: Entry) -> None:
        current, before = self.current, self.pending
        if current and current.items is not None and noun.english == "lead":
            noun = noun._replace(english="leads")  # "ableitung", cut short
        if current and not current.role and current.tail[:1] == ["under"] and len(current.tail) == 2:
            current.add(":")  # what was seen under exercise
            current.open = True
        if current and current.items == [] and current.tail[-1:] == [", as in"] and noun.role in ("d", "s"):
            current.items, current.open = None, True  # one diagnosis, no list
        if current and current.open:
            self.pending = []
            self._attach(noun_phrase(before, noun))
        elif current and (more := more_leads(current, before, noun)):
            self.pending = []
            current.add(more)
        elif current and current.items is not None and (noun.role == "i" or noun.english == "myocardial damage"):
            self.pending = []
            if current.items and any(at in self.after_comma for at in range(self.at - len(before), self.at + 1)):
                current.items[-1] += f", {noun_phrase(before, noun)}"  # "A, B oder C"
            else:
                self._attach(noun_phrase(before, noun))
        elif current and not before and current.bare and self._says_again(current, noun):
            current.head = noun  # "kammerhypertrophie lvh" names it twice
        elif (
            current and not before and current.bare and current.role == noun.role == "x" and self.at in self.after_comma
        ):
            current.add(f"to {noun.english}")  # "llt/mlt"
        else:
            if noun.english.endswith("hypertrophy") and any(entry.english in AGES for entry in before):
                before = []  # no hypertrophy is acute or chronic: what waited stands alone
            else:
                self.pending = []
            self._close()
            self.current = Statement(head=noun, before=before)

    def _on_e(self, entry: Entry, comma: bool) -> None:  # bigeminy and the like
        current = self.current
        if current and current.open:
            self._attach(noun_phrase(self.pending, entry))
            self.pending = []
        elif current and (current.role == "y" or comma) and not self.pending:
            current.add(f", {entry.english}")
        else:
            before, self.pending = self.pending, []
            self._close()
            self.current = Statement(head=entry, before=before)

    def _on_l(self, entry: Entry, comma: bool) -> None:
        self._close()
        self.current = Statement(head=entry, items=[])

    def _on_v(self, entry: Entry, comma: bool) -> None:
        verdict = entry.english
        current = self.current
        if current and not self.pending and (current.open or (current.bare and current.head == _EXERCISE)):
            self._attach(verdict)
            return
        if current and current.head and current.head.english == "ecg" and current.bare:
            self.pending = [*current.before, *self.pending]
            self.current = None
            verdict = f"{verdict.removesuffix(' finding').removesuffix(' ecg')} ecg"
        if verdict == "normal" and current and current.role == "x" and current.bare and self._next() is not END:
            if current.head == AXIS:
                current.before.append(entry._replace(role="a", rank=QUALITY))
            else:
                current.add(f", {verdict}")  # "mlt lagetyp normal"
            return
        if verdict == "normal" and current and current.items == [] and current.head == _PROBABLY:
            current.head = _PROBABLY._replace(english=_PROBABLY.english.removesuffix(", probably"))
            self.pending.append(Entry("probable", "h", HEDGE))  # what the device held probable was struck out
        unclear = current is not None and current.head == _REPOLARIZATION and current.bare and not self.pending
        if verdict == "abnormal" or (verdict == "normal" and not unclear):
            verdict += " ecg"  # the verdict on the whole recording
        before, self.pending = self.pending, []
        self._close()
        self.done.append(noun_phrase(before, entry._replace(english=verdict)).replace("probable", "probably"))

    def _on_a(self, entry: Entry, comma: bool) -> None:
        current = self.current
        if entry.rank == DENIAL and any(before.rank != HEDGE for before in self.pending):
            self._settle()  # "no" begins anew: what waited is not denied
        behind = entry.english in ("sinus", "av") and self._next().role != "n" and not self.pending
        if behind and current and current.role == "n" and current.bare:
            current.before.append(entry)  # "sinus" behind its arrhythmia
        else:
            self.pending.append(entry)

    def _on_f(self, entry: Entry, comma: bool) -> None:
        current, after = self.current, self._next()
        of_noun = after.english == "caused" or (after.role == "b" and self._next(2).role not in ("a", "d"))
        if (
            current and current.role == "n" and current.bare and of_noun
        ):  # said of that noun, as in "electrodes possibly interchanged"
            adverb = ADVERBS.get(entry.english, entry.english)
            current.add(f"{', ' if comma else ''}{adverb} {after.english}")
            self.at += 1
        else:
            english = ADVERBS.get(entry.english, entry.english) if after.role == "o" else entry.english
            self.pending.append(entry._replace(english=english, rank=HEDGE))

    def _on_b(self, entry: Entry, comma: bool) -> None:
        current, after = self.current, self._next()
        ahead = [*self.entries[self.at + 1 : self.at + 6], END, END]
        if comma and current and not self.pending and set_off(current, entry, after):
            place_behind(current, entry)
        elif self.pending or current is None or belongs_forward(current, entry, ahead):
            self.pending.append(entry)
        elif entry.rank == RATE and current.role in ("n", "nf"):
            current.tail = (
                current.tail[:-1] if current.open else current.tail
            )  # "from ... to": the rates are joined before the noun
            current.open = False
            current.before.append(entry)
        elif current.open:
            where = {"in": "", "over": "", "and": "in "}.get(current.tail[-1] if current.tail else "")
            self._attach(entry.english if where is None or entry.rank != PLACE else f"{where}{entry.english} leads")
        elif names_fascicle(current, entry, ahead) or opens_change(current, after):
            current.add(":")
            current.open = True
            current.said.append(entry)
            self.pending.append(entry)
        else:
            place_behind(current, entry)

    def _on_h(self, entry: Entry, comma: bool) -> None:
        current, after = self.current, self._next()
        hedge = entry._replace(rank=HEDGE)
        if self.pending or current is None or current.open:
            self.pending.append(hedge)
            return
        taken = after.role == "a" and (current.hedged or current.leads)
        if taken or (current.role not in DOUBTFUL and after.role in DOUBTFUL):
            self.pending.append(hedge)
        elif current.role in ("w", "c") or current.items is not None:
            current.add(f", {entry.english}")
        else:
            current.before.append(hedge)

    def _on_hw(self, entry: Entry, comma: bool) -> None:
        current, after = self.current, self._next()
        hedge = entry._replace(rank=HEDGE)
        of_noun = current is not None and current.role in DOUBTFUL and not self.pending and not current.open
        if of_noun and current and after.role == "b" and after.english in AGES:
            current.last.append(f", probably {after.english}")
            self.at += 1
        elif of_noun and current and not current.hedged and not self._hedgeable_ahead():
            current.before.append(hedge)
        else:
            self.pending.append(hedge)

    def _on_t(self, entry: Entry, comma: bool) -> None:
        self._settle()
        self._statement().last.append(f", {entry.english}" if self._statement().head else entry.english)

    def _on_ts(self, entry: Entry, comma: bool) -> None:
        self._settle()
        self._statement().last.append(entry.english)

    def _on_ng(self, entry: Entry, comma: bool) -> None:
        after = self._next()
        if after.role in ("a", "b"):
            self.at += 1
            english = f"non{after.english}" if after.english == "significant" else f"not {after.english}"
            denied = after._replace(english=english)
            (self._on_a if after.role == "a" else self._on_b)(denied, comma)
        else:
            self._on_o(entry, comma)
            self._statement().open = True

    def _on_p(self, entry: Entry, comma: bool) -> None:
        self._settle()
        current, after = self._statement(), self._next()
        if entry.english in ("after", "to the") and after.role in ("a", "b") and after.rank == SIDE:
            current.add(f"to the {after.english}")
            self.at += 1
        else:
            current.add(entry.english)
            current.open = True

    def _on_pl(self, entry: Entry, comma: bool) -> None:
        self._settle()
        current = self._statement()
        current.add(f", {entry.english}")
        current.items = []

    def _on_k(self, entry: Entry, comma: bool) -> None:
        if self.pending:
            self.pending.append(entry)
        elif self.current and self._next() is not END:
            self.current.add(entry.english)
            self.current.open = True

    def _on_leads(self, entry: Entry, comma: bool) -> None:
        self._settle()
        current = self._statement()
        if current.open or (not current.leads and (not current.role or (current.role == "x" and current.bare))):
            current.add(entry.english)
        else:
            listed = current.leads or (comma and names_leads(current))
            current.add(f", {entry.english}" if listed else f"in {entry.english}")
        current.open, current.leads = False, True

    def _on_number(self, entry: Entry, comma: bool) -> None:
        after = self._next()
        if after.english == "conduction" and not (self.current and (self.current.open or self.current.role == "nf")):
            self.pending.append(entry._replace(role="a", rank=DEGREE))  # a ratio goes before its noun
            return
        self._settle()
        current = self._statement()
        current.add(f"with {entry.english}" if after.english == "conduction" and not current.open else entry.english)
        bare_number = entry.english[-1].isdigit()  # without a unit
        current.open = (
            after.role in NOUNS and after.role != "x" and bare_number and (current.open or ":" in entry.english)
        )

    def _on_o(self, entry: Entry, comma: bool) -> None:
        self._settle()
        current = self._statement()
        apart = (comma and current.head) or (current.role == "y" and entry.role == "of")
        if entry.english == "shifted" and current.tail and current.tail[-1].startswith("to the "):
            current.tail.insert(-1, entry.english)  # "nach links verschoben"
        else:
            current.add(f", {entry.english}" if apart else entry.english)
        current.open = current.leads = False

    def _on_of(self, entry: Entry, comma: bool) -> None:
        self._on_o(entry, comma)
        self._statement().open = True

    def _on_dd(self, entry: Entry, comma: bool) -> None:
        self._settle()
        current = self._statement()
        current.add(f"; {entry.english}:" if current.head or current.tail else f"{entry.english}:")
        current.open = True

    def _on_group(self, entry: Entry, comma: bool) -> None:
        self._settle()
        self._statement().add(entry.english)

    def _on_colon(self, entry: Entry, comma: bool) -> None:
        after = self._next()
        if self.current and not self.pending and (after.role in NOUNS or after.role in ("a", "f", "v")):
            if not self.current.open:
                self.current.add(":")
            self.current.open = True

    def _on_ask(self, entry: Entry, comma: bool) -> None:
        self._settle()
        if self.current:
            self.current.add("?")
        self._close()

    def _on_stop(self, entry: Entry, comma: bool) -> None:
        self._close()
