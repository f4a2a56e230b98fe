"""`meit report`: one ECG, one report."""

from __future__ import annotations

import argparse
import json
import sys


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Write the report of one ECG. A model folder brings Python code of its own, and this command runs it: "
        "give folders that you trust. For research use only; not a medical device."
    )
    parser.add_argument(
        "record",
        help="WFDB record (with or without .hea), EDF, DICOM waveform, HL7 aECG, SCP-ECG, GE MUSE XML, CSV, .npy, or a "
        "zip of these (docs/files.md)",
    )
    parser.add_argument("--model", metavar="FOLDER_OR_ID", help="default: the model that comes with meit-ecg")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="let a Hub id given with --model run its code on this machine"
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--language", choices=("de", "en", "sv"), default="en", help="of the report; default: en")
    asked.add_argument("--prompt", metavar="TEXT", help="what to ask the model, in place of the usual instruction")
    parser.add_argument("--plot", metavar="FILE", help="draw the ECG and its report (.png, .jpg, .svg, .pdf)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--fs", type=float, metavar="HZ", help="sampling rate where the file does not state it")
    parser.add_argument("--leads", metavar="I,II,...", help="leads of a .npy or CSV file, in their order")
    parser.add_argument(
        "--unit", metavar="UNIT", help="of the values, where the file does not state it: nV, uV, mV or V"
    )
    parser.add_argument("--record", dest="record_name", metavar="NAME", help="which ECG to take of a zip with several")
    parser.add_argument("--start", type=float, metavar="S", help="where in the recording to start, in s; default: 0")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> None:
    import meit_report
    from dataset_scripts.instructions.prompts import draw_prompt
    from ecg_files.read import read_ecg_file

    plot = None if arguments.plot is None else meit_report.check_plot(arguments.plot)
    leads = None if arguments.leads is None else [name.strip() for name in arguments.leads.split(",")]
    record = read_ecg_file(arguments.record, arguments.fs, leads, arguments.unit, arguments.record_name)
    if arguments.start is not None:
        record = record.window(arguments.start)
    model = meit_report.resolve_model(arguments.model, arguments.trust_remote_code)
    # Always the same of the prompts, whatever the file is called: the same ECG gives the same report.
    prompt = draw_prompt("", arguments.language) if arguments.prompt is None else arguments.prompt
    report = meit_report.write_report(record, model, prompt)
    for note in record.notes:
        print(f"meit: note: {note}", file=sys.stderr)
    for remark in report.quality:
        print(f"meit: quality, {remark.level}: {remark.text}", file=sys.stderr)
    for warning in report.warnings:
        print(f"meit: warning: {warning}", file=sys.stderr)
    if plot is not None:
        meit_report.plot_report(report, plot)
    if arguments.json:
        print(json.dumps({**report.to_json(), "notes": list(record.notes)}, ensure_ascii=False, indent=1))
    else:
        print(report.terminal())
