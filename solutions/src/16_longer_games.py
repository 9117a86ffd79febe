# %% [markdown] id="16-title"
# # Exercises for chapter 16 · Longer games
#
# Five functions: what a turn can still change, turns as one batch, a text about nothing
# that a metric likes, a bonus for being different, and a multiplier that finds its
# size. Write each in place of `raise NotImplementedError`, run its cell and the one
# below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case.

# %% [markdown] id="16-1-text"
# - **Given** `final`, shape `(talks,)`, the reward at the end of each talk; `lengths`,
#   shape `(talks,)`, its turns; `cost`, what a turn takes away.
# - **Return** shape `(talks, longest)`: at turn $t$ the final reward minus the cost of
#   this turn and of those to come; 0 after the last turn.
# - *About 3 lines.*

# %% id="16-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def turn_returns(final: Tensor, lengths: Tensor, cost: float) -> Tensor:
    """What is still to be had from each turn on.

    final, lengths: shape (talks,).  Returns shape (talks, longest).
    """
    ### BEGIN SOLUTION
    turns = torch.arange(int(lengths.max()), device=lengths.device)
    left = lengths[:, None] - turns
    return (final[:, None] - cost * left).masked_fill(left <= 0, 0.0)
    ### END SOLUTION


# %% id="16-1-check"
turn_returns = check(turn_returns)

# %% [markdown] id="16-1-use-text"
# Three talks: right after three turns, wrong at once, wrong after four.

# %% id="16-1-use" tags=["nbval-check-output"]
final, lengths = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([3, 1, 4])
for row in turn_returns(final, lengths, cost=0.05):
    print("  ".join(f"{x:+.2f}" for x in row))

# %% [markdown] id="16-2-text"
# - **Given** `earlier` and `later`, rows of two turns, shape `(rows, time)` each;
#   `side`, `"left"` or `"right"`; `value`, what missing places are filled with.
# - **Return** all rows, the earlier ones first, each filled on that side up to the
#   longer time, in their own type.
# - *About 7 lines.*


# %% id="16-2-stub" tags=["exercise"]
def join_turns(earlier: Tensor, later: Tensor, side: str, value: float) -> Tensor:
    """Rows of two turns of unequal time as one tensor.

    earlier, later: shape (rows, time).  Returns shape (all rows, longer time).
    """
    ### BEGIN SOLUTION
    longest = max(earlier.shape[1], later.shape[1])
    rows = []
    for block in (earlier, later):
        missing = block.new_full((len(block), longest - block.shape[1]), value)
        both = [missing, block] if side == "left" else [block, missing]
        rows.append(torch.cat(both, 1))
    return torch.cat(rows)
    ### END SOLUTION


# %% id="16-2-check"
join_turns = check(join_turns)

# %% [markdown] id="16-2-use-text"
# Two turns, as prompts and as completions. Where does each row end, where does it
# begin?

# %% id="16-2-use" tags=["nbval-check-output"]
first, second = torch.tensor([[5, 6], [7, 8]]), torch.tensor([[5, 6, 9, 4]])
for side in ("left", "right"):
    print(side, join_turns(first, second, side, 2).tolist())

# %% [markdown] id="16-3-text"
# - **Given** `titles`, a list of texts; `words`, candidates; `length`, the most words.
# - **Return** one text: word after word, each time the candidate, not used yet, that
#   raises the sum of ROUGE-1 with all titles most; of equal ones the first of `words`.
#   Stop when none gains. `course.reward.overlap.rouge_n` is at your service.
# - *About 10 lines.*

# %% id="16-3-stub" tags=["exercise"]
from course.reward.overlap import rouge_n


def rouge_of_nothing(titles: list[str], words: list[str], length: int) -> str:
    """One text for all titles, by a greedy search on ROUGE-1."""
    ### BEGIN SOLUTION
    chosen, best = [], 0.0
    while len(chosen) < length:
        gains = {}
        for word in words:
            if word not in chosen:
                text = " ".join([*chosen, word])
                gains[word] = sum(rouge_n(text, title, 1) for title in titles)
        top = max(gains, key=gains.get, default=None)
        if top is None or gains[top] <= best:
            break
        chosen, best = [*chosen, top], gains[top]
    return " ".join(chosen)
    ### END SOLUTION


