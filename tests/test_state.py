"""What an earlier cell left behind does not count: a loop starts clean."""

import torch
from tiny import seeded, tiny_gpt

from course.lm.finetuning import fine_tune
from course.lm.training import train_language_model
from course.reward.model import RewardModel
from course.reward.training import fit_regression

TEXTS = ["a good film", "the film was bad", "good acting", "a bad film"]


def pretrain(model, tokenizer):
    ids = torch.randint(5, 60, (6, 8), generator=seeded(1))
    train_language_model(
        model, ids, torch.ones_like(ids), steps=1, batch_size=2, generator=seeded()
    )


def tune(model, tokenizer):
    fine_tune(
        model, tokenizer, TEXTS, TEXTS, steps=1, batch_size=2, learning_rate=1e-3,
        generator=seeded(), warmup=0,
    )  # fmt: skip


def rate(model, tokenizer):
    fit_regression(
        model, tokenizer, TEXTS, [1.0, -1.0, 0.5, 0.0], epochs=1, batch_size=4,
        generator=seeded(),
    )  # fmt: skip


def made(loop, tokenizer):
    model = tiny_gpt(tokenizer)
    return RewardModel(model, seeded()) if loop is rate else model


def test_gradients_that_an_earlier_cell_left_change_no_step(tokenizer):
    for loop in (pretrain, tune, rate):
        clean, dirty = made(loop, tokenizer), made(loop, tokenizer)
        for p in dirty.parameters():
            p.grad = torch.ones_like(p)
        loop(clean, tokenizer)
        loop(dirty, tokenizer)
        for a, b in zip(clean.parameters(), dirty.parameters(), strict=True):
            assert torch.equal(a, b), loop.__name__
            assert b.grad is None


def test_a_loop_that_fails_leaves_no_gradient_and_a_model_that_only_reads(tokenizer):
    for loop in (pretrain, tune):
        model = made(loop, tokenizer)
        with torch.no_grad():
            model.embedding.weight.fill_(float("nan"))
        try:
            loop(model, tokenizer)
        except ValueError as error:
            assert "expected a finite number" in str(error)
        assert all(p.grad is None for p in model.parameters())
        assert not model.training
