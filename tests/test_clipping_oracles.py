"""GRPO and RLOO against TRL's losses, and GAE against stable-baselines3's buffer."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from trl_oracle import Scored, agree, make_trainer

from course.lm.objective import completion_logprobs
from course.lm.sampling import completion_mask
from course.policy.advantages import whiten
from course.policy.clipping import (
    grpo_loss,
    importance_ratio,
    is_clipped,
    ppo_clip_loss,
    rloo_loss,
    sequence_ratio,
)
from course.policy.critic import explained_variance, gae
from course.policy.groups import (
    centred_advantages,
    frac_reward_zero_std,
    group_advantages,
    group_std,
)
from course.policy.kl import k3
from course.policy.losses import reduce_const, reduce_seq_mean, reduce_token_mean

EPS, EPS_HIGH, BETA, GROUP, LONGEST = 0.2, 0.28, 0.04, 4, 10
LENGTHS = torch.tensor([10, 7, 3, 10, 5, 9, 1, 4])
CONST = partial(reduce_const, max_length=LONGEST)
REDUCE = {
    "grpo": reduce_seq_mean,
    "bnpo": reduce_token_mean,
    "dapo": reduce_token_mean,
    "dr_grpo": CONST,
}


SCORES = [1.0, 2.0, -1.0, 0.5, 3.0, 3.0, 3.0, 3.0]  # the second group teaches nothing


def fixed_scores(prompts, completions, **columns) -> list[float]:
    return SCORES[: len(completions)]


def clipping_trainer(name: str, folder, temperature: float, *private, **settings):
    """A trainer of groups of four whose clip has two widths."""
    settings |= {
        "num_generations": GROUP, "max_completion_length": LONGEST, "beta": BETA,
        "temperature": temperature, "epsilon": EPS, "epsilon_high": EPS_HIGH,
    }  # fmt: skip
    return make_trainer(
        name, folder, [{"prompt": "a"}] * 16, private, settings=settings,
        reward_funcs=fixed_scores,
    )  # fmt: skip


@pytest.fixture(scope="module", params=[1.0, 0.7], ids="temperature {}".format)
def grpo(request, tmp_path_factory):
    return clipping_trainer(
        "GRPO", tmp_path_factory.mktemp("grpo"), request.param, "_compute_loss",
        "_generate_and_score_completions", use_bias_correction_kl=False,
        loss_type="grpo",
    )  # fmt: skip


@pytest.fixture(scope="module", params=[1.0, 0.7], ids="temperature {}".format)
def rloo(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rloo")
    return clipping_trainer("RLOO", folder, request.param, "_compute_loss")


def rows_for(trainer, spread: float = 0.3) -> SimpleNamespace:
    """Eight completions of given lengths, moved away from both other policies."""
    generator = torch.Generator().manual_seed(3)
    vocabulary = trainer.model.config.vocab_size

    def ids(*shape: int) -> torch.Tensor:
        return torch.randint(3, vocabulary, shape, generator=generator)

    prompt_mask = torch.ones(8, 4, dtype=torch.long)
    prompt_mask[::2, :2] = 0  # padded on the left
    batch = {
        "prompt_ids": ids(8, 4),
        "prompt_mask": prompt_mask,
        "completion_ids": ids(8, LONGEST),
        "completion_mask": completion_mask(LENGTHS, LONGEST).long(),
    }
    new, _ = completion_logprobs(
        Scored(trainer.model), *batch.values(), trainer.temperature
    )
    mask = batch["completion_mask"]
    # Wide enough for the clip and the KL to take part.
    noise = spread * torch.randn(2, 8, LONGEST, generator=generator)
    old, ref = (new.detach() + noise) * mask
    advantages = torch.randn(8, generator=generator)
    return SimpleNamespace(
        batch=batch, new=new, old=old, ref=ref, mask=mask, advantages=advantages
    )


def trl_grpo_loss(
    trainer, rows: SimpleNamespace, some: slice = slice(None)
) -> torch.Tensor:
    """TRL's loss of all rows, or of some as a micro-batch of them."""
    given = {
        **rows.batch,
        "advantages": rows.advantages,
        "old_per_token_logps": rows.old,
        "ref_per_token_logps": rows.ref,
    }
    return trainer._compute_loss(
        trainer.model,
        {name: tensor[some] for name, tensor in given.items()}
        | {"num_items_in_batch": rows.mask.sum()},
    )


