"""A recipe that trains nothing: a checkpoint in a moment."""

import torch

from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.lm.training import History
from course.recipes import Checkpoint, Recipe
from course.runtime import device


def train_tiny(settings, needed) -> Checkpoint:
    torch.manual_seed(settings["seed"])
    tokenizer = train_tokenizer(["a good film", "a bad film"], vocab_size=262)
    model = GPT(GPTConfig(len(tokenizer), 16, 16, 1, 2, 1, 24)).to(device()).eval()
    history = History()
    history.log(0, loss=1.25)
    return Checkpoint("tiny", model, tokenizer, {"loss": 1.25}, history)


TINY = Recipe("tiny", {"seed": 0}, train_tiny, GPT)
