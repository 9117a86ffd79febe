"""Probability as a reward: the chain rule, the tokenizer's ends, and padding."""

import pytest
import torch

from course.lm.model import GPT, GPTConfig
from course.lm.objective import sequence_logprob
from course.lm.tokenizer import encode, pad_batch, train_tokenizer
from course.reward.likelihood import (
    completion_nats,
    logprob_score,
)

PROMPTS = ["the film", "", "the film is", "a"]
COMPLETIONS = [" is good", "the film is dull and long", "", " film"]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["the film is good", "the film is dull and long"] * 3, 300)


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    size = {"width": 16, "layers": 2, "heads": 4, "kv_heads": 2, "feed_forward": 16}
    made = GPT(GPTConfig(vocab_size=len(tokenizer), context=40, **size))
    for parameter in made.parameters():
        parameter.data.mul_(8)
    return made


def test_without_a_prompt_it_is_the_log_probability_of_the_whole_text(model, tokenizer):
    texts = ["the film is good", "so long"]
    ids, mask = pad_batch(encode(tokenizer, texts), tokenizer.pad_token_id)
    expected = sequence_logprob(model(ids, attention_mask=mask), ids, mask)
    found = logprob_score(model, tokenizer)(["", ""], texts)
    assert found.tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_it_is_the_sum_over_the_completion_and_its_end_token_by_token(model, tokenizer):
    score = logprob_score(model, tokenizer)(PROMPTS, COMPLETIONS)
    for prompt, completion, found in zip(PROMPTS, COMPLETIONS, score, strict=True):
        given = encode(tokenizer, [prompt], eos=False)[0]
        wanted = encode(tokenizer, [completion], bos=False)[0]
        total = 0.0
        for n, token in enumerate(wanted):
            logits = model(torch.tensor([given + wanted[:n]]))[0, -1]
            total += logits.log_softmax(-1)[token].item()
        assert float(found) == pytest.approx(total, abs=1e-3)


def test_a_completion_that_is_empty_costs_only_its_end(model, tokenizer):
    nats, tokens = completion_nats(model, tokenizer, ["the film is"], [""])
    assert tokens.tolist() == [1] and nats[0] < 0


def test_the_end_counts_among_the_tokens(model, tokenizer):
    _, tokens = completion_nats(model, tokenizer, PROMPTS, COMPLETIONS)
    assert tokens.tolist() == [
        len(row) for row in encode(tokenizer, COMPLETIONS, bos=False)
    ]


def test_a_score_does_not_hang_on_batch_mates_or_the_size_of_a_batch(model, tokenizer):
    together = logprob_score(model, tokenizer)(PROMPTS, COMPLETIONS)
    small = logprob_score(model, tokenizer, batch_size=2)(PROMPTS, COMPLETIONS)
    assert small.tolist() == pytest.approx(together.tolist(), abs=1e-4)
    for n, (x, y) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        alone = logprob_score(model, tokenizer)([x], [y])
        assert float(alone[0]) == pytest.approx(float(together[n]), abs=1e-4)


def test_a_long_completion_keeps_its_first_tokens_and_its_end(model, tokenizer):
    long = "the film is good " * 20
    nats, tokens = completion_nats(model, tokenizer, ["the"], [long])
    given = len(encode(tokenizer, ["the"], eos=False)[0])
    assert tokens.tolist() == [40 - given] and torch.isfinite(nats).all()


def test_no_gradient_and_nothing_to_score(model, tokenizer):
    nats, tokens = completion_nats(model, tokenizer, [], [])
    assert nats.shape == tokens.shape == (0,)
    assert not logprob_score(model, tokenizer)(PROMPTS, COMPLETIONS).requires_grad


@pytest.mark.parametrize(
    ("prompts", "completions", "error"),
    [
        (["a"], [], ValueError),
        ("a", ["b"], TypeError),
        (["the film " * 30], ["b"], ValueError),
    ],
)
def test_bad_input_is_refused(model, tokenizer, prompts, completions, error):
    with pytest.raises(error, match="got .*expected"):
        completion_nats(model, tokenizer, prompts, completions)
