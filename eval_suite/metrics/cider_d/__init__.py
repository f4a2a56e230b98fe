"""CIDEr-D, for `evaluate.load("./eval_suite/metrics/cider_d")`."""
