"""The entropy at each token against torch's, scipy's and the policy's own."""

import math

import pytest
import torch
from scipy import stats

from course.lm.model import GPT, GPTConfig
from course.lm.objective import completion_logprobs, token_entropy
from course.lm.sampling import completion_mask, top_k_filter, top_p_filter
from course.policy.losses import policy_entropy


def case(seed: int = 0, scale: float = 2.0):
    draws = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(3, 5, 11, generator=draws)
    return logits, completion_mask(torch.tensor([5, 2, 0]), 5)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_it_is_torchs_entropy_where_the_mask_is_true(scale):
    logits, mask = case(scale=scale)
    expected = torch.distributions.Categorical(logits=logits).entropy()
    torch.testing.assert_close(token_entropy(logits, mask)[mask], expected[mask])


@pytest.mark.parametrize(
    "cut", [lambda z: top_k_filter(z, 3), lambda z: top_p_filter(z, 0.6)]
)
def test_cut_tokens_add_nothing_to_value_or_gradient(cut):
    logits, mask = case(1)
    logits.requires_grad_()
    filtered = cut(logits)
    found = token_entropy(filtered, mask)
    expected = stats.entropy(filtered.detach().double().softmax(-1).numpy(), axis=-1)
    torch.testing.assert_close(
        found[mask].detach(), torch.tensor(expected).float()[mask], rtol=1e-5, atol=1e-6
    )
    found.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[filtered.isinf()].any()


def test_padding_is_exactly_zero_whatever_stands_there():
    logits, mask = case()
    logits[2] = math.nan
    assert not token_entropy(logits, mask)[~mask].any()


def test_it_is_what_scoring_a_completion_returns():
    torch.manual_seed(0)
    model = GPT(GPTConfig(11, 16, 12, 2, 2, 1, 16))
    prompt, completion = torch.randint(11, (3, 2)), torch.randint(11, (3, 5))
    _, mask = case()
    whole = torch.ones_like(prompt, dtype=torch.bool)
    _, expected = completion_logprobs(model, prompt, whole, completion, mask)
    both = torch.cat((prompt, completion), 1)
    logits = model(both, torch.cat((whole, mask), 1))[:, 1:-1]
    torch.testing.assert_close(token_entropy(logits, mask), expected)


def test_its_mean_over_completion_tokens_is_the_policy_entropy():
    logits, mask = case(2)
    mean = token_entropy(logits, mask).sum() / mask.sum()
    torch.testing.assert_close(mean, policy_entropy(logits, mask))


@pytest.mark.parametrize(("logits", "mask"), [((2, 3), (2, 3)), ((2, 3, 4), (2, 4))])
def test_shapes_that_do_not_fit_get_a_sentence(logits, mask):
    with pytest.raises(ValueError, match="expected .batch, time, vocabulary."):
        token_entropy(torch.zeros(logits), torch.ones(mask, dtype=torch.bool))
