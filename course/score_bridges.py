"""A score of the course in the signatures of TRL, OpenRLHF and verl.

Each bridge takes `score(prompts, completions)` and returns the function that the
library calls; the library itself is not needed here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course.score import Score, checked_scores

Messages = Sequence[Mapping[str, str]]  # {"role": …, "content": …}, the last one last


def last_content(text: str | Messages) -> str:
    """A text itself, or what the last message of a conversation says.

    Raises TypeError for anything else.  Chapter 17.

    >>> last_content([{"role": "user", "content": "Hello"}])
    'Hello'
    """
    if isinstance(text, str):
        return text
    try:
        return text[-1]["content"]
    except (TypeError, KeyError, IndexError):
        raise TypeError(
            f"got {text!r}, expected a text or messages with a role and a content"
        ) from None


def for_trl(score: Score) -> Callable[..., list[float]]:
    """A reward function for `reward_funcs` of TRL's GRPO and RLOO trainers.

    TRL hands over texts, or messages where the data set is conversational, and every
    other column by name.  Source: TRL 1.16, documentation, GRPO Trainer, "Using a
    custom reward function".  Chapter 17.

    >>> for_trl(lambda prompts, texts: [len(t) for t in texts])(["a"], ["bc"], key=[1])
    [2.0]
    """

    def reward(prompts: Sequence, completions: Sequence, **columns: Any) -> list[float]:
        texts = [last_content(text) for text in completions]
        return checked_scores(score, [last_content(p) for p in prompts], texts).tolist()

    return reward


def for_openrlhf(score: Score) -> Callable[..., dict[str, Any]]:
    """A `reward_func` for OpenRLHF's `--remote_rm_url file.py`.

    Its queries are prompt and completion in one text; a query that does not begin with
    its prompt (decoded with special tokens, say) is a ValueError.  `scores` must lie
    between 0 and 1 (it filters groups by them), so they are clamped.
    Source: OpenRLHF, examples/python/reward_func.py at 2cedb6a.  Chapter 17.
    """

    def reward_func(
        queries: Sequence[str], prompts: Sequence[str], labels: Sequence, **kwargs: Any
    ) -> dict[str, Any]:
        for query, prompt in zip(queries, prompts, strict=True):
            if not query.startswith(prompt):
                raise ValueError(
                    f"got the query {query!r}, expected it to begin with its prompt "
                    f"{prompt!r}; decode without special tokens"
                )
        pairs = zip(queries, prompts, strict=True)
        texts = [query.removeprefix(prompt) for query, prompt in pairs]
        rewards = checked_scores(score, list(prompts), texts)
        return {
            "rewards": rewards,
            "scores": rewards.clamp(0, 1),
            "extra_logs": {"score": rewards},
        }

    return reward_func


def for_verl(score: Score) -> Callable[..., float]:
    """A `compute_score` for verl's `custom_reward_function.path`: one text a call.

    verl hands over no prompt; a score that reads it finds it in
    `extra_info["prompt"]`, so write it there when the data is prepared.
    Source: verl, verl/utils/reward_score/__init__.py at 03c3afd.  Chapter 17.
    """

    def compute_score(
        data_source: str,
        solution_str: str,
        ground_truth: Any,
        extra_info: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> float:
        prompt = last_content((extra_info or {}).get("prompt", ""))
        return float(checked_scores(score, [prompt], [solution_str])[0])

    return compute_score
