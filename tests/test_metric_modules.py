"""The `evaluate` modules: equal to the functions, with no network and no file."""

import socket

import pytest
import torch

from course.reward import metric_modules as modules
from course.reward import metrics, overlap
from course.reward.diversity import distinct_score

TEXTS = ["a good film", "so so so so", "the film is dull and long"]
WANTED = ["a very good film", "so it is", "the film is long"]
SCORES, RATINGS = [0.5, -1.0, 2.0, 2.0], [1.0, -2.0, 0.5, 2.0]
CASES = {
    "bleu": (modules.Bleu, TEXTS, WANTED, overlap.corpus_bleu(TEXTS, WANTED)),
    "chrf": (
        modules.ChrF,
        TEXTS,
        WANTED,
        sum(map(overlap.chrf, TEXTS, WANTED)) / 3,
    ),
    "rouge_l": (
        modules.RougeL,
        TEXTS,
        WANTED,
        sum(map(overlap.rouge_l, TEXTS, WANTED)) / 3,
    ),
    "distinct_n": (modules.DistinctN, TEXTS, None, float(distinct_score(TEXTS).mean())),
    "pearson": (
        modules.Pearson,
        SCORES,
        RATINGS,
        metrics.pearson(torch.tensor(SCORES), torch.tensor(RATINGS)),
    ),
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    def refuse(*_arguments, **_options):
        raise OSError("a metric asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))


def given(predictions, references):
    columns = {"predictions": predictions}
    return columns if references is None else {**columns, "references": references}


@pytest.mark.parametrize("name", CASES)
def test_a_module_gives_what_the_function_gives(name):
    module, predictions, references, expected = CASES[name]
    result = module().compute(**given(predictions, references))
    assert result == {name: pytest.approx(expected, abs=1e-6)}
    assert type(result[name]) is float


@pytest.mark.parametrize("name", CASES)
def test_batches_give_what_one_call_gives(name):
    module, predictions, references, expected = CASES[name]
    metric = module()
    for part in (slice(0, 2), slice(2, None)):
        metric.add_batch(
            **given(predictions[part], None if references is None else references[part])
        )
    assert metric.compute()[name] == pytest.approx(expected, abs=1e-6)


def test_n_is_an_argument_of_compute():
    found = modules.DistinctN().compute(predictions=["so so so so"], n=1)
    assert found["distinct_n"] == 0.25


def test_no_file_is_written(tmp_path):
    modules.Bleu().compute(predictions=TEXTS, references=WANTED)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_modules_can_be_combined():
    import evaluate

    both = evaluate.combine([modules.Bleu(), modules.RougeL()])
    found = both.compute(predictions=TEXTS, references=WANTED)
    assert set(found) == {"bleu", "rouge_l"}
