"""What the rule translator knows of PTB-XL: `python benchmarks/translation_coverage.py --src PTB-XL-FOLDER`.

Prints the table of docs/translation.md and the speed. "Unseen" is fold 9 with a lexicon that has forgotten every word
found in none of the reports of folds 1-8, so what it knows there, it knows from elsewhere.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ptb_xl_reports import rows

from dataset_scripts.reports.cleaning import clean, drop_reason
from dataset_scripts.reports.language import detect_language
from dataset_scripts.reports.translation import RuleTranslator, translate
from dataset_scripts.reports.translation_lexicon import ENDINGS, Lexicon, lexicon
from dataset_scripts.reports.translation_rules import translate_tokens
from dataset_scripts.reports.translation_tokens import tokens

UNSEEN = 9
WORD = re.compile(r"[^\W\d_]+(?:[-#][^\W\d_]+)*")

Translate = Callable[[str, str], tuple[str, ...]]


def read(folder: Path) -> dict[int, Counter[str]]:
    """Returns the cleaned reports of each fold with their counts."""
    folds: dict[int, Counter[str]] = {}
    for row in rows(folder):
        if drop_reason(row["report"]) is None:
            folds.setdefault(int(float(row["strat_fold"])), Counter())[clean(row["report"])] += 1
    return folds


def attested(reports: Counter[str]) -> Lexicon:
    """Returns the lexicon without the words that none of these reports has, in no inflected form either."""
    seen: set[str] = set()
    for text in reports:
        seen.update(token.key for token in tokens(text, detect_language(text) == "sv"))
    known = Lexicon()
    known.words = {
        key: entry for key, entry in known.words.items() if any(key + ending in seen for ending in ("", *ENDINGS))
    }
    return known


def share(part: int, whole: int) -> str:
    """Writes a share in percent."""
    return f"{100 * part / whole:.2f} %" if whole else "-"


def line(title: str, language: str, reports: Counter[str], unknown_of: Translate) -> str:
    """Returns one row of the table: words and whole reports known, of records and of distinct texts."""
    chosen = {text: count for text, count in reports.items() if detect_language(text) == language}
    words = unknown = whole = distinct = 0
    for text, count in chosen.items():
        missing = len(unknown_of(text, language))
        words += count * len(WORD.findall(text))
        unknown += count * missing
        whole += count * (not missing)
        distinct += not missing
    records = sum(chosen.values())
    figures = [records, len(chosen), share(words - unknown, words), share(whole, records), share(distinct, len(chosen))]
    return f"| {title} | {language} | {' | '.join(map(str, figures))} |"


def speed(reports: Counter[str]) -> str:
    """Returns how long the distinct reports of all languages take, uncached, and the lexicon's loading."""
    lexicon.cache_clear()
    start = time.process_time()
    lexicon()
    loaded = time.process_time()
    translate.cache_clear()
    translator = RuleTranslator()
    for text in reports:
        translator.translate(text, detect_language(text))
    each = (time.process_time() - loaded) / len(reports)
    return f"lexicon loaded in {loaded - start:.3f} s; {1e3 * each:.2f} ms a distinct report, its language detected"


def main() -> None:
    """Reads the table and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--src", type=Path, required=True, help="unpacked PTB-XL")
    folds = read(parser.parse_args().src)
    everything = sum(folds.values(), Counter())
    earlier = sum((counts for fold, counts in folds.items() if fold != UNSEEN), Counter())
    forgetful = attested(earlier)

    def known(text: str, language: str) -> tuple[str, ...]:
        return translate(text, language).unknown

    def unseen(text: str, language: str) -> tuple[str, ...]:
        return translate_tokens(text, forgetful, language == "sv")[1]

    print(f"translator {RuleTranslator.version}, PTB-XL folds {min(folds)}-{max(folds)}\n")
    print("| reports | language | records | distinct | words known | whole reports | whole, distinct |")
    print("|---|---|---|---|---|---|---|")
    for language in ("de", "sv", "other"):
        print(line("folds 1-9", language, everything, known))
    for language in ("de", "sv"):
        print(line("fold 9, unseen", language, folds[UNSEEN], unseen))
    print(f"\n{speed(everything)}")


if __name__ == "__main__":
    main()
