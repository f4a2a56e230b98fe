"""The share of reports right in every token, for `evaluate.load("./eval_suite/metrics/exact_match")`."""
