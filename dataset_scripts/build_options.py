"""What decides the content of a data set, beside the archive it is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dataset_scripts.instructions.prompts import DEFAULT_SET, prompt_set
from dataset_scripts.instructions.questions import task_names
from dataset_scripts.record import EcgInputError
from dataset_scripts.reports.cleaning import drop_reason
from dataset_scripts.reports.translators import RULES, check_translator
from dataset_scripts.signals.filters import FILTERS
from dataset_scripts.splits import SplitRule

COMPLETIONS = ("report", "report_en")
ON_DAMAGED = ("stop", "drop")


@dataclass(frozen=True)
class BuildOptions:
    """The same options on the same archive give the same bytes.

    Attributes:
        cleaning: "standard" or "paper", see `reports.cleaning`.
        completion: which text is to be learnt: "report", in the archive's own language, or "report_en".
        translator: of the column `report_en`: "rules", "hub:MODEL" or "endpoint:MODEL@URL", see `reports.translators`.
        name_language: whether the prompt names the language that the completion is in.
        prompt_set: prompts to draw from, 1 to 512, see `instructions.prompts.prompt_set`.
        seed: of the prompts and questions drawn.
        tasks: of the questions asked beside the report, see `instructions.questions.task_names`.
        splits: scheme, see `splits.SplitRule`.
        split_seed: of the patients drawn, see there.
        filter: applied to every signal, see `signals.filters`; "none" leaves the archive's samples as they are.
        mend_leads: put exchanged or inverted limb leads right where only one mending is possible.
        on_damaged: "stop" at a record that cannot be read, or "drop" it and count it.
        source_options: what the source was told beside folder and sampling rate.

    Raises:
        EcgInputError: a value that is not one of those above.
    """

    cleaning: str = "standard"
    completion: str = "report"
    translator: str = RULES
    name_language: bool = True
    prompt_set: int = DEFAULT_SET
    seed: int = 0
    tasks: tuple[str, ...] = ()
    splits: str = "official"
    split_seed: int = 0
    filter: str = "none"
    mend_leads: bool = False
    on_damaged: str = "stop"
    source_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        drop_reason("", self.cleaning)
        check_translator(self.translator)
        prompt_set(self.prompt_set)
        object.__setattr__(self, "tasks", task_names(self.tasks))
        SplitRule(self.splits, self.split_seed)
        for name, known in (("completion", COMPLETIONS), ("on_damaged", ON_DAMAGED), ("filter", tuple(FILTERS))):
            if getattr(self, name) not in known:
                raise EcgInputError(f"{name} {getattr(self, name)!r}; choose one of {', '.join(known)}")

    def as_json(self) -> dict[str, Any]:
        """Returns the options as JSON has them; `BuildOptions.from_json` reads them back."""
        return {**asdict(self), "tasks": list(self.tasks), "source_options": dict(self.source_options)}

    @classmethod
    def from_json(cls, options: Mapping[str, Any]) -> BuildOptions:
        """Reads what `as_json` gave."""
        return cls(**{**options, "tasks": tuple(options["tasks"])})
