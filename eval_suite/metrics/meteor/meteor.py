"""METEOR of the protocol `strict`: `evaluate.load("./eval_suite/metrics/meteor")`."""

from eval_suite.metrics import families


class Meteor(families.FamilyMetric):
    """METEOR: predictions and references, one text a row."""

    family = "METEOR"
    citation = "Lavie and Agarwal 2007, METEOR: an automatic metric for MT evaluation"
