"""Share of reports right in every token (protocol `strict`): `evaluate.load("./eval_suite/metrics/exact_match")`."""

from eval_suite.metrics import families


class ExactMatch(families.FamilyMetric):
    """The share of reports right in every token: predictions and references, one text a row."""

    family = "Exact"
