"""One self-contained HTML page of a results folder, for people."""

from eval_suite.page.write import write_page

__all__ = ["write_page"]
