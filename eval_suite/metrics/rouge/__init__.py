"""ROUGE-L, ROUGE-1 and ROUGE-2, for `evaluate.load("./eval_suite/metrics/rouge")`."""
