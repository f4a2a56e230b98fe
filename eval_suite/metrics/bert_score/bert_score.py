"""BERTScore with a local model: `evaluate.load("./eval_suite/metrics/bert_score").compute(..., model=FOLDER)`."""

import datasets
import evaluate

from eval_suite.metrics import bertscore


class LocalBertScore(evaluate.Metric):
    """BERTScore's precision, recall and F1, the model's name in each column."""

    def _info(self):
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="Means over rows of BERTScore's precision, recall and F1 by a model in a local folder.",
            citation="Zhang et al. 2020, BERTScore: evaluating text generation with BERT",
            inputs_description="predictions, references: one text a row each. model: folder of the model. Further "
            "arguments as eval_suite.metrics.bertscore.BertScore has them (name, num_layers, rescaled, device).",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def _compute(self, predictions, references, model, **options):
        rows = bertscore.BertScore(model, **options).rows(predictions, references)
        return {name: float(values.mean()) for name, values in rows.items()}
