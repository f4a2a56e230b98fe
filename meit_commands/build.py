"""`meit build`: an archive -> an instruction data set."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from meit_commands.arguments import UsageError, non_negative, part, positive
from meit_remote.consent import add_consent_option

if TYPE_CHECKING:
    from dataset_scripts.build import BuildResult, PartResult
    from dataset_scripts.reports.translators import Sending

# What an index decides.
_CONTENT = (
    "sampling_rate",
    "source_option",
    "num_records",
    "on_damaged",
    "filter",
    "mend_leads",
    "cleaning",
    "completion",
    "no_language_in_prompt",
    "tasks",
    "prompt_set",
    "translator",
    "seed",
    "splits",
    "split_seed",
)


def add(parser: argparse.ArgumentParser) -> None:
    """Describes the command."""
    parser.description = (
        "Turn an archive into an instruction data set: Parquet files that datasets.load_dataset opens. A build that "
        "was cut goes on where it stopped when the same command is run again."
    )
    parser.add_argument(
        "source", help="ptb-xl, mimic-iv-ecg, cinc, code-15, wfdb-folder, or synthetic (made up, needs no --src)"
    )
    parser.add_argument("--src", metavar="DIR", help="folder of the unpacked archive")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write")
    parser.add_argument("--sampling-rate", type=int, default=100, metavar="HZ", help="default: 100")
    parser.add_argument(
        "--source-option", action="append", default=[], metavar="NAME=VALUE", help="see docs/archives.md"
    )
    parser.add_argument("--num-records", type=positive, metavar="N", help="records to make up (synthetic only)")
    parser.add_argument(
        "--index",
        metavar="REPO_OR_FOLDER[:CONFIG]",
        help="build the data set that an index (see docs/publishing.md) was made from, with the options it names, and "
        "compare every row with it",
    )

    work = parser.add_argument_group("the work")
    work.add_argument("--num-proc", type=positive, metavar="N", help="worker processes; default: all processors")
    work.add_argument(
        "--shard",
        type=part,
        metavar="I/N",
        help="do only the I-th of N parts, as one of several machines with a common disk; when all have ended, the "
        "same command without --shard puts the data set together",
    )
    work.add_argument(
        "--fresh",
        action="store_true",
        help="throw away what a cut build has left, or a finished data set with other options",
    )
    work.add_argument(
        "--on-damaged", choices=("stop", "drop"), default="stop", help="at a record that cannot be read; default: stop"
    )

    signals = parser.add_argument_group("signals")
    signals.add_argument("--filter", default="none", metavar="NAME", help="see docs/signals.md; default: none")
    signals.add_argument("--mend-leads", action="store_true", help="put exchanged or inverted limb leads right")

    texts = parser.add_argument_group("texts")
    texts.add_argument("--cleaning", choices=("standard", "paper"), default="standard", help="default: standard")
    texts.add_argument(
        "--completion",
        choices=("report", "report_en"),
        default="report",
        help="the text to learn: in its own language (default) or in English",
    )
    texts.add_argument(
        "--translator",
        default="rules",
        metavar="NAME",
        help="of the English text: rules (default), hub:MODEL (folder or id; one of several languages with its codes: "
        "hub:MODEL@de=CODE,sv=CODE,en=CODE), or endpoint:MODEL@URL, OpenAI-compatible; see docs/translation.md",
    )
    add_consent_option(texts)
    texts.add_argument("--key-variable", metavar="NAME", help="environment variable that holds the endpoint's key")
    texts.add_argument("--no-language-in-prompt", action="store_true", help="prompts do not name a language")
    texts.add_argument(
        "--tasks", default="", metavar="NAME,...", help="questions beside the report, see docs/instructions.md"
    )
    texts.add_argument(
        "--prompt-set", type=positive, default=40, metavar="N", help="prompts to draw from, up to 512; default: 40"
    )
    texts.add_argument(
        "--seed", type=non_negative, default=0, help="of prompts, questions and made-up records; default: 0"
    )

    splits = parser.add_argument_group("splits")
    splits.add_argument(
        "--splits",
        choices=("official", "70-10-20", "80-10-10", "all-train", "all-test"),
        default="official",
        help="folds 1-8, 9 and 10 (default), shares of patients, or all into one",
    )
    splits.add_argument("--split-seed", type=int, default=0, help="of the patients drawn; default: 0")
    parser.set_defaults(run=partial(_build, parser))


def _build(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.shard and arguments.fresh:
        raise UsageError("--fresh would throw away what the other parts did; remove the unfinished work by hand")
    if arguments.index:
        decided = [name for name in _CONTENT if getattr(arguments, name) != parser.get_default(name)]
        if decided:
            raise UsageError(f"--{decided[0].replace('_', '-')} is for the index to decide; leave it out")
        _build_indexed(arguments)
        return
    source_options = _source_options(arguments)

    from dataset_scripts.build import build, build_part
    from dataset_scripts.build_options import BuildOptions
    from dataset_scripts.instructions.questions import task_names

    options = BuildOptions(
        cleaning=arguments.cleaning,
        completion=arguments.completion,
        translator=arguments.translator,
        name_language=not arguments.no_language_in_prompt,
        prompt_set=arguments.prompt_set,
        seed=arguments.seed,
        tasks=task_names(arguments.tasks) if arguments.tasks else (),
        splits=arguments.splits,
        split_seed=arguments.split_seed,
        filter=arguments.filter,
        mend_leads=arguments.mend_leads,
        on_damaged=arguments.on_damaged,
        source_options=source_options,
    )
    common = (arguments.source, arguments.src, arguments.out)
    how = {"num_proc": arguments.num_proc, "sending": _sending(arguments)}
    how |= {"sampling_rate": arguments.sampling_rate, "options": options}
    if arguments.shard:
        _tell_part(build_part(*common, arguments.shard, **how), arguments.shard)
        return
    _tell(build(*common, fresh=arguments.fresh, **how))


def _build_indexed(arguments: argparse.Namespace) -> None:
    from dataset_scripts.rebuild import rebuild, rebuild_part
    from meit_hub.dataset_repo import open_config

    index = open_config(arguments.index, arguments.source)
    common = (arguments.source, arguments.src, arguments.out, index)
    how = {"num_proc": arguments.num_proc, "sending": _sending(arguments)}
    if arguments.shard:
        _tell_part(rebuild_part(*common, arguments.shard, **how), arguments.shard)
        return
    result, match = rebuild(*common, fresh=arguments.fresh, **how)
    _tell(result)
    print(
        f"all {match.rows} rows are those of the index, texts and signals; {match.same_bytes} of {match.shards} files "
        "are the same byte for byte"
    )


def _sending(arguments: argparse.Namespace) -> Sending:
    from dataset_scripts.reports.translators import Sending

    return Sending(arguments.consent_to_send, arguments.key_variable)


def _tell_part(done: PartResult, part: tuple[int, int]) -> None:
    print(f"part {part[0]} of {part[1]}: {done.shards} shards done, {done.missing} of all missing")
    print("when none is, the same command without --shard puts the data set together")


def _tell(result: BuildResult) -> None:
    for split, rows in result.rows.items():
        languages = ", ".join(f"{name} {count}" for name, count in result.counts["languages"][split].items())
        print(f"{split}: {rows} records of {result.counts['patients'][split]} patients ({languages})")
    for reason, by_split in result.dropped.items():
        print(f"left out, {reason}: {', '.join(f'{split} {count}' for split, count in by_split.items())}")
    print(f"data set written to {result.out}" if result.built else f"already built, and whole: {result.out}")


def _source_options(arguments: argparse.Namespace) -> dict[str, object]:
    from dataset_scripts.source_options import read_options

    given = {}
    for text in arguments.source_option:
        name, equals, value = text.partition("=")
        if not (name.isidentifier() and equals):
            raise UsageError(f"--source-option {text!r}, expected NAME=VALUE")
        given[name] = value
    options = read_options(arguments.source, given)
    if arguments.source == "synthetic":
        for name, flag in (("seed", "--seed"), ("num_records", "--num-records")):
            if name in options:
                raise UsageError(f"--source-option {name} is {flag}; give it so")
        options["seed"] = arguments.seed
    if arguments.num_records is not None:
        if arguments.source != "synthetic":
            raise UsageError(f"--num-records is for the synthetic source; {arguments.source} has its own records")
        options["num_records"] = arguments.num_records
    return options
