"""ROUGE-L, ROUGE-1 and ROUGE-2 of the protocol `strict`: `evaluate.load("./eval_suite/metrics/rouge")`."""

from eval_suite.metrics import families


class Rouge(families.FamilyMetric):
    """ROUGE-L, ROUGE-1 and ROUGE-2: predictions and references, one text a row."""

    family = "ROUGE"
    citation = "Lin 2004, ROUGE: a package for automatic evaluation of summaries"
