"""A next-token explorer: what a model expects next, and what sampling leaves of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Any

import ipywidgets as w
import torch
from torch import Tensor, nn

from course import plots
from course.expect import (
    as_float,
    as_tensor,
    check_text,
    one_number,
    present,
    whole,
    whole_number,
)
from course.expect_lists import real_numbers
from course.lm.objective import entropy
from course.lm.sampling import apply_temperature, top_k_filter, top_p_filter
from course.lm.tokenizer import encode
from course.plots import COLOURS
from course.widgets import panel

Predictor = Callable[[list[int]], Tensor]


@dataclass(frozen=True)
class TokenRow:
    """One token and its probability before and after the settings."""

    id: int
    token: str
    before: float
    after: float


def predictor(model: Any) -> Predictor:
    """One function for every kind of model: ids -> probabilities (vocabulary,).

    model: a GPT, an object with `probabilities(ids)` such as NGram, or such a function.
    """
    if isinstance(model, nn.Module):
        return lambda ids: _next_of(model, ids)
    return getattr(model, "probabilities", model)


@torch.inference_mode()
def _next_of(model: Any, ids: list[int]) -> Tensor:
    recent = torch.tensor([ids[-model.config.context :]], device=model.device)
    return model(recent)[0, -1].float().softmax(-1).cpu()


def sampling_probabilities(
    probabilities: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """What is drawn from after temperature, then top-k, then top-p; (vocabulary,).

    Logarithms of probabilities serve as logits: softmax gives the model's
    probabilities back at temperature 1.  Raises ValueError on settings out of range.

    >>> sampling_probabilities(torch.tensor([0.5, 0.3, 0.2]), top_k=2)
    tensor([0.6250, 0.3750, 0.0000])
    """
    probabilities = as_tensor("probabilities", probabilities)
    one_number(**present(top_p=top_p))
    whole_number(**present(top_k=top_k))
    logits = apply_temperature(torch.as_tensor(probabilities).log(), temperature)
    if top_k:
        logits = top_k_filter(logits, top_k)
    if top_p is not None and top_p != 1:
        logits = top_p_filter(logits, top_p)
    return logits.softmax(-1)


def entropy_bits(probabilities: Tensor) -> float:
    """Entropy of a distribution (vocabulary,) in bits.

    >>> entropy_bits(torch.full((8,), 1 / 8))
    3.0
    """
    probabilities = as_tensor("probabilities", probabilities)
    bits = float(entropy(torch.as_tensor(probabilities).double().log())) / log(2)
    return round(bits, 9)


def next_token_table(
    probabilities: Tensor,
    tokenizer: Any,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    n: int = 10,
) -> list[TokenRow]:
    """The n most likely tokens, likeliest first, with probabilities before and after.

    probabilities: the model's own, (vocabulary,).  A token that top-k or top-p cut has
    probability 0 after.
    """
    probabilities = as_tensor("probabilities", probabilities)
    whole_number(**present(top_k=top_k))
    whole(1, n=n)
    before = torch.as_tensor(probabilities)
    after = sampling_probabilities(before, temperature, top_k, top_p)
    ids = before.sort(descending=True, stable=True).indices[:n].tolist()
    return [
        TokenRow(i, panel.token_text(tokenizer, i), float(before[i]), float(after[i]))
        for i in ids
    ]


HEAD = ("token", "model", "after", "")


def token_cells(rows: Sequence[TokenRow]) -> list[tuple[str, str, str, str]]:
    """The table as text: token, both probabilities, a bar or the word "cut"."""
    return [
        (panel.visible(r.token), f"{r.before:.3f}", f"{r.after:.3f}",
         panel.bar(r.after) if r.after else "cut")
        for r in rows
    ]  # fmt: skip


def next_token_sentence(after: Tensor, tokenizer: Any) -> str:
    """Entropy, number of tokens left and the likeliest one, in words."""
    after = as_float(after)
    best = panel.visible(panel.token_text(tokenizer, int(after.argmax())))
    kept = int((after > 0).sum())
    return (
        f"Entropy {entropy_bits(after):.2f} bits; {kept} of {len(after)} tokens can be "
        f"drawn; the likeliest is {best} with probability {float(after.max()):.3f}."
    )


def draw_tokens(axes: Any, rows: Sequence[TokenRow], title: str) -> None:
    """Bars after the settings; the model's own probability is a black line."""
    places = range(len(rows))
    axes.barh(places, [r.after for r in rows], color=COLOURS[0],
              label="these settings")  # fmt: skip
    axes.plot([r.before for r in rows], places, "|", color=COLOURS[6], markersize=11,
              markeredgewidth=2, label="model's own")  # fmt: skip
    axes.set_yticks(places, [panel.label(r.token, 14) for r in rows])
    axes.invert_yaxis()
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5)
    axes.set(title=title, xlabel="probability", xlim=(0, None))
    axes.legend(fontsize=8, loc="lower right", frameon=True)


