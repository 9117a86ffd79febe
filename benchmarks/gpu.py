"""The course on this machine's GPU, beside its CPU: `python -m benchmarks.gpu`.

Agreement first: the same weights and the same draws must write the same texts and give
the same gradient on both.  Then times of one step of a model of SmolLM2's shape with
random weights, by precision, and with --train what the recipe of the language model
takes and reaches.  Each line is printed as it is known.
"""

import argparse
import copy
import time
from dataclasses import replace

import torch

from course import checkpoints, runtime
from course.lm.lora import add_adapters
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import generate
from course.policy.grpo import rloo_step
from course.policy.rollout import Rollout, constant_logprobs

SMALL = GPTConfig(vocab_size=2048)
SMOLLM2 = GPTConfig(49_152, 512, 576, 30, 9, 3, 1536)
EOS, PAD = 1, 2


def written(policy: GPT, texts: int, tokens: int, seed: int = 0) -> Rollout:
    """A rollout of the policy's own texts after 8 random tokens; random scores."""
    draws = runtime.generator(seed)
    device = policy.device
    ids = torch.randint(3, 2000, (texts, 8), generator=draws).to(device)
    mask = torch.ones_like(ids, dtype=torch.bool)
    new = generate(
        policy, ids, mask, max_new_tokens=tokens, eos_id=EOS, pad_id=PAD,
        generator=draws,
    )  # fmt: skip
    scores = torch.randn(texts, generator=draws).to(device)
    return Rollout(
        prompts=["a"] * texts, completions=[""] * texts, prompt_ids=ids,
        prompt_mask=mask, completion_ids=new.ids, completion_mask=new.mask,
        old_logprobs=new.logprobs, ref_logprobs=new.logprobs, scores=scores,
        ended=new.ended, temperature=1.0,
    )  # fmt: skip


def seconds(function, repeats: int = 3) -> float:
    """Median wall time of a call, the device's work included."""
    times = []
    for _ in range(repeats + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[repeats // 2]


def agreement() -> None:
    """The same weights on both devices: logits, texts, gradients, adapters."""
    torch.manual_seed(0)
    near = GPT(SMALL)
    far = copy.deepcopy(near).cuda()
    ids = torch.randint(3, 2000, (8, 32))
    gap = (near(ids) - far(ids.cuda()).cpu()).abs().max()
    print(f"logits: largest difference {gap:.1e}")
    one, two = written(near, 64, 48), written(far, 64, 48)
    same = (one.completion_ids == two.completion_ids.cpu()).float().mean()
    print(f"texts: {same:.2%} of the tokens are the same")
    grads = []
    for policy, batch in ((near, one), (far, one)):
        moved = {
            k: v.to(policy.device)
            for k, v in vars(batch).items()
            if isinstance(v, torch.Tensor)
        }
        optimizer = torch.optim.SGD(policy.parameters(), lr=0.0)
        rloo_step(policy, optimizer, replace(batch, **moved), group_size=4, beta=0.0)
        grads.append(torch.cat([p.grad.flatten().cpu() for p in policy.parameters()]))
    error = (grads[0] - grads[1]).norm() / grads[0].norm()
    print(f"RLOO gradient: relative difference {error:.1e}")
    drawn = []
    for policy in (near, far):
        torch.manual_seed(1)
        adapted = add_adapters(copy.deepcopy(policy), 8, 16.0)
        drawn.append([p.cpu() for p in adapted.parameters() if p.requires_grad])
    equal = all(torch.equal(a, b) for a, b in zip(*drawn, strict=True))
    print(f"adapters: {'the same' if equal else 'DIFFERENT'} on both")


def times(texts: int, tokens: int) -> None:
    """Writing, reading and one RLOO update of a model of SmolLM2's shape."""
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        torch.cuda.reset_peak_memory_stats()
        policy = GPT(SMOLLM2).to("cuda", dtype)
        batch = written(policy, texts, tokens)
        counted = int(batch.completion_mask.sum())
        writing = seconds(lambda p=policy: written(p, texts, tokens))
        reading = seconds(lambda p=policy, b=batch: constant_logprobs(p, b))
        gap = (constant_logprobs(policy, batch) - batch.old_logprobs).abs()
        # The weights stay: in bf16 even a small step would leave the batch behind.
        optimizer = torch.optim.AdamW(policy.parameters(), lr=0.0)
        batch = replace(batch, old_logprobs=constant_logprobs(policy, batch).float())
        update = seconds(
            lambda p=policy, o=optimizer, b=batch: rloo_step(
                p, o, b, group_size=8, beta=0.0
            )
        )
        peak = torch.cuda.max_memory_allocated() / 2**30
        print(
            f"{str(dtype)[6:]:9} {texts} texts × {tokens}: write {writing:.2f} s "
            f"({counted / writing:.0f} tokens/s), read {reading:.3f} s, step "
            f"{update:.3f} s, peak {peak:.1f} GB, written against read "
            f"{float(gap.sum() / counted):.4f} nats a token",
            flush=True,
        )


def main() -> None:
    """Print what this GPU does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--train", action="store_true", help="train the language model")
    parser.add_argument("--texts", type=int, default=64)
    asked = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no GPU that this torch can use.")
    card = torch.cuda.get_device_properties(0)
    print(
        f"{card.name} · {card.total_memory / 2**30:.0f} GB · torch {torch.__version__}"
    )
    agreement()
    times(asked.texts, 64)
    if asked.train:
        made = checkpoints.load("language-model")
        shown = " ".join(f"{k}={v:.4g}" for k, v in sorted(made.metrics.items()))
        print(f"language-model on {made.model.device}: {shown}")


if __name__ == "__main__":
    main()
