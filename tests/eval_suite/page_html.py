"""The page as its tests read it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Elements, their attributes and texts; fails on tags that do not close."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self._cell: list[str] | None = None
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("td", "th"):
            self.tables[-1][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None

    def handle_data(self, text):
        if self._open and self._open[-1] == "script":
            self.scripts.append(text)
        elif self._open and self._open[-1] != "style":
            self.texts.append(text)
        if self._cell is not None:
            self._cell.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def ids(self) -> set[str]:
        return {attributes["id"] for _, attributes in self.elements if "id" in attributes}

    def row(self, name: str, heading: str) -> dict[str, str]:
        """The row of a system in the first table that has such a column."""
        for table in self.tables:
            header = [cell.removesuffix("↓ less is better").strip() for cell in table[0]]
            if heading in header:
                for row in table[1:]:
                    if row[0] == name:
                        return dict(zip(header, row, strict=True))
        raise AssertionError(f"no row {name} in a table with {heading}")
