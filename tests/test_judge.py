"""The judge: transformers' own probabilities, both orders, Platt, and its panel."""

import ipywidgets as w
import pytest
import torch

from course import widgets
from course.lm.interop import to_transformers
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.reward.judge import (
    LABELS,
    PAIR,
    SINGLE,
    apply_platt,
    fit_platt,
    label_logits,
    pair_verdicts,
    single_verdicts,
    swap_bias,
)
from course.reward.real_reward import first_blocks, last_states, ridge
from course.widgets import judge as judge_panel
from course.widgets import panel

TEXTS = ["a fine film", "bad", "the plot was thin , the acting good ."]


@pytest.fixture(scope="module")
def model_and_tokenizer():
    lines = [SINGLE, PAIR, *TEXTS, " positive negative A B"] * 3
    tokenizer = train_tokenizer(lines, 330)
    torch.manual_seed(0)
    shape = GPTConfig(len(tokenizer), context=128, width=32, layers=2, heads=2,
                      kv_heads=1, feed_forward=64)  # fmt: skip
    return GPT(shape).eval(), tokenizer


@torch.no_grad()
def by_transformers(model, tokenizer, prompt, labels):
    """P(first label) among the two, of one prompt alone, without padding."""
    ids = [tokenizer(f" {x}", add_special_tokens=False)["input_ids"][0] for x in labels]
    row = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    p = to_transformers(model)(torch.tensor([row])).logits[0, -1].softmax(-1)
    return float(p[ids[0]] / p[ids].sum())


@pytest.mark.parametrize("swapped", [False, True])
def test_verdicts_are_the_two_labels_shares_of_the_next_token(
    model_and_tokenizer, swapped
):
    first, second = LABELS[::-1] if swapped else LABELS
    found = single_verdicts(*model_and_tokenizer, TEXTS, swapped)
    for text, p in zip(TEXTS, found.tolist(), strict=True):
        prompt = SINGLE.format(text=text, first=first, second=second)
        right = by_transformers(*model_and_tokenizer, prompt, LABELS)
        assert p == pytest.approx(right, abs=1e-5)


def test_a_pair_is_judged_for_the_same_text_in_both_orders(model_and_tokenizer):
    others = TEXTS[::-1]
    for swapped in (False, True):
        found = pair_verdicts(*model_and_tokenizer, TEXTS, others, swapped)
        for text, other, p in zip(TEXTS, others, found.tolist(), strict=True):
            a, b = (other, text) if swapped else (text, other)
            says_a = by_transformers(
                *model_and_tokenizer, PAIR.format(first=a, second=b), ("A", "B")
            )
            assert p == pytest.approx(1 - says_a if swapped else says_a, abs=1e-5)


def test_labels_that_begin_alike_are_refused(model_and_tokenizer):
    with pytest.raises(ValueError, match="expected two tokens"):
        label_logits(*model_and_tokenizer, ["x"], ("positive", "positive"))


def test_a_judge_that_only_sees_the_place_has_the_largest_bias():
    pull, flips = swap_bias(torch.ones(4), torch.zeros(4))
    assert (pull, flips) == (0.5, 1)
    fair = torch.tensor([0.9, 0.2])
    assert swap_bias(fair, fair).tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"expected \(n,\) twice"):
        swap_bias(fair, torch.ones(3))


def test_platt_finds_the_slope_and_offset_that_made_the_labels():
    generator = torch.Generator().manual_seed(0)
    logit = 2 * torch.randn(20_000, generator=generator, dtype=torch.float64)
    truth = (0.5 * logit - 1).sigmoid()
    labels = (torch.rand(20_000, generator=generator) < truth).float()
    slope, offset = fit_platt(logit.sigmoid(), labels).tolist()
    assert slope == pytest.approx(0.5, abs=0.05)  # standard error .01
    assert offset == pytest.approx(-1, abs=0.08)
    straight = apply_platt(logit.sigmoid(), torch.tensor([0.5, -1.0]).double())
    torch.testing.assert_close(straight, truth)


def test_platt_is_finite_for_labels_that_a_threshold_separates():
    fitted = fit_platt(torch.tensor([0.1, 0.2, 0.8, 0.9]), torch.tensor([0, 0, 1, 1]))
    assert fitted.isfinite().all() and fitted[0] > 0
    with pytest.raises(ValueError, match="expected both 0 and 1"):
        fit_platt(torch.tensor([0.1, 0.9]), torch.ones(2))


def test_ridge_solves_its_normal_equations_and_shrinks():
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.randn(s, generator=generator).double() for s in ((30, 4), (30,)))
    weights, offset = ridge(x, y, 0.5)
    errors = y - x @ weights - offset
    torch.testing.assert_close((x - x.mean(0)).T @ errors, 0.5 * weights)
    assert abs(float(errors.mean())) < 1e-12
    assert ridge(x, y, 1e9)[0].abs().max() < 1e-6
    with pytest.raises(ValueError, match="expected a positive number"):
        ridge(x, y, 0.0)


@torch.no_grad()
def test_the_last_states_of_the_first_blocks_are_those_of_each_text_alone(
    model_and_tokenizer,
):
    import copy

    gpt, tokenizer = copy.deepcopy(model_and_tokenizer[0]), model_and_tokenizer[1]
    gpt = first_blocks(gpt, 1)
    rows = [tokenizer(t, add_special_tokens=False)["input_ids"] for t in TEXTS]
    for row, state in zip(rows, last_states(gpt, tokenizer, rows), strict=True):
        torch.testing.assert_close(state, gpt.hidden(torch.tensor([row]))[0, -1])
    with pytest.raises(ValueError, match="expected 1 to 1"):
        first_blocks(gpt, 2)


# The panel ----------------------------------------------------------------------------


def ask(text: str, swapped: bool) -> float:
    return 0.9 if "good" in text and not swapped else 0.2


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def html(box) -> str:
    return " ".join(x.value for x in every(box) if isinstance(x, w.HTML))


def test_by_code_both_verdicts_stand_beside_each_text(capsys):
    widgets.show_judge(ask, ["a good film", "a <b>bad</b> one"])
    lines = capsys.readouterr().out.splitlines()
    assert "0.90" in lines[1] and "positive, then negative" in lines[1]
    said = " ".join(lines[3:])
    assert lines[2].endswith("negative") and "does not change" in said
    with pytest.raises(ValueError, match="at least one text in a list"):
        widgets.show_judge(ask, [])
    with pytest.raises(TypeError, match="got one str, expected a list"):
        widgets.show_judge(ask, "a good film")


def test_the_panel_asks_anew_keeps_the_text_and_says_what_is_wrong():
    panel.forget_state("judge")
    box = widgets.judge_panel(ask, "a good <i>film</i>")
    field = next(x for x in every(box) if isinstance(x, w.Textarea))
    button = next(x for x in every(box) if isinstance(x, w.Button))
    assert "changes" in html(box) and 'alt="Two bars' in html(box)
    assert "<i>" not in html(box)
    field.value = "dull"
    button.click()
    assert "does not change" in html(box)
    again = widgets.judge_panel(ask, "another")
    assert next(x for x in every(again) if isinstance(x, w.Textarea)).value == "dull"
    field.value = "  "
    button.click()
    assert "got an empty text" in html(box)
    assert field.description and button.description


def test_an_answer_that_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="expected probabilities"):
        judge_panel.ask_both(lambda text, swapped: 1.5, "good")
