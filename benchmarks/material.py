"""What both sides of a row share: texts of the lengths of reviews, models, products."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from course import runtime
from course.lm.interop import to_transformers
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer


@cache
def texts(number: int = 4000) -> list[str]:
    """Made-up reviews: words by Zipf's law, log-normal lengths of 24 words or so."""
    draws = random.Random(0)
    words = [
        "".join(draws.choices("abcdefghijklmnoprstuvwy", k=draws.randint(2, 8)))
        for _ in range(2000)
    ]
    chances = [1 / (rank + 3) for rank in range(len(words))]
    lengths = [
        min(45, max(3, int(draws.lognormvariate(2.9, 0.5)))) for _ in range(number)
    ]
    return [" ".join(draws.choices(words, chances, k=n)) for n in lengths]


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """The course's tokenizer on these texts, 2,048 tokens, padded on the left."""
    made = train_tokenizer(texts(), 2048)
    made.padding_side = "left"
    return made


def small_model() -> GPT:
    """The 2-million-parameter model of the course, with the same weights each time."""
    torch.manual_seed(0)
    return GPT(GPTConfig(vocab_size=len(tokenizer()))).to(runtime.device())


def llama(attention: str) -> LlamaForCausalLM:
    """transformers' model with the same weights: attention "sdpa" or "eager"."""
    model = to_transformers(small_model().cpu(), tokenizer()).to(runtime.device())
    model.set_attn_implementation(attention)
    return model


@contextmanager
def products(precision: str) -> Iterator[None]:
    """torch's matrix products inside: "highest" is the default, "medium" oneDNN's."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
