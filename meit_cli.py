"""The `meit` command: parses its arguments and calls the parts that do the work.

Exit codes: 0 done; 2 bad input or usage, with one line on stderr; 1 anything else; 130 stopped with Ctrl-C. The parts
are imported when their command runs, so that `meit --help` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

_EXTRA = {"build": "train", "train": "train", "models": "train", "eval": "eval", "publish": "eval"}


class _UsageError(Exception):
    pass


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print below its usage: an error is one line."""
        raise _UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    command, debug = None, False
    try:
        arguments = _parser().parse_args(argv)
        command, debug = arguments.command, arguments.debug
        run: Callable[[argparse.Namespace], None] = arguments.run
        run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _failed("stopped", 130)
    except BrokenPipeError:
        # Who reads has seen enough (`meit models | head`); what is still in the buffer must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _UsageError as error:
        return _failed(str(error), 2)
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _failed(*_explained(error, command))
    return 0


def _failed(message: str, code: int) -> int:
    print(f"meit: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _explained(error: Exception, command: str | None) -> tuple[str, int]:
    """Return one line for an error, and the exit code."""
    if isinstance(error, ImportError):
        extra = f"[{_EXTRA[command]}]" if command in _EXTRA else ""
        return f'{error}; install what this command needs with: pip install "meit-ecg{extra}"', 2
    from dataset_scripts.record import EcgInputError

    if isinstance(error, (EcgInputError, OSError)):
        return str(error), 2
    return f"{type(error).__name__}: {error} (a defect, or too little memory: meit --debug shows where)", 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="meit", description="Language models that read a 12-lead ECG. For research use only.")
    parser.add_argument("--debug", action="store_true", help="show where an error arose; stands before the command")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_report(commands.add_parser("report", help="write the report of one ECG"))
    _add_build(commands.add_parser("build", help="turn an archive into an instruction data set"))
    _add_train(commands.add_parser("train", help="train a model by a recipe"))
    _add_eval(commands.add_parser("eval", help="score a model, or the predictions of any system"))
    _add_models(commands.add_parser("models", help="list what can be used, and count it before it is trained"))
    _add_publish(commands.add_parser("publish", help="put a model on the Hugging Face Hub"))
    return parser


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Write the report of one ECG. A model folder brings Python code of its own, and this command runs it: "
        "give folders that you trust. For research use only; not a medical device."
    )
    parser.add_argument("record", help="WFDB record (with or without .hea), .npy ([12, T], mV) or .csv (mV)")
    parser.add_argument("--model", metavar="FOLDER_OR_ID", help="default: the model that comes with meit-ecg")
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="let a Hub id given with --model run its code on this machine"
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--language", choices=("de", "en", "sv"), default="en", help="of the report; default: en")
    asked.add_argument("--prompt", metavar="TEXT", help="what to ask the model, in place of the usual instruction")
    parser.add_argument("--plot", metavar="FILE", help="draw the ECG and its report (.png, .jpg, .pdf)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--fs", type=float, metavar="HZ", help="sampling rate of a .npy or .csv file")
    parser.add_argument("--leads", metavar="I,II,...", help="leads of a .npy or .csv file, in their order")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> None:
    import meit_report
    from dataset_scripts.instructions.prompts import draw_prompt
    from dataset_scripts.sources.files import read_ecg_file

    plot = None if arguments.plot is None else meit_report.check_plot(arguments.plot)
    leads = None if arguments.leads is None else [name.strip() for name in arguments.leads.split(",")]
    record = read_ecg_file(arguments.record, arguments.fs, leads)
    model = meit_report.resolve_model(arguments.model, arguments.trust_remote_code)
    # Always the same of the prompts, whatever the file is called: the same ECG gives the same report.
    prompt = draw_prompt("", arguments.language) if arguments.prompt is None else arguments.prompt
    report = meit_report.write_report(record, model, prompt)
    for warning in report.warnings:
        print(f"meit: warning: {warning}", file=sys.stderr)
    if plot is not None:
        meit_report.plot_report(report, plot)
    print(json.dumps(report.to_json(), ensure_ascii=False, indent=1) if arguments.json else report.terminal())


