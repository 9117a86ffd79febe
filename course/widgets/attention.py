"""An attention viewer: which earlier tokens each token reads, layer by layer."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import ipywidgets as w
import numpy as np
import torch
from torch import Tensor

from course import plots
from course.expect import as_float, as_tensor, check_text, whole, whole_number
from course.expect_lists import strings
from course.lm.layers import rotary
from course.lm.tokenizer import encode
from course.widgets import panel


@torch.inference_mode()
def attention_weights(model: Any, ids: Tensor) -> Tensor:
    """Attention of one text in every layer and head, (layers, heads, time, time).

    ids: (time,).  Row t holds the weights with which position t reads positions 0 to
    t; they sum to 1.  Computed again from each block's own query and key
    projections, on the vectors that enter them.
    Raises ValueError when ids is not one row of at most `context` tokens.
    """
    ids = as_tensor("ids", ids)
    ids = torch.as_tensor(ids, device=model.device)
    if ids.dim() != 1 or not 0 < len(ids) <= model.config.context:
        raise ValueError(
            f"got ids of shape {tuple(ids.shape)}, expected (time,) with time from 1 "
            f"to {model.config.context}"
        )
    entering: list[Tensor] = []  # what each block's projections read, (1, T, C)
    hooks = [
        block.attention.register_forward_pre_hook(lambda _, x: entering.append(x[0]))
        for block in model.blocks
    ]
    try:
        model.hidden(ids[None])
    finally:
        for hook in hooks:
            hook.remove()
    positions = torch.arange(len(ids), device=ids.device)
    future = torch.ones(len(ids), len(ids), dtype=torch.bool, device=ids.device).triu(1)
    layers = []
    for block, x in zip(model.blocks, entering, strict=True):
        part = block.attention
        queries = rotary(part.heads(part.query(x)), positions, model.config.rope_base)
        keys = rotary(part.heads(part.key(x)), positions, model.config.rope_base)
        keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
        scores = queries @ keys.transpose(-1, -2) / sqrt(part.dim)  # (1, H, T, T)
        layers.append(scores.masked_fill(future, float("-inf")).softmax(-1)[0])
    return torch.stack(layers)


def text_ids(model: Any, tokenizer: Any, text: str, longest: int = 24) -> list[int]:
    """The ids that the viewer shows: bos and the text, cut after `longest` tokens."""
    whole(1, longest=longest)
    ids = encode(tokenizer, [text], bos=True, eos=False)[0]
    return ids[: min(longest, model.config.context)]


def attention_rows(weights: Tensor, tokens: list[str]) -> list[tuple[str, str, str]]:
    """Each token with the token it reads most and its share; weights (time, time)."""
    strings(tokens=tokens)
    weights = as_tensor("weights", weights)
    best = weights.max(-1)
    return [
        (f"{t} {panel.visible(token)}", f"{i} {panel.visible(tokens[i])}", f"{p:.2f}")
        for t, (token, i, p) in enumerate(
            zip(tokens, best.indices.tolist(), best.values.tolist(), strict=True)
        )
    ]


HEAD = ("token", "reads most", "weight")


def previous_token_share(weights: Tensor) -> Tensor:
    """Mean weight on the token just before, (..., time, time) -> (...).

    >>> previous_token_share(torch.tensor([[1.0, 0.0], [0.75, 0.25]]))
    tensor(0.7500)
    """
    weights = as_tensor("weights", weights)
    if weights.shape[-1] < 2:
        raise ValueError("got one token, expected at least 2")
    return as_float(weights).diagonal(-1, -2, -1).mean(-1)


def attention_sentence(weights: Tensor) -> str:
    """How much one head reads itself, the token before and the first token."""
    weights = as_float(weights)
    itself = float(weights.diagonal().mean())
    first = float(weights[:, 0].mean())
    before = float(previous_token_share(weights)) if len(weights) > 1 else 0.0
    return (
        f"On average this head gives {itself:.2f} of its weight to the token itself, "
        f"{before:.2f} to the one just before and {first:.2f} to the first."
    )


def draw_attention(
    axes: Any, weights: Tensor, tokens: list[str], title: str, numbers: int = 10
) -> Any:
    """A heat map: a row for each reading token, a column for each token read.

    With at most `numbers` tokens every weight is also written into its square.
    """
    shares = weights.cpu().numpy()
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    names = [panel.label(token, 10) for token in tokens]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set(title=title, xlabel="token read", ylabel="reading token")
    axes.grid(False)
    for (row, column), weight in np.ndenumerate(shares):  # not by colour alone
        if len(tokens) <= numbers and column <= row:
            colour = "black" if weight > 0.5 else "white"
            axes.text(column, row, f"{weight:.2f}", color=colour, fontsize=7,
                      ha="center", va="center")  # fmt: skip
    return image


def show_attention(
    model: Any, tokenizer: Any, text: str, layer: int = 0, heads: int = 3
) -> None:
    """Draw and print the first heads of one layer: the viewer by code."""
    whole_number(layer=layer)
    import matplotlib.pyplot as plt

    whole(1, heads=heads)
    ids = text_ids(model, tokenizer, text)
    tokens = [panel.token_text(tokenizer, i) for i in ids]
    maps = attention_weights(model, ids)[layer, :heads]
    figure, places = plt.subplots(1, len(maps), figsize=(3.2 * len(maps), 3.6),
                                  squeeze=False)  # fmt: skip
    said = []
    for head, (weights, axes) in enumerate(zip(maps, places[0], strict=True)):
        name = f"layer {layer}, head {head}"
        said.append(f"{name}: {attention_sentence(weights)}")
        image = draw_attention(axes, weights, tokens, name, numbers=6)
    figure.colorbar(image, ax=places[0][-1], label="weight", shrink=0.7)
    print(*said, sep="\n")
    plots.show("Tables of weights, reading tokens by tokens read. " + " ".join(said))


@dataclass
class Viewer:
    """What the viewer keeps: the text and the chosen layer and head."""

    text: str
    layer: int = 0
    head: int = 0


def attention_viewer(
    model: Any, tokenizer: Any, text: str, key: str = "attention"
) -> w.VBox:
    """The panel: text, layer and head of a GPT; a heat map and the same as a table."""
    check_text(text)
    state = panel.panel_state(key, lambda: Viewer(text))
    config = model.config
    state.layer = min(state.layer, config.layers - 1)
    state.head = min(state.head, config.heads - 1)
    field = w.Text(value=state.text, description="text", continuous_update=False,
                   layout=w.Layout(width="38em"))  # fmt: skip
    layer = w.IntSlider(value=state.layer, min=0, max=config.layers - 1,
                        description="layer", continuous_update=False)  # fmt: skip
    head = w.IntSlider(value=state.head, min=0, max=config.heads - 1,
                       description="head", continuous_update=False)  # fmt: skip
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        state.text, state.layer, state.head = field.value, layer.value, head.value
        ids = text_ids(model, tokenizer, state.text)
        tokens = [panel.token_text(tokenizer, i) for i in ids]
        weights = attention_weights(model, ids)[state.layer, state.head]
        name = f"layer {state.layer}, head {state.head}"
        sentence = attention_sentence(weights)
        words.value = panel.status(f"{name}: {sentence}")
        rows.value = panel.table(
            "What each token reads most", HEAD, attention_rows(weights, tokens)
        )
        made, (axes,) = panel.figure(width=5, height=4.4)
        shown = draw_attention(axes, weights, tokens, name)
        made.colorbar(shown, ax=axes, label="weight", shrink=0.7)
        image.value = plots.picture(made, f"Heat map. {name}: {sentence}")

    panel.watch(render, field, layer, head)
    return w.VBox([field, w.HBox([layer, head]), words, w.HBox([image, rows])])
