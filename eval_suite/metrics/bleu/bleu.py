"""BLEU-1 to 4 of the protocol `strict`: `evaluate.load("./eval_suite/metrics/bleu")`."""

from eval_suite.metrics import families


class Bleu(families.FamilyMetric):
    """BLEU-1 to 4: predictions and references, one text a row."""

    family = "BLEU"
    citation = "Papineni et al. 2002, BLEU: a method for automatic evaluation of machine translation"
