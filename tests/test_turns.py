"""Talks of several turns: rows, returns, advantages and one step, against algebra."""

import pytest
import torch
from tiny import equal, seeded, tiny_gpt, weights

from course.lm.words import word_tokenizer
from course.policy.constraint import lagrange_step
from course.policy.groups import group_advantages
from course.policy.talks import play, turn_step
from course.policy.turns import join_turns, solved_groups_only, turn_returns
from course.runtime import CourseError

TOKENIZER = word_tokenizer(["a table one two three four five six >"])


def played(model, openings=("a table >", "a >", "one table >"), most_turns=3):
    """Talks in which the world says one word more, and talk 1 ends at once."""
    return play(
        model,
        TOKENIZER,
        list(openings),
        lambda n, said: None if n == 1 else " one >",
        most_turns=most_turns,
        max_new_tokens=4,
        generator=seeded(),
    )


def test_a_row_is_a_turn_and_its_prompt_the_whole_talk_so_far():
    model = tiny_gpt(TOKENIZER)
    talks = played(model)
    assert talks.turns.tolist() == [3, 1, 3]
    assert talks.owners.tolist() == [0, 1, 2, 0, 2, 0, 2]
    for talk in (0, 2):
        rows = (talks.owners == talk).nonzero().flatten().tolist()
        text = "a table >" if talk == 0 else "one table >"
        for row, said in zip(rows, talks.said[talk], strict=True):
            assert talks.rollout.prompts[row] == text
            assert talks.rollout.completions[row] == said
            text += said + " one >"
        assert talks.texts[talk] == text


def test_the_joined_log_probabilities_are_the_models_own():
    model = tiny_gpt(TOKENIZER)
    batch = played(model).rollout
    ids = torch.cat([batch.prompt_ids, batch.completion_ids], 1)
    mask = torch.cat([batch.prompt_mask, batch.completion_mask], 1)
    with torch.no_grad():
        for row in range(len(ids)):  # one by one, without any padding
            kept = ids[row][mask[row]][None]
            logp = model(kept).log_softmax(-1)[0, :-1]
            own = logp.gather(1, kept[0, 1:, None])[:, 0]
            n = int(batch.completion_mask[row].sum())
            assert torch.allclose(own[-n:], batch.old_logprobs[row, :n], atol=1e-5)
            assert not batch.old_logprobs[row, n:].any()


@pytest.mark.parametrize("cost", [0.0, 0.05, 1.0])
def test_returns_are_sums_of_what_is_still_to_come(cost):
    final, lengths = torch.tensor([1.0, 0.0, -2.0]), torch.tensor([3, 1, 4])
    found = turn_returns(final, lengths, cost)
    for i in range(3):
        T = int(lengths[i])
        rewards = [-cost] * (T - 1) + [float(final[i]) - cost]
        for t in range(4):
            assert found[i, t].item() == pytest.approx(sum(rewards[t:]), abs=1e-6)


def test_groups_that_all_fail_are_silent_and_the_others_as_before():
    returns = torch.tensor([-0.05, -0.1, -0.05, 0.9, -0.05, -0.1])
    solved = torch.tensor([0.0, 0, 0, 1, 0, 0])
    found = solved_groups_only(returns, solved, 3)
    assert found[:3].tolist() == [0, 0, 0]
    assert torch.equal(found[3:], group_advantages(returns, 3)[3:])
    assert group_advantages(returns, 3)[:3].abs().max() > 1  # what was taken out


def test_a_step_raises_what_was_good_and_lowers_what_was_bad():
    model = tiny_gpt(TOKENIZER)
    talks = played(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    A = torch.tensor([1.0, 0.0, -1.0])

    def per_talk():
        own = talks.rollout.completion_mask
        from course.policy.rollout import logprobs_of

        sums = (logprobs_of(model, talks.rollout).detach() * own).sum(1)
        return torch.stack([sums[talks.owners == n].sum() for n in range(3)])

    before = per_talk()
    metrics = turn_step(model, optimizer, talks, A)
    change = per_talk() - before
    assert change[0] > 0 > change[2]
    assert metrics["turns"] == pytest.approx(7 / 3)


def test_advantages_of_talks_equal_those_spread_over_their_turns():
    ends = []
    for spread in (False, True):
        model = tiny_gpt(TOKENIZER)
        talks = played(model)
        A = torch.tensor([0.5, -1.0, 2.0])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        turn_step(model, optimizer, talks, A[talks.owners] if spread else A)
        ends.append(weights(model))
    assert equal(*ends)


def test_what_does_not_fit_is_refused_and_moves_nothing():
    model = tiny_gpt(TOKENIZER)
    talks, before = played(model), weights(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="one for each talk"):
        turn_step(model, optimizer, talks, torch.ones(5))
    with pytest.raises(CourseError, match="not taken"):
        turn_step(model, optimizer, talks, torch.tensor([1.0, torch.inf, 0.0]))
    with pytest.raises(ValueError, match="'left' or 'right'"):
        join_turns(torch.zeros(1, 1), torch.zeros(1, 1), "middle", 0)
    with pytest.raises(ValueError, match="one number for each talk"):
        turn_returns(torch.ones(2), torch.ones(3), 0.1)
    assert equal(weights(model), before)


def test_the_multiplier_settles_where_the_cost_meets_its_bound():
    multiplier = 0.0
    for _ in range(2000):  # a policy whose cost falls as it gets dearer
        cost = torch.tensor([1.0 / (1.0 + multiplier)])
        multiplier = lagrange_step(multiplier, cost, bound=0.25, rate=0.1)
    assert multiplier == pytest.approx(3.0, abs=1e-2)  # 1 / (1 + 3) = .25
    assert lagrange_step(0.0, torch.zeros(3), 0.5, 1.0) == 0.0
    for bad in ((-1.0, torch.ones(1), 0.1, 1.0), (0.0, torch.ones(0), 0.1, 1.0)):
        with pytest.raises(ValueError, match="^got .*expected .*at least"):
            lagrange_step(*bad)
