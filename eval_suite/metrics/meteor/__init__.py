"""METEOR, for `evaluate.load("./eval_suite/metrics/meteor")`."""
