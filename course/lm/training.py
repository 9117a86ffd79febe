"""Training a language model: packing, optimisers, schedule, one loop to read aloud."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, pi
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course.runtime import progress


@dataclass
class History:
    """Metrics by step, in the order in which they were logged.

    >>> history = History()
    >>> history.log(0, loss=2.0); history.log(1, loss=1.5)
    >>> history["loss"], history.steps("loss"), history.last["loss"]
    ([2.0, 1.5], [0, 1], 1.5)
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    def log(self, step: int, **metrics: float) -> None:
        """Add one row; tensors become plain numbers."""
        self.rows.append({"step": step} | {k: float(v) for k, v in metrics.items()})

    def __getitem__(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if name in row]

    def steps(self, name: str) -> list[int]:
        """The steps at which this metric was logged."""
        return [row["step"] for row in self.rows if name in row]

    @property
    def last(self) -> dict[str, float]:
        """The newest value of every metric."""
        return {k: v for row in self.rows for k, v in row.items()}


def pack(
    sequences: Sequence[Sequence[int]], length: int, pad_id: int
) -> tuple[Tensor, Tensor]:
    """Lay texts end to end into rows of `length` tokens, a long text going on below.

    Returns ids `(rows, length)` and segments `(rows, length)`: the number of the text
    that a token belongs to, counted in its row from 1; padding is 0.  Raises
    ValueError when there is no token or length < 2.

    >>> pack([[1, 2, 3], [4, 5]], length=4, pad_id=0)[1].tolist()
    [[1, 1, 1, 2], [1, 0, 0, 0]]
    """
    flat = [token for sequence in sequences for token in sequence]
    if not flat or length < 2:
        raise ValueError(
            f"got {len(flat)} tokens and rows of {length}, expected at least 1 and 2"
        )
    owner = [n for n, sequence in enumerate(sequences, 1) for _ in sequence]
    room = -len(flat) % length
    ids = torch.tensor(flat + [pad_id] * room).view(-1, length)
    owners = torch.tensor(owner + [0] * room).view(-1, length)
    segments = owners - owners[:, :1] + 1
    return ids, segments.masked_fill(owners == 0, 0)


def packed_loss(model: nn.Module, ids: Tensor, segments: Tensor) -> Tensor:
    """Mean nats per token over all targets inside the texts of packed rows.

    ids, segments: `(B, T)` as `pack` returns them.  A target is a token whose
    predecessor belongs to the same text, so nothing is predicted across texts.
    """
    logits = model(ids, segments=segments).float()
    inside = (segments[:, 1:] == segments[:, :-1]) & (segments[:, 1:] > 0)
    targets = ids[:, 1:].masked_fill(~inside, -100)  # -100: ignored
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten())


def optimizers(
    model: nn.Module, matrix_lr: float, other_lr: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else.

    matrix_lr: of Muon, whose update has the RMS of an AdamW step scaled by the shape
    ("match_rms_adamw").  other_lr: of embeddings, norms and heads.  Sources: Jordan
    et al. 2024, "Muon"; Liu et al. 2025, "Muon is Scalable for LLM Training".
    """
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(
            matrices,
            lr=matrix_lr,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, lr=other_lr, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def schedule(step: int, steps: int, warmup: int) -> float:
    """Share of the full learning rate: a linear rise, then a cosine fall to 0.

    >>> [round(schedule(s, 10, 2), 2) for s in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + cos(pi * (step - warmup) / max(1, steps - warmup)))


def batches(rows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers, `(batch_size,)` at a time, a new random order in every epoch."""
    left = torch.empty(0, dtype=torch.long)
    while True:
        while len(left) < batch_size:
            left = torch.cat((left, torch.randperm(rows, generator=generator)))
        yield left[:batch_size]
        left = left[batch_size:]


def train_language_model(
    model: nn.Module,
    ids: Tensor,
    segments: Tensor,
    *,
    steps: int,
    batch_size: int,
    generator: torch.Generator,
    matrix_lr: float = 0.01,
    other_lr: float = 0.004,
    weight_decay: float = 0.1,
    warmup: int = 20,
    max_grad_norm: float = 1.0,
    make_optimizers=optimizers,
    measure: Callable[[], Mapping[str, float]] | None = None,
    measure_every: int = 100,
) -> History:
    """Minimise `packed_loss` on rows from `pack`; return loss, lr, grad_norm by step.

    ids, segments: `(rows, T)` on the CPU.  generator: a CPU generator, for the order
    of the rows.  measure: further metrics of the model as it is, logged after every
    `measure_every` steps.  An interrupt (the stop button) keeps what was learned.
    Raises ValueError when the loss is no longer finite.
    """
    history, device = History(), next(model.parameters()).device
    kinds = make_optimizers(model, matrix_lr, other_lr, weight_decay)
    full = [[group["lr"] for group in kind.param_groups] for kind in kinds]
    model.train()
    start, bar = perf_counter(), progress(total=steps, desc="language model")
    order = batches(len(ids), batch_size, generator)
    try:
        for step in range(steps):
            share = schedule(step, steps, warmup)
            for kind, rates in zip(kinds, full, strict=True):
                for group, rate in zip(kind.param_groups, rates, strict=True):
                    group["lr"] = rate * share
            rows = next(order)
            loss = packed_loss(model, ids[rows].to(device), segments[rows].to(device))
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
            if not torch.isfinite(loss + norm):
                raise ValueError(
                    f"got loss {loss.item()} at step {step}, expected a finite number; "
                    "lower the learning rate"
                )
            for kind in kinds:
                kind.step()
                kind.zero_grad(set_to_none=True)
            seconds = perf_counter() - start
            due = measure is not None and (step + 1) % measure_every == 0
            measured = measure() if due else {}
            history.log(
                step, loss=loss.detach(), lr=other_lr * share, grad_norm=norm,
                seconds=seconds, tokens_per_s=(step + 1) * rows.numel()
                * ids.shape[1] / seconds, **measured,
            )  # fmt: skip
            bar.set_postfix(loss=f"{history.last['loss']:.3f}")
            bar.update()
    except KeyboardInterrupt:
        print(f"stopped after {len(history.rows)} of {steps} steps; the model is kept")
    finally:
        bar.close()
        model.eval()
    return history