@pytest.mark.parametrize("ratio_times_k3", [False, True])
@pytest.mark.parametrize("variant", REDUCE)
def test_every_normalisation_of_grpo_has_the_loss_and_gradient_of_trl(
    grpo, variant, ratio_times_k3, monkeypatch
):
    monkeypatch.setattr(grpo, "loss_type", variant)
    monkeypatch.setattr(grpo.args, "use_bias_correction_kl", ratio_times_k3)
    rows = rows_for(grpo)
    given = (rows.advantages, rows.mask)
    clip = {"clip_eps": EPS, "clip_eps_high": EPS_HIGH, "reduce": REDUCE[variant]}
    if ratio_times_k3:
        ratio = importance_ratio(rows.new, rows.old, rows.mask)
        ours = ppo_clip_loss(rows.new, rows.old, *given, **clip) + BETA * REDUCE[
            variant
        ](ratio * k3(rows.new, rows.ref), rows.mask)
    else:
        ours = grpo_loss(rows.new, rows.old, rows.ref, *given, BETA, **clip)
    agree(grpo, ours, trl_grpo_loss(grpo, rows), 1e-6)
    other = CONST if variant == "grpo" else reduce_seq_mean
    wrong = ppo_clip_loss(rows.new, rows.old, *given, EPS, EPS_HIGH, other)
    assert abs(float((wrong - ours).detach())) > 1e-3  # the reductions are told apart


def test_micro_batches_over_the_tokens_of_the_whole_add_up_as_in_trls_dapo(
    grpo, monkeypatch
):
    """TRL's BNPO divides by the micro-batch's own tokens: there they do not add up."""
    monkeypatch.setattr(grpo, "current_gradient_accumulation_steps", 2)
    monkeypatch.setattr(grpo.args, "steps_per_generation", 2)
    rows = rows_for(grpo)
    parts = slice(0, 3), slice(3, 8)
    n_tokens = rows.mask.sum()

    def ours(some: slice, reduce) -> torch.Tensor:
        return grpo_loss(
            *(x[some] for x in (rows.new, rows.old, rows.ref, rows.advantages)),
            rows.mask[some], BETA, EPS, EPS_HIGH, reduce,
        )  # fmt: skip

    whole = ours(slice(None), reduce_token_mean)
    reduce = partial(reduce_token_mean, n_tokens=n_tokens)
    agree(grpo, sum(ours(part, reduce) for part in parts), whole, 1e-6)
    sums = {}
    for variant in ("dapo", "bnpo"):
        monkeypatch.setattr(grpo, "loss_type", variant)
        sums[variant] = sum(trl_grpo_loss(grpo, rows, part) for part in parts)
    agree(grpo, whole, sums["dapo"], 1e-6)
    halves = sum(ours(part, reduce_token_mean) for part in parts) / 2
    agree(grpo, halves, sums["bnpo"], 1e-6)
    assert abs(float((whole - halves).detach())) > 1e-3


def test_the_clip_fractions_are_those_that_trl_logs(grpo):
    rows = rows_for(grpo)
    logged = grpo._metrics["train"]
    logged.clear()
    trl_grpo_loss(grpo, rows)
    ratio = importance_ratio(rows.new, rows.old, rows.mask)
    clipped = is_clipped(ratio, rows.advantages, EPS, EPS_HIGH).float()
    up = (rows.advantages > 0).float()[:, None]
    for key, values in (
        ("region", clipped), ("high", clipped * up), ("low", clipped * (1 - up))
    ):  # fmt: skip
        share = reduce_token_mean(values, rows.mask)
        assert share > 0
        assert float(share) == pytest.approx(logged[f"clip_ratio/{key}_mean"][-1], 1e-6)


@pytest.mark.parametrize("scale", ["group", "none"])
def test_group_advantages_and_their_metrics_are_those_of_trl(grpo, scale, monkeypatch):
    monkeypatch.setattr(grpo, "scale_rewards", scale)
    grpo._metrics["train"].clear()
    torch.manual_seed(1)
    batch = grpo._generate_and_score_completions([{"prompt": "a"}] * 8)
    scores = torch.tensor(SCORES)
    ours = (
        group_advantages(scores, GROUP, unbiased=True)
        if scale == "group"
        else centred_advantages(scores, GROUP)
    )
    assert (ours - batch["advantages"]).abs().max() < 1e-6
    logged = grpo._metrics["train"]["frac_reward_zero_std"][-1]
    assert float(frac_reward_zero_std(scores, GROUP)) == logged == 0.5


