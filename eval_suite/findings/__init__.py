"""Report text -> findings, each present, absent or uncertain; `names` holds the closed list of findings."""

from eval_suite.findings.extract import contradictions_in, extract_findings
from eval_suite.findings.stated_numbers import stated_numbers

__all__ = ["contradictions_in", "extract_findings", "stated_numbers"]
