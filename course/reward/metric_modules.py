"""The course's metrics as `evaluate.Metric` modules: thin, offline, in memory.

Each only calls a function of this room: build one, then `compute(...)`, or `add_batch`
and `compute()`.  Nothing is fetched; `evaluate` keeps an empty folder for each under
the course's home.  The names of the results are those of the functions.
"""

import datasets
import evaluate
import torch

from course.reward import metrics, overlap
from course.reward.diversity import distinct_score
from course.runtime import home

_TEXT = datasets.Value("string")
_NUMBER = datasets.Value("float64")


class _Offline(evaluate.Metric):
    """A metric that keeps its inputs in memory and says what they are."""

    about = ""
    columns: dict[str, datasets.Value] = {}

    def __init__(self) -> None:
        super().__init__(keep_in_memory=True, cache_dir=str(home() / "evaluate"))

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.about,
            citation="",
            inputs_description=self.about,
            features=datasets.Features(self.columns),
        )


class Bleu(_Offline):
    """`corpus_bleu`, 0 to 1, of texts against one reference each: {"bleu": float}.

    Chapter 05.
    """

    about = "Corpus BLEU, 0 to 1: tokens 13a, smoothing exp, one reference per text."
    columns = {"predictions": _TEXT, "references": _TEXT}

    def _compute(self, predictions, references) -> dict[str, float]:
        return {"bleu": overlap.corpus_bleu(predictions, references)}


class ChrF(_Offline):
    """Mean `chrf` of texts against one reference each: {"chrf": float}.  Chapter 15."""

    about = "Mean chrF, 0 to 1: character n-grams to 6, beta 2, white space left out."
    columns = {"predictions": _TEXT, "references": _TEXT}

    def _compute(self, predictions, references) -> dict[str, float]:
        pairs = zip(predictions, references, strict=True)
        scores = [overlap.chrf(p, r) for p, r in pairs]
        return {"chrf": sum(scores) / len(scores)}


class RougeL(_Offline):
    """Mean `rouge_l` of texts against one reference each: {"rouge_l": float}.

    Chapter 05.
    """

    about = "Mean ROUGE-L F1, 0 to 1: tokens a-z and 0-9, no stemmer."
    columns = {"predictions": _TEXT, "references": _TEXT}

    def _compute(self, predictions, references) -> dict[str, float]:
        pairs = zip(predictions, references, strict=True)
        scores = [overlap.rouge_l(p, r) for p, r in pairs]
        return {"rouge_l": sum(scores) / len(scores)}


class DistinctN(_Offline):
    """Mean `distinct_n` of texts; compute(..., n=2): {"distinct_n": float}.

    Chapter 05.
    """

    about = "Mean share of different word n-grams in each text, 0 to 1."
    columns = {"predictions": _TEXT}

    def _compute(self, predictions, n: int = 2) -> dict[str, float]:
        return {"distinct_n": float(distinct_score(predictions, n).mean())}


class Pearson(_Offline):
    """`pearson` of scores (predictions) and ratings (references): {"pearson": r}.

    Chapter 05.
    """

    about = "Pearson's correlation of scores with mean human ratings."
    columns = {"predictions": _NUMBER, "references": _NUMBER}

    def _compute(self, predictions, references) -> dict[str, float]:
        a, b = torch.tensor(predictions), torch.tensor(references)
        return {"pearson": metrics.pearson(a, b)}