def _add_build(parser: argparse.ArgumentParser) -> None:
    parser.description = "Turn an archive into an instruction data set: Parquet files that datasets.load_dataset opens."
    parser.add_argument("source", help="the archive: ptb-xl, or synthetic (made up, needs no --src)")
    parser.add_argument("--src", metavar="DIR", help="folder of the unpacked archive")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write")
    parser.add_argument("--sampling-rate", type=int, default=100, metavar="HZ", help="default: 100")
    parser.add_argument("--num-proc", type=_positive, metavar="N", help="worker processes; default: all processors")
    parser.add_argument("--shard", type=_part, metavar="I/N", help="build only the I-th of N parts of the archive")
    parser.add_argument("--cleaning", choices=("standard", "paper"), default="standard", help="default: standard")
    parser.add_argument("--no-language-in-prompt", action="store_true", help="prompts do not name a language")
    parser.add_argument("--num-records", type=_positive, metavar="N", help="records to make up (synthetic only)")
    parser.add_argument("--seed", type=int, default=0, help="of the prompts drawn and of made-up records; default: 0")
    parser.set_defaults(run=_build)


def _build(arguments: argparse.Namespace) -> None:
    options = {"seed": arguments.seed} if arguments.source == "synthetic" else {}
    if arguments.num_records is not None:
        if arguments.source != "synthetic":
            raise _UsageError(f"--num-records is for the synthetic source; {arguments.source} has its own records")
        options["num_records"] = arguments.num_records

    from dataset_scripts.build import build

    result = build(
        arguments.source,
        arguments.src,
        arguments.out,
        sampling_rate=arguments.sampling_rate,
        num_proc=arguments.num_proc,
        cleaning=arguments.cleaning,
        name_language=not arguments.no_language_in_prompt,
        seed=arguments.seed,
        shard=arguments.shard,
        source_options=options,
    )
    for split, rows in result.rows.items():
        languages = ", ".join(f"{language} {count}" for language, count in result.languages[split].items())
        print(f"{split}: {rows} records of {result.patients[split]} patients ({languages})")
    for reason, splits in result.dropped.items():
        print(f"left out, {reason}: {', '.join(f'{split} {count}' for split, count in splits.items())}")
    print(f"data set written to {result.out}")


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = "Train a model by a recipe; see recipes/."
    parser.usage = "meit train [-h] RECIPE.yaml [key=value ...] [--flag ...]"
    parser.add_argument(
        "arguments",
        nargs=argparse.REMAINDER,
        metavar="RECIPE.yaml key=value ...",
        help="passed on to train_sft.py, or to train_seq2seq.py where the recipe says `model: seq2seq`",
    )
    parser.set_defaults(run=_train)


def _train(arguments: argparse.Namespace) -> None:
    from meit_training.recipe import read

    recipe, _ = read(arguments.arguments)
    if recipe.get("model") == "seq2seq":
        import train_seq2seq

        train_seq2seq.main(arguments.arguments)
    else:
        import train_sft

        train_sft.main(arguments.arguments)


def _add_eval(parser: argparse.ArgumentParser) -> None:
    parser.description = "Score reports beside the controls, with intervals."
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")
    quality = tasks.add_parser("quality", help="generate the reports of a split with a model and score them")
    quality.add_argument("--model", required=True, metavar="FOLDER_OR_ID", help="its own Python code is run")
    quality.add_argument("--trust-remote-code", action="store_true", help="let a Hub id run its code on this machine")
    quality.add_argument("--out", required=True, metavar="DIR", help="folder for predictions and scores")
    quality.add_argument("--language-not-told", action="store_true", help="prompts do not name the language")
    quality.add_argument("--limit", type=_positive, metavar="N", help="only the first N rows")
    quality.add_argument("--batch-size", type=_positive, default=64, metavar="N", help="default: 64")
    quality.set_defaults(run=_eval_quality)
    score = tasks.add_parser("score", help="score the predictions of any system")
    score.add_argument("predictions", metavar="PREDICTIONS", help=".parquet or .csv with ecg_id and prediction")
    score.add_argument("--out", metavar="DIR", help="folder for the scores; default: only print them")
    score.set_defaults(run=_eval_score)
    for task in (quality, score):
        task.add_argument("--data", required=True, metavar="DIR_OR_ID", help="the data set")
        task.add_argument("--split", required=True, metavar="NAME", help="train, validation or test")
        task.add_argument("--text-column", choices=("report", "report_raw"), default="report", help="default: report")