def context_ids(tokenizer: Any, prompt: str) -> list[int]:
    """The ids that a model reads before the next token: bos and the prompt."""
    return encode(tokenizer, [prompt], bos=True, eos=False)[0]


def show_next_token(
    models: Mapping[str, Any], tokenizer: Any, prompt: str,
    temperatures: Sequence[float] = (0.5, 1.0, 2.0), top_k: int | None = None,
    top_p: float | None = None, n: int = 10,
) -> None:  # fmt: skip
    """Draw and print every model at every temperature: the explorer by code."""
    real_numbers(temperatures=temperatures)
    whole_number(**present(top_k=top_k))
    import matplotlib.pyplot as plt

    whole(1, temperatures=len(temperatures), models=len(models), n=n)
    size = (3.2 * len(temperatures), 0.8 + 0.24 * n * len(models))
    _, places = plt.subplots(len(models), len(temperatures), figsize=size,
                             squeeze=False)  # fmt: skip
    ids, said = context_ids(tokenizer, prompt), []
    for (name, model), line in zip(models.items(), places, strict=True):
        probabilities = predictor(model)(ids)
        for t, axes in zip(temperatures, line, strict=True):
            rows = next_token_table(probabilities, tokenizer, t, top_k, top_p, n)
            after = sampling_probabilities(probabilities, t, top_k, top_p)
            sentence = next_token_sentence(after, tokenizer)
            said.append(f"{name}, temperature {t:g}: {sentence}")
            draw_tokens(axes, rows, f"{panel.label(name)}, T = {t:g}")
    print(*said, sep="\n")
    plots.show("Bars of the likeliest next tokens. " + " ".join(said))


@dataclass
class Explorer:
    """What the explorer keeps: the settings of its controls and its random numbers."""

    prompt: str = "The film is"
    model: str = ""
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    generator: torch.Generator = field(
        default_factory=lambda: torch.Generator().manual_seed(0)
    )


def next_token_explorer(
    models: Mapping[str, Any],
    tokenizer: Any,
    prompt: str = "The film is",
    n: int = 10,
    key: str = "next-token",
) -> w.VBox:
    """The panel: model, prompt, temperature, top-k, top-p, and a button that samples.

    models: names to models, each as `predictor` takes it.
    """
    whole(1, n=n)
    check_text(prompt)
    state = panel.panel_state(key, lambda: Explorer(prompt=prompt))
    if state.model not in models:
        state.model = next(iter(models))
    wide = {"description_width": "initial"}
    model = w.Dropdown(options=list(models), value=state.model, description="model")
    text = w.Text(value=state.prompt, description="prompt", continuous_update=False,
                  layout=w.Layout(width="38em"))  # fmt: skip
    temperature, heat = panel.number("temperature", state.temperature, 0.1, 3.0, 0.05)
    top_p, mass = panel.number("top-p", state.top_p, 0.05, 1.0, 0.01)
    top_k = w.BoundedIntText(value=state.top_k, min=0, max=1000, style=wide,
                             description="top-k (0 keeps all)")  # fmt: skip
    sample = w.Button(description="Sample a token")
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def after() -> tuple[Tensor, Tensor]:
        before = predictor(models[model.value])(context_ids(tokenizer, text.value))
        settings = (temperature.value, top_k.value, top_p.value)
        return before, sampling_probabilities(before, *settings)

    def render() -> None:
        state.model, state.prompt = model.value, text.value
        state.temperature, state.top_p = temperature.value, top_p.value
        state.top_k = top_k.value
        before, drawn = after()
        settings = (state.temperature, state.top_k, state.top_p)
        found = next_token_table(before, tokenizer, *settings, n)
        sentence = next_token_sentence(drawn, tokenizer)
        words.value = panel.status(sentence)
        rows.value = panel.table(
            "The most likely next tokens", HEAD, token_cells(found)
        )
        made, (axes,) = panel.figure(width=5, height=0.8 + 0.26 * n)
        draw_tokens(axes, found, "Next token, before and after the settings")
        image.value = plots.picture(made, f"Bars of the table: {sentence}")

    def write(_: Any) -> None:
        chosen = int(torch.multinomial(after()[1], 1, generator=state.generator))
        text.value += tokenizer.decode([chosen], skip_special_tokens=True)

    sample.on_click(write)
    panel.watch(render, model, text, temperature, top_k, top_p)
    controls = [w.HBox([model, top_k]), text, heat, mass, sample]
    return w.VBox([*controls, words, w.HBox([rows, image])])
