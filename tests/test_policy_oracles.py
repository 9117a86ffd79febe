"""The policy room against TRL's RLOO trainer and its functions, on one tiny Llama."""

from types import SimpleNamespace

import pytest
import torch
from trl_oracle import Scored, gradient, make_trainer, trl_function

from course.lm.objective import completion_logprobs
from course.lm.sampling import completion_mask
from course.policy.advantages import leave_one_out_baseline, shaped_rewards
from course.policy.losses import policy_entropy, reduce_seq_sum, reinforce_loss

BETA, GROUP = 0.2, 4
PRIVATE = ("_compute_loss", "_generate_and_score_completions")


def letters(prompts, completions, **columns) -> list[float]:
    return [
        0.1 * sum(c.isalpha() for c in text) - len(text) / 50 for text in completions
    ]


@pytest.fixture(scope="module", params=[1.0, 0.7], ids="temperature {}".format)
def rloo(request, tmp_path_factory):
    """A trainer whose policy has moved away from its reference."""
    prompts = [{"prompt": p} for p in ("a", "the plot was", "good", "a film")]
    trainer = make_trainer(
        "RLOO", tmp_path_factory.mktemp("rloo"), prompts * 4, PRIVATE, moved=0.05,
        reward_funcs=letters,
        settings={
            "num_generations": GROUP, "max_completion_length": 10, "beta": BETA,
            "temperature": request.param,
        },
    )  # fmt: skip
    return SimpleNamespace(
        trainer=trainer,
        tokenizer=trainer.processing_class,
        temperature=request.param,
        policy=Scored(trainer.model),
        reference=Scored(trainer.ref_model),
    )


@pytest.fixture(scope="module")
def batch(rloo):
    """Two groups that TRL generated and scored: ids, masks, advantages."""
    torch.manual_seed(1)
    rloo.trainer.model.train()
    rows = [{"prompt": "the plot was"}] * GROUP + [{"prompt": "a"}] * GROUP
    return rloo.trainer._generate_and_score_completions(rows)


def ours(rloo, batch, model):
    names = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")
    return completion_logprobs(model, *(batch[n] for n in names), rloo.temperature)


def test_leave_one_out_advantages_with_k1_in_the_reward_are_those_of_trl(rloo, batch):
    with torch.no_grad():
        logprobs, _ = ours(rloo, batch, rloo.policy)
        ref_logprobs, _ = ours(rloo, batch, rloo.reference)
    mask = batch["completion_mask"]
    texts = rloo.tokenizer.batch_decode(
        batch["completion_ids"], skip_special_tokens=True
    )
    scores = torch.tensor(letters(None, texts))
    rewards = shaped_rewards(scores, logprobs, ref_logprobs, mask, BETA).sum(1)
    advantages = rewards - leave_one_out_baseline(rewards, GROUP)
    d = ((logprobs - ref_logprobs) * mask).sum(1)
    assert d.abs().max() > 0.05  # the penalty takes part in the comparison
    assert (advantages - batch["advantages"]).abs().max() < 2e-6


def test_reinforce_with_the_sequence_sum_has_the_gradient_of_trls_rloo_loss(
    rloo, batch
):
    model, mask = rloo.trainer.model, batch["completion_mask"]
    logprobs, _ = ours(rloo, batch, rloo.policy)
    loss = reinforce_loss(logprobs, batch["advantages"], mask, reduce_seq_sum)
    on_policy = {**batch, "old_logps": (logprobs * mask).sum(1).detach()}
    theirs = rloo.trainer._compute_loss(model, on_policy)
    expected = gradient(rloo.trainer, theirs)
    assert expected.abs().max() > 1e-3
    assert (gradient(rloo.trainer, loss) - expected).abs().max() < 2e-6


def test_the_sequence_log_probabilities_are_those_that_trl_sampled_with(rloo, batch):
    with torch.no_grad():
        logprobs, _ = ours(rloo, batch, rloo.policy)
    assert (logprobs.sum(1) - batch["old_logps"]).abs().max() < 1e-5


def test_the_masked_entropy_is_the_one_that_trl_logs(rloo, batch):
    with torch.no_grad():
        _, entropy = ours(rloo, batch, rloo.policy)
    logged = rloo.trainer._metrics["train"]["entropy"]
    logged.clear()
    rloo.trainer._compute_loss(rloo.trainer.model, dict(batch))
    mean = float(entropy.sum() / batch["completion_mask"].sum())
    assert mean == pytest.approx(logged[-1], abs=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.7, 1.6])
def test_completion_log_probabilities_and_entropies_are_those_of_trl(temperature):
    selective_log_softmax = trl_function("selective_log_softmax")
    both = trl_function("selective_log_softmax_and_entropy")
    logits = torch.randn(4, 6, 50, generator=torch.Generator().manual_seed(0))
    ids = torch.randint(50, (4, 6), generator=torch.Generator().manual_seed(1))
    mask = completion_mask(torch.tensor([6, 1, 3, 4]), 6)
    given = SimpleNamespace(
        hidden=lambda ids, attention_mask: torch.cat([logits, logits[:, :1]], 1),
        head=lambda hidden: hidden,
    )
    prompt = torch.zeros(4, 1, dtype=torch.long)
    scored, entropy = completion_logprobs(
        given, prompt, torch.ones(4, 1), ids, mask, temperature
    )
    expected = selective_log_softmax(logits, ids, temperature=temperature)
    assert (scored - expected)[mask].abs().max() < 1e-6
    # With a mask TRL leaves zeros on padding, as we do.
    logprobs, spread = both(logits, ids, temperature=temperature, row_mask=mask)
    assert (scored - logprobs).abs().max() < 1e-6
    assert (entropy - spread).abs().max() < 2e-6


def test_the_policy_entropy_is_the_masked_mean_of_trls_entropy():
    entropy_from_logits = trl_function("entropy_from_logits")
    logits = torch.randn(4, 6, 50, generator=torch.Generator().manual_seed(0))
    mask = completion_mask(torch.tensor([6, 1, 3, 4]), 6)
    expected = entropy_from_logits(logits)[mask].mean()
    assert abs(float(policy_entropy(logits, mask) - expected)) < 2e-6
