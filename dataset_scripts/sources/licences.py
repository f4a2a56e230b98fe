"""The licences that archives of ECGs come under: identifier on the Hub -> name, text, and what it asks for."""

from __future__ import annotations

from typing import NamedTuple

_ATTRIBUTION = "Attribution: name the archive and its authors, link to the licence, and say what was changed"


class Licence(NamedTuple):
    """One licence.

    Attributes:
        name: in words, with its version.
        link: to its text; "" where there is none.
        condition: one sentence on what it asks of who passes the data on.
    """

    name: str
    link: str
    condition: str


LICENCES = {
    "cc0-1.0": Licence(
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "No condition: the data may be used and passed on without asking.",
    ),
    "cc-by-4.0": Licence(
        "Creative Commons Attribution 4.0 International",
        "https://creativecommons.org/licenses/by/4.0/",
        f"{_ATTRIBUTION}.",
    ),
    "cc-by-sa-4.0": Licence(
        "Creative Commons Attribution-ShareAlike 4.0 International",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        f"{_ATTRIBUTION}; share-alike: what is made from it keeps this licence.",
    ),
    "cc-by-nc-4.0": Licence(
        "Creative Commons Attribution-NonCommercial 4.0 International",
        "https://creativecommons.org/licenses/by-nc/4.0/",
        f"{_ATTRIBUTION}; no commercial use.",
    ),
    "odc-by": Licence(
        "Open Data Commons Attribution License 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
        "Attribution: name the database and keep its notices with every copy and with what is made from it.",
    ),
    "odbl": Licence(
        "Open Data Commons Open Database License 1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        "Attribution and share-alike: name the database, and give a database made from it under the same licence.",
    ),
}


def licence_of(identifier: str) -> Licence:
    """Returns what is known of a licence; of one that is not in `LICENCES`, only what it is called."""
    if identifier in LICENCES:
        return LICENCES[identifier]
    if identifier in ("", "other", "unknown"):
        return Licence("none stated", "", "No licence is stated: ask who holds the records before passing them on.")
    return Licence(identifier, "", f"Its conditions are those of {identifier}, which are not known here: read them.")
