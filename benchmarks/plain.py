"""Peers where TRL has no trainer: plain loops with transformers' models."""

from collections.abc import Callable

import torch
from transformers import LlamaForSequenceClassification

from benchmarks.material import llama, tokenizer
from course import runtime


def reinforce_by_hand(
    attention: str, prompts: list[str], score: Callable, new_tokens: int, beta: float
) -> Callable[[], None]:
    """One step of REINFORCE with a KL in the reward, as a plain loop is written.

    Write with `generate`, score, read the texts with the frozen reference and with the
    policy, take the batch's mean as the baseline, one AdamW step.
    """
    policy, reference = llama(attention), llama(attention).eval()
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-6, weight_decay=0.0)
    words, device = tokenizer(), runtime.device()

    def logprobs(model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor, n: int):
        logits = model(ids, attention_mask=mask, logits_to_keep=n + 1).logits[:, :-1]
        return logits.log_softmax(-1).gather(2, ids[:, -n:, None]).squeeze(2)

    def step() -> None:
        asked = words(prompts, return_tensors="pt", padding=True).to(device)
        ids, mask = asked["input_ids"], asked["attention_mask"]
        with torch.no_grad():
            texts = policy.generate(
                ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=True,
                top_k=0, pad_token_id=words.pad_token_id,
                eos_token_id=words.eos_token_id,
            )  # fmt: skip
            new = texts[:, ids.shape[1] :]
            ends = (new == words.eos_token_id).cumsum(1)
            counted = (ends == 0) | (ends == 1) & (new == words.eos_token_id)
            seen = torch.cat((mask, counted.long()), dim=1)
            scores = score(prompts, words.batch_decode(new, skip_special_tokens=True))
            ref = logprobs(reference, texts, seen, new.shape[1])
        now = logprobs(policy, texts, seen, new.shape[1])
        kl = ((now.detach() - ref) * counted).sum(1)
        reward = torch.as_tensor(scores).to(device) - beta * kl
        advantage = (reward - reward.mean())[:, None]
        loss = -(advantage * now * counted).sum() / counted.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def score_by_hand(attention: str, texts: list[str], n: int) -> Callable[[], None]:
    """Score texts 64 at a time, as they come, padded; the best of every `n`."""
    torch.manual_seed(0)
    config = llama(attention).config
    config.num_labels = 1
    model = LlamaForSequenceClassification._from_config(
        config, attn_implementation=attention
    )
    model, words = model.to(runtime.device()).eval(), tokenizer()

    @torch.no_grad()
    def step() -> None:
        scores = []
        for start in range(0, len(texts), 64):
            some = words(texts[start : start + 64], return_tensors="pt", padding=True)
            scores.append(model(**some.to(model.device)).logits[:, 0])
        torch.cat(scores).view(-1, n).argmax(1)

    return step
