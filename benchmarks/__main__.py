"""Our GPT beside transformers' Llama with the same weights: `python -m benchmarks`.

Each row times the two in turn, A B A B, in one process, and prints the median
seconds of both and the median of the ratios pair by pair (below 1: ours is faster).
"""

import argparse
import statistics
from collections.abc import Callable
from time import perf_counter

import torch
import torch.nn.functional as F

from course.lm.interop import to_transformers
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import generate

EOS, PAD = 1, 2


def pair(ours: Callable, theirs: Callable, repeats: int) -> tuple[float, float, float]:
    """Median seconds of both and of the ratio ours / theirs, after one warm-up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(repeats + 1):
        for call, into in zip((ours, theirs), seconds, strict=True):
            start = perf_counter()
            call()
            if turn:
                into.append(perf_counter() - start)
    ratios = [a / b for a, b in zip(*seconds, strict=True)]
    return (*map(statistics.median, seconds), statistics.median(ratios))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=2048)).eval()
    llama = to_transformers(model).eval()
    ids = torch.randint(3, 2048, (32, 64))
    prompts = ids[:, :4]
    mask = torch.ones_like(prompts, dtype=torch.bool)

    def backward(logits) -> None:
        F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()

    def write(use_cache: bool):
        return generate(
            model, prompts, mask, max_new_tokens=32, eos_id=EOS, pad_id=PAD,
            use_cache=use_cache,
        )  # fmt: skip

    @torch.no_grad()
    def llama_write():
        return llama.generate(
            prompts, attention_mask=mask.long(), max_new_tokens=32, do_sample=True,
            top_k=0, eos_token_id=EOS, pad_token_id=PAD,
        )  # fmt: skip

    rows = {
        "forward and backward, 32 x 64 tokens": (
            lambda: backward(model(ids)),
            lambda: backward(llama(ids).logits),
        ),
        "32 x 32 tokens written with the cache": (lambda: write(True), llama_write),
        "the same, ours with and without the cache": (
            lambda: write(True),
            lambda: write(False),
        ),
    }
    print(f"{'':44}{'ours s':>8}{'other s':>9}{'ratio':>7}")
    for name, (ours, theirs) in rows.items():
        a, b, ratio = pair(ours, theirs, repeats)
        print(f"{name:44}{a:8.3f}{b:9.3f}{ratio:7.2f}", flush=True)


if __name__ == "__main__":
    main()
