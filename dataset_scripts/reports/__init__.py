"""The text of reports: cleaning and language."""
