"""One server and one browser for the tests of the page."""

from tests.spaces_demo.browser_page import chromium, server, visit

__all__ = ["chromium", "server", "visit"]
