"""What goes wrong in a run: one sentence, and every weight as before the step.

Scores that break are in test_loop.py; here the sampler, the loss, the ratio and the
stop button do, at the third step, when there is something to lose.
"""

import math
from functools import partial

import pytest
import torch
from tiny import (
    ALGORITHMS,
    GROUP,
    PROMPTS,
    equal,
    make_step,
    plain_share,
    seeded,
    tiny_gpt,
)

from course.lm.objective import completion_logprobs
from course.lm.sampling import generate
from course.policy import rollout as rollouts
from course.policy.guards import update
from course.policy.loop import train
from course.runtime import CourseError

# Where each step finds the function that moves the weights.
MODULES = dict.fromkeys(ALGORITHMS, "minibatches") | {"reinforce": "reinforce"}


class Run:
    """Training whose third step goes wrong; `kept` has the weights before each step."""

    def __init__(self, tokenizer, algorithm, policy=None, **options):
        self.policy = policy or tiny_gpt(tokenizer)
        self.reference = tiny_gpt(tokenizer)
        self.tokenizer, self.size = tokenizer, GROUP[algorithm]
        step, self.optimizer = make_step(algorithm, self.policy, 1e-2, beta=0.1)
        self.step, self.kept = partial(step, **options), []

    def everything(self) -> list[torch.Tensor]:
        """Policy, critic, and the averages of their optimizer."""
        weights = [p for group in self.optimizer.param_groups for p in group["params"]]
        state = self.optimizer.state_dict()["state"]
        averages = [x for n in state for x in state[n].values()]
        return [x.detach().clone() for x in weights + averages]

    def go(self, fault, rows=16):
        """fault: called once the texts of the second step are written and scored."""

        def score(prompts, completions):
            self.kept.append(self.everything())
            if len(self.kept) == 2:
                fault()
            return plain_share(prompts, completions)

        return train(
            self.policy, self.reference, self.tokenizer, PROMPTS, score, self.step,
            optimizer=self.optimizer, steps=5, batch_size=rows // self.size,
            group_size=self.size, max_new_tokens=8, generator=seeded(),
        )  # fmt: skip

    def stops_as_before_the_step(self, fault, sentence: str, **options) -> None:
        with pytest.raises(CourseError, match=sentence) as error:
            self.go(fault, **options)
        text = str(error.value)
        assert text.startswith("The step was not taken: ") and "\n" not in text
        self.is_kept()

    def is_kept(self) -> None:
        assert len(self.kept) == 3
        assert equal(self.everything(), self.kept[2])
        assert not equal(self.kept[2], self.kept[1])  # the second step was taken


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_sampler_that_draws_too_freely_gives_a_negative_kl_and_stops_the_run(
    tokenizer, algorithm, monkeypatch
):
    """The disease: texts drawn at one temperature and scored at another."""
    policy, free = tiny_gpt(tokenizer), []
    with torch.no_grad():
        policy.embedding.weight.mul_(10.0)  # surer of its tokens than the reference
    run = Run(tokenizer, algorithm, policy)

    def too_freely(model, ids, mask, temperature, **options):
        hot = 100.0 if free else temperature
        made = generate(model, ids, mask, temperature=hot, **options)
        with torch.no_grad():
            made.logprobs, _ = completion_logprobs(
                model, ids, mask, made.ids, made.mask, temperature
            )
        return made

    monkeypatch.setattr(rollouts, "generate", too_freely)
    run.stops_as_before_the_step(
        lambda: free.append(True), "mean KL is -.*a KL cannot be negative", rows=64
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_every_weight(
    tokenizer, algorithm
):
    """A reference that has become NaN reaches every loss through the KL."""
    run = Run(tokenizer, algorithm)

    def spoil():
        with torch.no_grad():
            next(run.reference.parameters()).fill_(math.nan)

    run.stops_as_before_the_step(spoil, "loss nan")


def wild_updates(run, monkeypatch, algorithm, rate: float) -> None:
    """In the third step every update takes this learning rate."""

    def wildly(optimizer, losses, max_grad_norm):
        if len(run.kept) == 3:
            for group in optimizer.param_groups:
                group["lr"] = rate
        return update(optimizer, losses, max_grad_norm)

    monkeypatch.setattr(f"course.policy.{MODULES[algorithm]}.update", wildly)


@pytest.mark.parametrize("algorithm", ["ppo", "grpo", "rloo"])
def test_a_ratio_that_explodes_between_updates_keeps_every_weight(
    tokenizer, algorithm, monkeypatch
):
    run = Run(tokenizer, algorithm, epochs=3)
    wild_updates(run, monkeypatch, algorithm, 30.0)
    run.stops_as_before_the_step(lambda: None, "its updates made the ratio explode")


# At 1e12 the logits are no numbers.
@pytest.mark.parametrize("rate", [30.0, 1e12])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_last_update_that_ruins_the_policy_is_undone_with_its_step(
    tokenizer, algorithm, rate, monkeypatch
):
    """The disease: a step's metrics are all from before its last update."""
    once = {"epochs": 1, "minibatches": 1} if algorithm == "ppo" else {}
    run = Run(tokenizer, algorithm, **once)
    wild_updates(run, monkeypatch, algorithm, rate)
    run.stops_as_before_the_step(lambda: None, "explode")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_stop_button_after_an_update_goes_back_to_the_step_before(
    tokenizer, algorithm, monkeypatch, capsys
):
    run = Run(tokenizer, algorithm)

    def stopped(optimizer, losses, max_grad_norm):
        norms = update(optimizer, losses, max_grad_norm)
        if len(run.kept) == 3:
            assert not equal(run.everything(), run.kept[2])
            raise KeyboardInterrupt
        return norms

    monkeypatch.setattr(f"course.policy.{MODULES[algorithm]}.update", stopped)
    history = run.go(lambda: None)
    run.is_kept()
    assert len(history.rows) == 2
    assert "stopped after 2 of 5 steps; the policy is kept" in capsys.readouterr().out


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_stop_button_while_texts_are_written_keeps_what_was_learned(
    tokenizer, algorithm, monkeypatch, capsys
):
    run = Run(tokenizer, algorithm)

    def stopped(*given, **options):
        if len(run.kept) == 3:
            raise KeyboardInterrupt
        return generate(*given, **options)

    monkeypatch.setattr(rollouts, "generate", stopped)
    history = run.go(lambda: None)
    assert len(history.rows) == 3 and not equal(run.everything(), run.kept[2])
    assert "stopped after 3 of 5 steps; the policy is kept" in capsys.readouterr().out
    assert all(torch.isfinite(x).all() for x in run.everything())
