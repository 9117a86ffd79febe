"""The policy room against TRL's RLOO trainer and its functions, on one tiny Llama."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from types import SimpleNamespace

import pytest
import torch

from course.lm.objective import completion_logprobs
from course.lm.sampling import completion_mask
from course.lm.tokenizer import train_tokenizer
from course.policy.advantages import leave_one_out_baseline, shaped_rewards
from course.policy.losses import policy_entropy, reduce_seq_sum, reinforce_loss

pytest.importorskip("trl")

BETA, GROUP = 0.2, 4
PRIVATE = ("_compute_loss", "_generate_and_score_completions")


def trl_function(name: str):
    from trl.trainer import utils

    if not hasattr(utils, name):
        pytest.skip(f"this TRL has no {name}")
    return getattr(utils, name)


def letters(prompts, completions, **columns) -> list[float]:
    return [
        0.1 * sum(c.isalpha() for c in text) - len(text) / 50 for text in completions
    ]


class Scored:
    """A transformers model with the two methods that `completion_logprobs` calls.

    The trunk is called with explicit positions; TRL's patched forward is not used.
    """

    def __init__(self, llama):
        self.llama = llama

    def hidden(self, ids, attention_mask):
        return self.llama.model(input_ids=ids, attention_mask=attention_mask)[0]

    def head(self, hidden):
        return self.llama.lm_head(hidden)


@pytest.fixture(scope="module", params=[1.0, 0.7], ids="temperature {}".format)
def rloo(request, tmp_path_factory):
    """A trainer whose policy has moved away from its reference."""
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import RLOOConfig, RLOOTrainer

    if not all(hasattr(RLOOTrainer, name) for name in PRIVATE):
        pytest.skip("this TRL keeps its RLOO loss under other names")
    folder = tmp_path_factory.mktemp("rloo")
    tokenizer = train_tokenizer(["a good film .", "the plot was bad ."], 300)
    tokenizer.padding_side = "left"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=64, tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)  # becomes the reference
    policy = LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    prompts = [{"prompt": p} for p in ("a", "the plot was", "good", "a film")]
    trainer = RLOOTrainer(
        model=policy,
        reward_funcs=letters,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(prompts * 4),
        args=RLOOConfig(
            num_generations=GROUP,
            max_completion_length=10,
            beta=BETA,
            temperature=request.param,
            output_dir=str(folder / "out"),
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            max_steps=2,
            seed=0,
            per_device_train_batch_size=8,
        ),  # fmt: skip
    )
    return SimpleNamespace(
        trainer=trainer,
        tokenizer=tokenizer,
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


def gradient(model, loss) -> torch.Tensor:
    (taken,) = torch.autograd.grad(loss, model.model.embed_tokens.weight)
    return taken


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
    expected = gradient(model, theirs)
    assert expected.abs().max() > 1e-3
    assert (gradient(model, loss) - expected).abs().max() < 2e-6


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
def test_completion_log_probabilities_are_trls_selective_log_softmax(temperature):
    selective_log_softmax = trl_function("selective_log_softmax")
    logits = torch.randn(4, 6, 50, generator=torch.Generator().manual_seed(0))
    ids = torch.randint(50, (4, 6), generator=torch.Generator().manual_seed(1))
    given = SimpleNamespace(
        hidden=lambda ids, attention_mask: torch.cat([logits, logits[:, :1]], 1),
        head=lambda hidden: hidden,
    )
    prompt, mask = torch.zeros(4, 1, dtype=torch.long), torch.ones(4, 6)
    scored, _ = completion_logprobs(
        given, prompt, torch.ones(4, 1), ids, mask, temperature
    )
    expected = selective_log_softmax(logits, ids, temperature=temperature)
    assert (scored - expected).abs().max() < 1e-6


def test_the_policy_entropy_is_the_masked_mean_of_trls_entropy():
    entropy_from_logits = trl_function("entropy_from_logits")
    logits = torch.randn(4, 6, 50, generator=torch.Generator().manual_seed(0))
    mask = completion_mask(torch.tensor([6, 1, 3, 4]), 6)
    expected = entropy_from_logits(logits)[mask].mean()
    assert abs(float(policy_entropy(logits, mask) - expected)) < 2e-6
