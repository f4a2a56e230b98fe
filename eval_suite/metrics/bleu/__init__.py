"""BLEU-1 to 4, for `evaluate.load("./eval_suite/metrics/bleu")`."""
