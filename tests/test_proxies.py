"""The recipe of the proxy: few ratings, and the scale of the writer's own texts."""

import pytest
import torch
from datasets import Dataset

from course.data import reviews
from course.lm import sampling
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.lm.training import History
from course.recipes import Checkpoint
from course.recipes.proxies import REWARD_PROXY, train_proxy
from course.reward import training
from course.reward.model import scorer

ROWS = Dataset.from_list(
    [{"text": f"the film number {n} is good", "mean": n / 10} for n in range(20)]
)
TINY = {"ratings": 6, "train": {"epochs": 1, "batch_size": 3, "learning_rate": 1e-3}}


@pytest.fixture
def seen(monkeypatch):
    """What the training and the reference samples were made of."""
    kept = {}
    fit, write = training.fit_regression, sampling.write

    def spied_fit(model, tokenizer, texts, ratings, **options):
        kept["texts"], kept["ratings"] = texts, ratings
        return fit(model, tokenizer, texts, ratings, **options)

    def spied_write(model, tokenizer, prompts, **options):
        kept["prompts"] = prompts
        kept["written"] = write(model, tokenizer, prompts, **options)
        return kept["written"]

    monkeypatch.setattr(reviews, "load", lambda source, split: ROWS)
    monkeypatch.setattr(training, "fit_regression", spied_fit)
    monkeypatch.setattr(sampling, "write", spied_write)
    return kept


def train(seed: int) -> Checkpoint:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(list(ROWS["text"]), 300)
    gpt = GPT(GPTConfig(len(tokenizer), 64, 16, 1, 2, 1, 24)).eval()
    base = Checkpoint("language-model", gpt, tokenizer, {}, History())
    settings = REWARD_PROXY.settings | TINY | {"seed": seed}
    return train_proxy(settings, {"language-model": base})


def test_only_so_many_ratings_are_seen_and_each_belongs_to_its_text(seen):
    train(0)
    assert len(set(seen["texts"])) == len(seen["ratings"]) == 6
    truth = dict(zip(ROWS["text"], ROWS["mean"], strict=True))
    assert [truth[text] for text in seen["texts"]] == seen["ratings"]


def test_another_seed_draws_other_ratings(seen):
    train(0)
    first = seen["texts"]
    train(1)
    assert set(seen["texts"]) != set(first)


def test_scores_have_mean_0_and_deviation_1_on_texts_of_the_writer(seen):
    made = train(0)
    scores = scorer(made.model, made.tokenizer)(seen["prompts"], seen["written"])
    assert len(scores) == len(ROWS)
    assert scores.mean().item() == pytest.approx(0, abs=1e-4)
    assert scores.std(correction=0).item() == pytest.approx(1, abs=1e-3)
