"""Packing, the packed loss, the schedule, and a model that learns."""

import math
from functools import partial

import pytest
import torch

from course.lm.model import GPT, GPTConfig
from course.lm.packing import pack, packed_loss
from course.lm.training import (
    History,
    batches,
    optimizers,
    schedule,
    train_language_model,
)

TINY = GPTConfig(
    vocab_size=12, context=16, width=16, layers=2, heads=2, kv_heads=1, feed_forward=24
)


def test_every_parameter_has_exactly_one_optimiser():
    model = GPT(TINY)
    kinds = optimizers(model, 0.01, 0.01, 0.1)
    held = [p for kind in kinds for group in kind.param_groups for p in group["params"]]
    assert len(held) == len({id(p) for p in held}) == len(list(model.parameters()))
    assert all(p.dim() == 2 for p in kinds[0].param_groups[0]["params"])
    assert any(p is model.embedding.weight for p in kinds[1].param_groups[0]["params"])


def test_the_schedule_rises_then_falls_to_nothing():
    shares = [schedule(step, 100, 10) for step in range(101)]
    assert shares[:11] == sorted(shares[:11]) and shares[9] == shares[10] == 1
    assert shares[10:] == sorted(shares[10:], reverse=True)
    assert shares[-1] == pytest.approx(0, abs=1e-12)


def test_an_epoch_of_batches_holds_every_row_once():
    order = batches(10, 4, torch.Generator().manual_seed(0))
    drawn = torch.cat([next(order) for _ in range(5)])
    assert sorted(drawn[:10].tolist()) == sorted(drawn[10:].tolist()) == [*range(10)]


def trained(**options) -> tuple[GPT, History]:
    torch.manual_seed(0)
    model = GPT(TINY)
    ids, segments = pack([[1, 3, 4, 5, 2], [1, 6, 7, 2]] * 8, 9, pad_id=0)
    history = train_language_model(
        model,
        ids,
        segments,
        generator=torch.Generator().manual_seed(0),
        **{"steps": 60, "batch_size": 4, "warmup": 5} | options,
    )
    return model, history


def test_a_model_learns_two_texts_by_heart_up_to_the_choice_between_them():
    _, history = trained(steps=150, matrix_learning_rate=0.03, other_learning_rate=0.03)
    # Each text is chosen once in two: ln 2 nats over its 4 or 3 later tokens.
    best = 2 * math.log(2) / 7
    assert history["loss"][0] == pytest.approx(math.log(12), rel=0.05)
    assert best - 0.02 < history.last["loss"] < best + 0.1
    assert history.steps("loss") == list(range(150))
    assert set(history.last) >= {"loss", "lr", "grad_norm", "tokens_per_s"}


def test_the_same_seed_trains_the_same_model():
    (one, _), (two, _) = trained(steps=5), trained(steps=5)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_measurement_is_logged_when_it_is_due_and_changes_no_weight():
    ids, segments = pack([[1, 2, 3, 4], [1, 5, 6, 4]], 4, 0)

    def run(**options):
        torch.manual_seed(0)
        model, order = GPT(TINY), torch.Generator().manual_seed(0)
        if options:
            loss = partial(packed_loss, model, ids, segments)
            options["measure"] = lambda: {"held_out": loss().item()}
        history = train_language_model(
            model, ids, segments, steps=7, batch_size=2, generator=order, **options
        )
        return model.state_dict(), history

    plain, _ = run()
    watched, history = run(measure_every=3)
    assert history.steps("held_out") == [2, 5]
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    # With every row in every batch, the next step starts from the measured model.
    after = history["loss"]
    assert history["held_out"] == pytest.approx([after[3], after[6]], rel=1e-6)


def test_a_loss_that_is_not_finite_is_said():
    torch.manual_seed(0)
    model = GPT(TINY)
    with torch.no_grad():
        model.norm.weight.fill_(float("nan"))
    ids, segments = pack([[1, 2, 3]] * 4, 6, 0)
    with pytest.raises(ValueError, match="got loss nan at step 0"):
        train_language_model(
            model, ids, segments, steps=2, batch_size=2, generator=torch.Generator()
        )


def test_the_stop_button_keeps_what_was_learned(monkeypatch, capsys):
    from course.lm import training

    calls = iter(range(100))

    def interrupted(*arguments):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return packed_loss(*arguments)

    monkeypatch.setattr(training, "packed_loss", interrupted)
    _, history = trained()
    assert len(history.rows) == 3
    assert "stopped after 3 of 60 steps" in capsys.readouterr().out
