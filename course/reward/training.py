"""Training a reward model on mean ratings, single ratings or choices; one loop."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from course.expect import at_least, cpu_generator, one_number, whole, whole_number
from course.expect_lists import lists, real_numbers, whole_numbers
from course.lm.packing import length_parts
from course.lm.tokenizer import pad_batch
from course.lm.training import History, clear_gradients, descend, scale_learning_rates
from course.reward.losses import (
    centering_loss,
    ordered_cuts,
    ordinal_loss,
    pairwise_loss,
    regression_loss,
)
from course.reward.model import RewardModel, text_batch
from course.runtime import progress
from course.score import check_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def fit_regression(
    model: RewardModel,
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    ratings: Sequence[float],
    *,
    epochs: int = 3,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.1,
    generator: torch.Generator,
) -> History:
    """Move the score of every text towards its rating; returns loss, lr, grad_norm.

    texts, ratings: one rating per text, in any units; the score is in the same units.
    generator: CPU generator of the order.  Raises ValueError when they differ in
    number, there are none, or a rating or the loss is not finite.

    Measured on the 8,493 movie texts from the 2 M language model, one seed: held-out
    Pearson r 0.622, 0.652, 0.659 after 1, 2, 3 epochs; half the rate does not help
    (0.652 after 2), and seeds differ by 0.01.  An epoch takes about 45 s of one core.
    Chapter 07.
    """
    real_numbers(ratings=ratings)
    check_texts(texts)
    target = torch.tensor([float(r) for r in ratings])
    _check_numbers(len(texts), len(target))
    if not torch.isfinite(target).all():
        raise ValueError("got a rating that is not finite, expected finite numbers")
    rows = text_batch(tokenizer, texts, model.gpt.config.context)

    def loss(batch: Tensor) -> Tensor:
        scores = _score(model, tokenizer, [rows[i] for i in batch])
        return regression_loss(scores, target[batch].to(scores))

    return _train(
        model.parameters(),
        loss,
        [len(row) for row in rows],
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        generator=generator,
    )


def fit_pairwise(
    model: RewardModel,
    tokenizer: "PreTrainedTokenizerFast",
    chosen: Sequence[str],
    rejected: Sequence[str],
    *,
    centering: float = 0.01,
    epochs: int = 1,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.1,
    generator: torch.Generator,
) -> History:
    """Make each chosen text score above its rejected twin; returns loss, lr, grad_norm.

    chosen, rejected: the same number of texts each; those of one row are a pair.
    centering: weight of `centering_loss`, which keeps the mean score near 0.
    generator: CPU generator of the order.  Raises ValueError as `fit_regression`.
    Chapter 07.
    """
    one_number(centering=centering)
    check_texts(chosen)
    check_texts(rejected)
    _check_numbers(len(chosen), len(rejected))
    context = model.gpt.config.context
    won = text_batch(tokenizer, chosen, context)
    lost = text_batch(tokenizer, rejected, context)

    def loss(batch: Tensor) -> Tensor:
        both = [won[i] for i in batch] + [lost[i] for i in batch]
        high, low = _score(model, tokenizer, both).chunk(2)
        return pairwise_loss(high, low) + centering * centering_loss(high, low)

    return _train(
        model.parameters(),
        loss,
        [max(len(a), len(b)) for a, b in zip(won, lost, strict=True)],
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        generator=generator,
    )


def fit_ordinal(
    model: RewardModel,
    tokenizer: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    ratings: Sequence[Sequence[int]],
    *,
    lowest: int = -4,
    highest: int = 4,
    epochs: int = 3,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.1,
    generator: torch.Generator,
) -> tuple[History, Tensor]:
    """Explain every single rating as a bin between cut points, which are learned too.

    texts, ratings: each text's whole-number ratings, one per rater.  lowest, highest:
    the scale; it has highest - lowest cut points.  Returns loss, lr, grad_norm by step
    and the cut points, shape (highest - lowest,), in the units of the score: they hold
    until `calibrate` changes those.  Raises ValueError as `fit_regression`, and when
    a rating is off the scale or a text has none.  Chapter 07.
    """
    lists(ratings=ratings)
    real_numbers(**{f"ratings[{n}]": given for n, given in enumerate(ratings)})
    whole_number(lowest=lowest, highest=highest)
    check_texts(texts)
    _check_numbers(len(texts), len(ratings))
    if not all(len(r) for r in ratings):
        raise ValueError("got a text without a rating, expected at least one for each")
    scale = range(lowest, highest + 1)
    if off := [x for some in ratings for x in some if x not in scale]:
        raise ValueError(
            f"got the rating {off[0]}, expected whole numbers {lowest} to {highest}"
        )
    bins = [torch.tensor(r) - lowest for r in ratings]
    rows = text_batch(tokenizer, texts, model.gpt.config.context)
    # Evenly spread at first: P(first bin) = P(last bin) for the score 0.
    raw = torch.ones(highest - lowest, device=model.gpt.device)
    raw[0] = -ordered_cuts(raw).diff().sum() / 2
    raw = nn.Parameter(raw)

    def loss(batch: Tensor) -> Tensor:
        scores = _score(model, tokenizer, [rows[i] for i in batch])
        raters = torch.tensor([len(bins[i]) for i in batch], device=scores.device)
        seen = torch.cat([bins[i] for i in batch]).to(scores.device)
        return ordinal_loss(scores.repeat_interleave(raters), seen, ordered_cuts(raw))

    history = _train(
        [*model.parameters(), raw],
        loss,
        [len(row) for row in rows],
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        generator=generator,
    )
    return history, ordered_cuts(raw.detach())


def _score(
    model: RewardModel, tokenizer: "PreTrainedTokenizerFast", rows: list[list[int]]
) -> Tensor:
    """Scores of the rows, (batch,), with gradient; padding is not computed."""
    device, parts = model.gpt.device, length_parts([len(row) for row in rows])
    scores = []
    for part in parts:
        ids, mask = pad_batch([rows[i] for i in part], tokenizer.pad_token_id)
        scores.append(model(ids.to(device), mask.to(device)))
    back = torch.cat(parts).argsort().to(device)  # into the order of the rows
    return torch.cat(scores)[back]


def epoch_batches(
    lengths: Sequence[int], batch_size: int, generator: torch.Generator
) -> list[Tensor]:
    """Row numbers of one epoch in random batches of rows of nearly equal length.

    Rows are shuffled, sorted by length inside pools of 16 batches (little padding),
    cut into batches, and the batches shuffled.  Every row comes exactly once.
    Chapter 07.
    """
    cpu_generator(generator)
    whole_numbers(lengths=lengths)
    whole(1, batch_size=batch_size)
    order = torch.randperm(len(lengths), generator=generator)
    length = torch.tensor(lengths)
    batches = []
    for pool in order.split(16 * batch_size):
        batches += pool[length[pool].argsort(stable=True)].split(batch_size)
    return [batches[i] for i in torch.randperm(len(batches), generator=generator)]


def _train(
    parameters: Iterable[nn.Parameter],
    loss_of: Callable[[Tensor], Tensor],
    lengths: Sequence[int],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    weight_decay: float,
    generator: torch.Generator,
) -> History:
    """AdamW over `epochs` passes, the learning rate falling linearly to 0."""
    whole(1, epochs=epochs)
    at_least(0, learning_rate=learning_rate, weight_decay=weight_decay)
    parameters = list(parameters)
    history = History()
    optimizer = torch.optim.AdamW(
        parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=weight_decay
    )
    batches = [
        batch
        for _ in range(epochs)
        for batch in epoch_batches(lengths, batch_size, generator)
    ]
    clear_gradients([optimizer])
    bar = progress(batches, desc="reward model")
    try:
        for step, batch in enumerate(bar):
            share = 1 - step / len(batches)
            scale_learning_rates([optimizer], share)
            loss = loss_of(batch)
            loss.backward()
            norm = descend([optimizer], parameters, loss, step)
            history.log(
                step, loss=loss.detach(), lr=learning_rate * share, grad_norm=norm
            )
            bar.set_postfix(loss=f"{history.last['loss']:.3f}")
    finally:
        clear_gradients([optimizer])
        bar.close()
    return history


def _check_numbers(texts: int, others: int) -> None:
    if texts != others or not texts:
        raise ValueError(
            f"got {texts} texts and {others} ratings or partners, expected the same "
            "number of each and at least one"
        )