def test_the_group_std_is_that_of_torch_and_of_numpy():
    import numpy

    scores = torch.randn(12, generator=torch.Generator().manual_seed(0)).double()
    groups = scores.view(3, 4)
    for unbiased in (False, True):
        taken = group_std(scores, 4, unbiased)
        expected = numpy.std(groups.numpy(), axis=1, ddof=int(unbiased))
        assert abs(taken.numpy() - expected).max() < 1e-12
        assert (taken - torch.std(groups, 1, unbiased)).abs().max() < 1e-12


def test_the_rloo_loss_and_its_gradient_are_those_of_trl(rloo):
    rows = rows_for(rloo, spread=0.1)  # it adds up over a completion
    ours = rloo_loss(rows.new, rows.old, rows.advantages, rows.mask, EPS, EPS_HIGH)
    given = {**rows.batch, "advantages": rows.advantages}
    rloo._metrics["train"].clear()
    theirs = rloo._compute_loss(
        rloo.model, {**given, "old_logps": (rows.old * rows.mask).sum(1)}
    )
    # TRL subtracts two sums of about -57 nats, where fp32 numbers are 4e-6 apart; ours
    # adds up small differences, and stays near what fp64 makes of the same numbers.
    agree(rloo, ours, theirs, 1e-5)
    exact = rloo_loss(
        rows.new.double(), rows.old.double(), rows.advantages, rows.mask, EPS, EPS_HIGH
    )
    assert abs(float((ours - exact).detach())) < 1e-6
    ratio = sequence_ratio(rows.new, rows.old, rows.mask)
    clipped = is_clipped(ratio, rows.advantages, EPS, EPS_HIGH).float().mean()
    logged = rloo._metrics["train"]["clip_ratio/region_mean"][-1]
    assert 0 < logged < 1 and float(clipped) == pytest.approx(logged, 1e-6)


@pytest.mark.parametrize("gamma, lam", [(1.0, 0.95), (0.9, 0.8), (1.0, 1.0), (1.0, 0)])
def test_gae_is_that_of_stable_baselines3_for_completions_of_all_lengths(gamma, lam):
    buffers = pytest.importorskip("stable_baselines3.common.buffers")
    import numpy
    from gymnasium import spaces

    generator = torch.Generator().manual_seed(2)
    rewards, values = torch.randn(2, 8, LONGEST, generator=generator)
    mask = completion_mask(LENGTHS, LONGEST)
    buffer = buffers.RolloutBuffer(
        LONGEST, spaces.Box(-1, 1, (1,)), spaces.Discrete(2), device="cpu",
        gamma=gamma, gae_lambda=lam, n_envs=8,
    )  # fmt: skip
    for t in range(LONGEST):  # one environment per completion
        # The first step after a completion starts another episode: nothing of it counts
        starts = t == LENGTHS % LONGEST
        buffer.add(
            numpy.zeros((8, 1)), numpy.zeros((8, 1)), rewards[:, t].numpy(),
            starts.numpy(), values[:, t], torch.zeros(8),
        )  # fmt: skip
    buffer.compute_returns_and_advantage(torch.zeros(8), numpy.ones(8))
    advantages, returns = gae(rewards, values, mask, gamma, lam)
    for ours, theirs in ((advantages, buffer.advantages), (returns, buffer.returns)):
        expected = torch.from_numpy(theirs.T)
        assert (ours - expected)[mask].abs().max() < 1e-6
        assert not ours[~mask].any()


def test_the_explained_variance_is_that_of_stable_baselines3():
    utils = pytest.importorskip("stable_baselines3.common.utils")
    generator = torch.Generator().manual_seed(6)
    values, returns = torch.randn(2, 8, LONGEST, generator=generator).double()
    mask = completion_mask(LENGTHS, LONGEST)
    for guess in (values, returns + values / 3, returns + 2):
        expected = utils.explained_variance(guess[mask].numpy(), returns[mask].numpy())
        ours = explained_variance(guess, returns, mask)
        assert float(ours) == pytest.approx(float(expected), abs=1e-12)


def test_whitening_is_torchs_layer_norm_over_the_completion_tokens():
    values = torch.randn(8, LONGEST, generator=torch.Generator().manual_seed(7))
    mask = completion_mask(LENGTHS, LONGEST)
    kept = (3 + 2 * values)[mask]
    expected = F.layer_norm(kept, kept.shape, eps=1e-8)
    assert (whiten(3 + 2 * values, mask)[mask] - expected).abs().max() < 1e-6
