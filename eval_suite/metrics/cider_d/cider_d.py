"""CIDEr-D of the protocol `strict`: `evaluate.load("./eval_suite/metrics/cider_d")`."""

from eval_suite.metrics import families


class CiderD(families.FamilyMetric):
    """CIDEr-D: predictions and references, one text a row."""

    family = "CIDEr-D"
    citation = "Vedantam, Zitnick and Parikh 2015, CIDEr: consensus-based image description evaluation"