# %% id="16-3-check"
rouge_of_nothing = check(rouge_of_nothing)

# %% [markdown] id="16-3-use-text"
# Four titles, and a text that says nothing about any of the four things.

# %% id="16-3-use" tags=["nbval-check-output"]
titles = ["a great little camera", "great for the price", "the best phone for me"]
titles += ["not a great player"]
words = ["great", "the", "a", "for", "not", "camera", "phone"]
nothing = rouge_of_nothing(titles, words, 4)
print(repr(nothing))
print(f"mean ROUGE-1: {sum(rouge_n(nothing, t, 1) for t in titles) / 4:.2f}")

# %% [markdown] id="16-4-text"
# - **Given** `texts`, whole groups of `group_size` next to each other; `gate`, shape
#   `(texts,)`.
# - **Return** shape `(texts,)`: 1 minus the mean Jaccard similarity of the text's word
#   pairs with those of each *sibling*, times the gate. A word pair: two neighbouring
#   words of `text.split()`. Two texts without any pair count as alike, 1.
# - *About 9 lines.*


# %% id="16-4-stub" tags=["exercise"]
def diversity_bonus(texts: list[str], gate: Tensor, group_size: int) -> Tensor:
    """How unlike its siblings each text is, times its gate.

    gate: shape (texts,).  Returns shape (texts,).
    """
    ### BEGIN SOLUTION
    pairs = [set(zip(t.split(), t.split()[1:], strict=False)) for t in texts]
    unlike = []
    for n, own in enumerate(pairs):
        first = n - n % group_size
        others = [pairs[m] for m in range(first, first + group_size) if m != n]
        alike = [len(own & o) / len(own | o) if own | o else 1.0 for o in others]
        unlike.append(1 - sum(alike) / len(others))
    return torch.tensor(unlike, device=gate.device) * gate
    ### END SOLUTION


# %% id="16-4-check"
diversity_bonus = check(diversity_bonus)

# %% [markdown] id="16-4-use-text"
# Three good texts, two of them equal, and a bad one that is like nothing else.

# %% id="16-4-use" tags=["nbval-check-output"]
texts = ["Nora is glad .", "Nora is glad .", "Nora is proud .", "frog frog boat"]
bonuses = diversity_bonus(texts, torch.tensor([1.0, 1, 1, 0]), 4)
for text, bonus in zip(texts, bonuses, strict=True):
    print(f"{bonus:.2f}  {text}")

# %% [markdown] id="16-5-text"
# - **Given** `multiplier`, a float; `costs`, shape `(batch,)`; `bound`; `rate`.
# - **Return** a float: the multiplier plus rate times (mean cost − bound), never below
#   0.
# - *1 line.*


# %% id="16-5-stub" tags=["exercise"]
def lagrange_step(multiplier: float, costs: Tensor, bound: float, rate: float) -> float:
    """The next multiplier of the constraint "mean cost at most the bound"."""
    ### BEGIN SOLUTION
    return max(0.0, multiplier + rate * (costs.double().mean().item() - bound))
    ### END SOLUTION


# %% id="16-5-check"
lagrange_step = check(lagrange_step)

# %% [markdown] id="16-5-use-text"
# ## All together
#
# One number, the share of harsh texts. Being harsh is rewarded, and the bound on the
# share is .2. The policy follows "reward minus multiplier times cost"; an entropy term
# of weight .5 keeps it from running to 0 or 1. Where does the multiplier settle?

# %% id="16-5-use" tags=["nbval-check-output"]
logit, multiplier, shares = torch.tensor(0.0), 0.0, []
for _ in range(400):
    p = torch.sigmoid(logit)
    shares.append(float(p))
    logit += 2.0 * p * (1 - p) * (1 - multiplier - 0.5 * logit)
    multiplier = lagrange_step(multiplier, p[None], bound=0.2, rate=0.1)
print(f"share: at first {shares[0]:.2f}, after 400 steps {shares[-1]:.2f}")
print(f"multiplier: {multiplier:.1f}")

# %% id="16-5-claim" tags=["nbval-check-output"]
from course import claim

claim("the share ends at its bound of .2", abs(shares[-1] - 0.2) < 0.02)