def _eval_quality(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.quality import run_quality
    from meit_report import resolve_model

    scores = run_quality(
        resolve_model(arguments.model, arguments.trust_remote_code),
        arguments.data,
        arguments.split,
        arguments.out,
        text_column=arguments.text_column,
        language_told=not arguments.language_not_told,
        limit=arguments.limit,
        batch_size=arguments.batch_size,
    )
    print(scores.terminal())
    print(f"written to {arguments.out}")


def _eval_score(arguments: argparse.Namespace) -> None:
    from eval_suite.tasks.quality import score_predictions

    scores = score_predictions(
        arguments.predictions, arguments.data, arguments.split, out=arguments.out, text_column=arguments.text_column
    )
    print(scores.terminal())


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "List the language models, ECG encoders and fusions that are tested. With --dry-run: parameters and memory of "
        "recipes, or of every language model of the paper, without its weights."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--dry-run",
        nargs="*",
        metavar="RECIPE.yaml or key=value",
        help="recipes to count, and settings for all of them; none: the paper's models",
    )
    parser.set_defaults(run=_models)


def _models(arguments: argparse.Namespace) -> None:
    if arguments.dry_run is None:
        import meit_models

        models = meit_models.listing()
        print(json.dumps(models, indent=1) if arguments.json else meit_models.terminal(models))
        return
    recipes = [word for word in arguments.dry_run if "=" not in word]
    settings = [word for word in arguments.dry_run if "=" in word]
    if settings and not recipes:
        raise _UsageError(f"{settings[0]} is a setting and no recipe is given; name the recipe it is for")

    from meit_training import dry_run

    rows = [dry_run.recipe_row(recipe, settings) for recipe in recipes] if recipes else dry_run.paper_rows()
    print(json.dumps(dry_run.as_json(rows), indent=1) if arguments.json else dry_run.table(rows))


def _add_publish(parser: argparse.ArgumentParser) -> None:
    parser.description = "Put what this project made on the Hugging Face Hub."
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    model = kinds.add_parser("model", help="a model's folder")
    model.description = (
        "Check a model's folder, see to its card, upload it in one commit and check what the Hub then holds. Never "
        "uploaded: training logs, checkpoints, predictions, or anything else that opening the model does not need."
    )
    model.add_argument("folder", help="as `meit train` writes it")
    model.add_argument("repo_id", metavar="REPO_ID", help="USER/NAME; made if it is not there")
    model.add_argument("--private", action="store_true", help="make a private repository")
    model.add_argument("--revision", metavar="BRANCH", help="branch to write, made if it is not there; default: main")
    made = model.add_argument_group("the card", "needed where the folder has no README.md that a person wrote")
    made.add_argument("--data", metavar="DIR_OR_ID", help="the data set it was trained on, as `meit build` writes it")
    made.add_argument("--license", metavar="ID", help="of the weights, as the Hub names it: apache-2.0, cc-by-4.0, ...")
    made.add_argument("--scores", metavar="DIR", action="append", help="of `meit eval quality`; may be given again")
    made.add_argument("--base-model", metavar="ID", help="what it was made from; default: as config.json says")
    model.set_defaults(run=_publish_model)


def _publish_model(arguments: argparse.Namespace) -> None:
    from meit_hub.publish import publish_model

    published = publish_model(
        arguments.folder,
        arguments.repo_id,
        private=arguments.private,
        revision=arguments.revision,
        scores=arguments.scores or (),
        data=arguments.data,
        licence=arguments.license,
        base_model=arguments.base_model,
    )
    print(published.terminal())


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a positive whole number")
    return number


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isascii() and part.isdigit() and parts.isascii() and parts.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r}, expected I/N, as in 1/4")
    return int(part), int(parts)


if __name__ == "__main__":
    sys.exit(main())
