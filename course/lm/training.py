"""Training a language model: optimisers, schedule, one loop to read aloud."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import cos, pi
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.expect import (
    at_least,
    cpu_generator,
    one_number,
    tensors,
    whole,
    whole_number,
)
from course.lm.packing import packed_loss
from course.runtime import progress

if TYPE_CHECKING:
    from course.lm.model import GPT

Optimizers = Sequence[torch.optim.Optimizer]


@dataclass
class History:
    """Metrics by step, in the order in which they were logged.

    Chapter 02.

    >>> history = History()
    >>> history.log(0, loss=2.0); history.log(1, loss=1.5)
    >>> history["loss"], history.steps("loss"), history.last["loss"]
    ([2.0, 1.5], [0, 1], 1.5)
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    def log(self, step: int, **metrics: float) -> None:
        """Add one row; tensors become plain numbers.  ValueError below step 0."""
        whole_number(step=step)
        at_least(0, step=step)
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


def optimizers(
    model: "GPT",
    matrix_learning_rate: float,
    other_learning_rate: float,
    weight_decay: float,
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else.

    matrix_learning_rate: of Muon, whose update has the RMS of an AdamW step scaled by
    the shape ("match_rms_adamw").  other_learning_rate: of embeddings, norms and heads.
    Sources: Jordan et al. 2024, "Muon"; Liu et al. 2025, "Muon is Scalable for LLM
    Training".  Chapter 02.
    """
    at_least(
        0,
        matrix_learning_rate=matrix_learning_rate,
        other_learning_rate=other_learning_rate,
        weight_decay=weight_decay,
    )
    matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(
        matrices,
        lr=matrix_learning_rate,
        weight_decay=weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    adamw = torch.optim.AdamW(
        others, lr=other_learning_rate, betas=(0.9, 0.95), weight_decay=0.0
    )
    return [muon, adamw]


def schedule(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate: a linear rise, then a cosine fall to 0.

    Chapter 02.

    >>> [round(schedule(s, 10, 2), 2) for s in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    whole(0, step=step, steps=steps, warmup=warmup)
    if step < warmup:
        return (step + 1) / warmup
    done = min(1.0, (step - warmup) / max(1, steps - warmup))  # 0 after the end, too
    return 0.5 * (1 + cos(pi * done))


def batches(rows: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers, (batch_size,) at a time, in a new random order for every epoch.

    Chapter 02.
    """
    cpu_generator(generator)
    whole(1, rows=rows, batch_size=batch_size)
    left = torch.empty(0, dtype=torch.long)
    while True:
        while len(left) < batch_size:
            left = torch.cat((left, torch.randperm(rows, generator=generator)))
        yield left[:batch_size]
        left = left[batch_size:]


def scale_learning_rates(optimizers: Optimizers, share: float) -> None:
    """Set every learning rate to `share` of the one that its group began with.

    The first rate is kept in the group as "initial_lr", as torch's schedulers do.
    Chapter 02.
    """
    one_number(share=share)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * share


def clear_gradients(optimizers: Optimizers) -> None:
    """Forget what an earlier cell or a step that failed left in the parameters.

    Chapter 02.
    """
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)


def descend(
    optimizers: Optimizers,
    parameters: Iterable[nn.Parameter],
    loss: Tensor,
    step: int,
    max_grad_norm: float = 1.0,
) -> Tensor:
    """One step along the gradients that stand in the parameters, which it then clears.

    The gradient of all parameters together is first shortened to `max_grad_norm`.
    loss: of this step, a scalar; step: its number.  Returns the norm of the gradient
    before, a scalar.  Raises ValueError, before any weight moves, when the loss or the
    norm is not finite.  Chapter 02.
    """
    whole_number(step=step)
    tensors(loss=loss)
    at_least(0, max_grad_norm=max_grad_norm)
    norm = nn.utils.clip_grad_norm_(parameters, max_grad_norm)
    if not torch.isfinite(loss + norm):
        raise ValueError(
            f"got loss {loss.item()} at step {step}, expected a finite number; "
            "lower the learning rate"
        )
    for optimizer in optimizers:
        optimizer.step()
    clear_gradients(optimizers)
    return norm


def train_language_model(
    model: "GPT",
    ids: Tensor,
    segments: Tensor,
    *,
    steps: int,
    batch_size: int,
    generator: torch.Generator,
    matrix_learning_rate: float = 0.01,
    other_learning_rate: float = 0.004,
    weight_decay: float = 0.1,
    warmup: int = 20,
    max_grad_norm: float = 1.0,
    make_optimizers: Callable[..., Optimizers] = optimizers,
    measure: Callable[[], Mapping[str, float]] | None = None,
    measure_every: int = 100,
) -> History:
    """Minimise `packed_loss` on rows from `pack`; return loss, lr, grad_norm by step.

    ids, segments: (rows, time), on the CPU.  generator: a CPU generator, for the order
    of the rows.  measure: further metrics of the model as it is, logged after every
    `measure_every` steps.  An interrupt (the stop button) keeps what was learned.
    The model is in eval mode afterwards, also after an error or an interrupt.
    Raises ValueError when the loss is no longer finite.  Chapter 02.
    """
    tensors(ids=ids, segments=segments)
    if ids.shape != segments.shape:
        raise ValueError(
            f"got ids {tuple(ids.shape)} and segments {tuple(segments.shape)}, "
            "expected (rows, time) for both"
        )
    whole(0, steps=steps)
    whole(1, rows=len(ids), batch_size=batch_size, measure_every=measure_every)
    history, device = History(), next(model.parameters()).device
    chosen = make_optimizers(
        model, matrix_learning_rate, other_learning_rate, weight_decay
    )
    clear_gradients(chosen)
    model.train()
    start, bar = perf_counter(), progress(total=steps, desc="language model")
    order = batches(len(ids), batch_size, generator)
    try:
        for step in range(steps):
            share = schedule(step, steps, warmup)
            scale_learning_rates(chosen, share)
            rows = next(order)
            loss = packed_loss(model, ids[rows].to(device), segments[rows].to(device))
            loss.backward()
            norm = descend(chosen, model.parameters(), loss, step, max_grad_norm)
            seconds = perf_counter() - start
            due = measure is not None and (step + 1) % measure_every == 0
            measured = measure() if due else {}
            tokens = (step + 1) * rows.numel() * ids.shape[1]
            history.log(
                step,
                loss=loss.detach(),
                lr=other_learning_rate * share,
                grad_norm=norm,
                seconds=seconds,
                tokens_per_s=tokens / seconds,
                **measured,
            )
            bar.set_postfix(loss=f"{history.last['loss']:.3f}")
            bar.update()
    except KeyboardInterrupt:
        print(f"stopped after {len(history.rows)} of {steps} steps; the model is kept")
    finally:
        clear_gradients(chosen)
        bar.close()
        model.eval()
    return history
