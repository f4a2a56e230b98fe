"""BERTScore, for `evaluate.load("./eval_suite/metrics/bert_score")`."""
