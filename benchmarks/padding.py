"""How much of what a step computes is padding: `python -m benchmarks.padding`.

One step of each kind on the texts of the other benchmarks, whose lengths are those of
reviews.  A position is padding when it holds no token of a text; beside it, what the
same texts would waste as one batch, padded to the longest.  Writing is left out: it has
no padding but that of the prompts.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from benchmarks.material import tokenizer
from benchmarks.rows import ROWS
from course.lm.model import GPT

WITHOUT = ("sampling", "language")  # rows that are cut to length: none


@contextmanager
def counted() -> Iterator[dict[str, Counter]]:
    """Tokens, positions and longest text of every pass inside, with gradient or not."""
    seen: dict[str, Counter] = {"update": Counter(), "scoring": Counter()}
    hidden = GPT.hidden

    def noted(self, ids, attention_mask=None, segments=None, cache=None):
        if cache is None:
            kind = seen["update" if torch.is_grad_enabled() else "scoring"]
            real = ids != tokenizer().pad_token_id if segments is None else segments > 0
            lengths = real.sum(1)
            if segments is not None:  # texts have numbers, through all rows
                lengths = segments[real].unique(return_counts=True)[1]
            kind["tokens"] += int(real.sum())
            kind["positions"] += ids.numel()
            kind["texts"] += len(lengths)
            kind["longest"] = max(kind["longest"], int(lengths.max()))
        return hidden(self, ids, attention_mask, segments, cache)

    GPT.hidden = noted
    try:
        yield seen
    finally:
        GPT.hidden = hidden


def padding(step: Callable[[], object]) -> dict[str, tuple[float, float]]:
    """Share of padding in one step, and in its texts padded to the longest; by kind."""
    with counted() as seen:
        step()
    return {
        kind: (
            1 - n["tokens"] / n["positions"],
            1 - n["tokens"] / (n["texts"] * n["longest"]),
        )
        for kind, n in seen.items()
        if n
    }


def main() -> None:
    """Print the table."""
    print(f"{'share of padding':44}{'ours':>7}{'one batch':>11}")
    for name, make in ROWS.items():
        if name.startswith(WITHOUT):
            continue
        for kind, (ours, one_batch) in padding(make().ours).items():
            print(f"{name + ', ' + kind:44}{ours:7.1%}{one_batch:11.1%}", flush=True)


if __name__ == "__main__":
    main()
