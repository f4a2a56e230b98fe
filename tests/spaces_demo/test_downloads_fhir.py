"""The FHIR resource, held to the models of fhir.resources: R4B, the nearest to R4 that it has.

R4B differs from R4 in none of the elements of DiagnosticReport, Observation and Device that are used here.
"""

import json
import re
import xml.etree.ElementTree

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.device import Device
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation

from ecg_image.page import RESEARCH_USE_NOTICE
from spaces_demo.downloads import as_fhir
from spaces_demo.reading import with_edit
from tests.spaces_demo.readings import DRAFT, reading

KNOWN_LOINC = {"11524-6", "8867-4", "8625-6", "8633-0", "8634-8", "76635-2", "76634-5", "8632-2"}


def validated(resource):
    """The resource as the library reads it, its contained ones each by their own model."""
    report = DiagnosticReport.model_validate_json(json.dumps(resource))
    for contained in resource["contained"]:
        {"Observation": Observation, "Device": Device}[contained["resourceType"]].model_validate(contained)
    return report


def test_it_is_a_preliminary_report():
    resource = as_fhir(reading())
    report = validated(resource)
    assert report.status == "preliminary"
    assert report.code.coding[0].code == "11524-6"
    assert report.meta.security[0].code == "AIAST"
    assert report.issued.tzinfo is not None
    assert json.loads(report.model_dump_json())["conclusion"] == resource["conclusion"]
    assert all(each.get("status", "preliminary") == "preliminary" for each in resource["contained"])


def test_it_says_who_wrote_it_and_that_it_is_for_research():
    resource = as_fhir(reading())
    for text in (resource["conclusion"], resource["text"]["div"]):
        assert RESEARCH_USE_NOTICE in text
        assert "Draft written by the AI model some-model" in text
        assert "The model abstains" in text
        assert DRAFT in text
    device = next(each for each in resource["contained"] if each["resourceType"] == "Device")
    assert device["deviceName"][0]["name"] == "some-model"


def test_what_xml_may_not_hold_is_left_out():
    text = "Sinus\x00 rhythm\ud800.\ufffe\uffff\x1b Größe 𝄞\r\n"
    resource = as_fhir(reading(text))
    validated(resource)
    for found in (resource["conclusion"], resource["text"]["div"]):
        assert "Sinus rhythm. Größe 𝄞\n" in found
    xml.etree.ElementTree.fromstring(resource["text"]["div"])
    json.dumps(resource, ensure_ascii=False).encode()


def test_measurements_are_contained_observations_that_the_report_names():
    made = reading()
    resource = as_fhir(made)
    named = {each["reference"] for each in resource["result"]}
    observations = {each["id"]: each for each in resource["contained"] if each["resourceType"] == "Observation"}
    assert named == {f"#{name}" for name in observations}
    rate = observations["heart-rate-bpm"]
    assert rate["valueQuantity"]["code"] == "/min"
    assert rate["valueQuantity"]["value"] == pytest.approx(made.measurements.heart_rate_bpm, abs=0.05)
    assert "not by the AI model" in rate["method"]["text"]
    assert "device" not in rate
    assert observations["confidence"]["device"]["reference"] == "#model"


def test_codes_are_known_ones():
    codes = re.findall(r'"system": "http://loinc.org", "code": "([^"]+)"', json.dumps(as_fhir(reading())))
    assert len(codes) >= 6
    assert set(codes) <= KNOWN_LOINC
    assert "snomed" not in json.dumps(as_fhir(reading())).lower()


def test_it_names_no_patient_and_no_file():
    resource = as_fhir(reading(name="Mustermann_Erika_1962"))
    assert "Mustermann" not in json.dumps(resource)
    assert not {"subject", "encounter", "performer", "identifier", "resultsInterpreter"} & set(resource)


def test_edits_are_told_beside_the_draft():
    edited = with_edit(reading(), DRAFT.replace("180", "80"))
    resource = as_fhir(edited)
    validated(resource)
    assert resource["conclusion"].count("80 ms") == 1
    assert "180" not in resource["conclusion"]
    assert "A person changed it in 1 place" in resource["conclusion"]
    assert f"Draft of the model: {DRAFT}" in resource["text"]["div"]
    assert "“180” became “80”" in resource["text"]["div"]


def test_a_text_with_markup_and_control_characters():
    resource = as_fhir(reading("<script>alert(1)</script> & \x00\x1b[31m sinus rhythm"))
    validated(resource)
    assert "<script>" not in resource["text"]["div"]
    assert "\x00" not in resource["text"]["div"]


def test_a_stopped_draft_has_no_confidence():
    resource = as_fhir(reading("", stopped=True, confidence=None, abstains=None, sentences=()))
    validated(resource)
    confidence = next(each for each in resource["contained"] if each["id"] == "confidence")
    assert "valueQuantity" not in confidence


def test_it_can_be_sent_in_a_bundle():
    Bundle.model_validate({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": as_fhir(reading())}]})
