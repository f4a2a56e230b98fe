"""A reading as a file to keep: plain text, JSON, and an HL7 FHIR R4 DiagnosticReport."""

from spaces_demo.downloads.fhir import as_fhir
from spaces_demo.downloads.plain_json import as_json
from spaces_demo.downloads.plain_text import as_text

__all__ = ["as_fhir", "as_json", "as_text"]
