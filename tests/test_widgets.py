"""The panels without a browser: set a value, click, read the state and the text."""

from copy import deepcopy
from html.parser import HTMLParser

import ipywidgets as w
import pytest
import torch

from course import check, hint, plots, solution, widgets
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import train_tokenizer
from course.reward.preferences import PreferenceStore
from course.runtime import CourseError
from course.widgets import attention, bandit, labeller, microscope, next_token, panel
from course.widgets import exercises as ex
from course.widgets import questions as q

HOSTILE = "<script>window.hacked = 1</script></textarea>\"'& $\\frac{1}$"
PAIRS = [
    {"text_a": "a fine film", "text_b": "a dull film", "mean_a": 2.0, "mean_b": -1.5},
    {"text_a": HOSTILE, "text_b": "good", "mean_a": -1.0, "mean_b": 1.0},
    {"text_a": "so so", "text_b": "so and so", "mean_a": 0.5, "mean_b": 0.5},
]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["the film is good", "the film is dull and long"] * 3, 300)


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(0)
    size = {"width": 16, "layers": 2, "heads": 4, "kv_heads": 2, "feed_forward": 16}
    made = GPT(GPTConfig(vocab_size=len(tokenizer), context=48, **size))
    for parameter in made.parameters():  # larger weights: heads that differ
        parameter.data.mul_(8)
    return made


@pytest.fixture
def store(tmp_path):
    return PreferenceStore(tmp_path / "votes.sqlite", annotator="ada")


@pytest.fixture(autouse=True)
def fresh_states():
    for key in ("next-token", "attention", "microscope", "bandit"):
        panel.forget_state(key)


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def find(box, description):
    found = [x for x in every(box) if getattr(x, "description", None) == description]
    assert len(found) == 1, f"{len(found)} controls named {description!r}"
    return found[0]


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.alts = set(), "", []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.alts += [value for name, value in attrs if name == "alt"]

    def handle_data(self, data):
        self.text += data


def read(box):
    """What a browser would make of the panel's HTML: tags, text, alternative texts."""
    reader = _Reader()
    for child in every(box):
        if isinstance(child, w.HTML):
            reader.feed(child.value)
    return reader


def length_score(texts):
    return torch.tensor([float(len(text)) for text in texts])


def panels(model, tokenizer, store, text="the film"):
    uniform = torch.full((len(tokenizer),), 1 / len(tokenizer))
    models = {"uniform": lambda ids: uniform, "GPT": model}
    return {
        "explorer": widgets.next_token_explorer(models, tokenizer, prompt=text),
        "viewer": widgets.attention_viewer(model, tokenizer, text),
        "labeller": widgets.preference_labeller(PAIRS, store),
        "microscope": widgets.reward_microscope(length_score, tokenizer, text),
        "bandit": widgets.bandit_playground(),
    }


# All panels


def test_every_control_is_named_and_every_picture_has_an_alternative_text(
    model, tokenizer, store
):
    for name, box in panels(model, tokenizer, store).items():
        controls = [x for x in every(box) if hasattr(x, "description")]
        unnamed = [
            x for x in controls if not x.description and not isinstance(x, w.HTML)
        ]
        assert not unnamed, (name, unnamed)
        seen = read(box)
        assert seen.tags >= {"img", "div"} and len(seen.alts) == 1, name
        assert len(seen.alts[0]) > 20, name
        assert any('role="status" aria-live' in getattr(x, "value", "")
                   for x in every(box) if isinstance(x, w.HTML)), name  # fmt: skip


def test_hostile_text_stays_text_in_every_panel(model, tokenizer, store):
    made = panels(model, tokenizer, store, HOSTILE)
    find(made["labeller"], "A is better").click()  # the second pair is the hostile one
    for name, box in made.items():
        assert read(box).tags <= {
            "b", "div", "img", "table", "tr", "th", "td", "caption",
        }, name  # fmt: skip
    assert HOSTILE in read(made["labeller"]).text


def test_hostile_tokens_are_shown_in_tables_and_figures():
    rows = [("<script>", 1.0), ("$\\frac{", 2.0), ("\U0001f600\U00020000", -1.0)]
    made, (axes,) = panel.figure()
    microscope.draw_trace(axes, rows, "a title")
    drawn = [name.get_text() for name in axes.get_xticklabels()]
    assert drawn == ["<script>", "\\$\\frac{", "😀□"]
    plots.picture(made, "draws: no mathematics is parsed")
    html = panel.table("cap<b>", ["h<i>"], microscope.trace_rows(rows))
    assert "<script>" not in html and "<b>" not in html and "<i>" not in html
    assert panel.label("$x$").count("\\$") == 2


def test_pictures_are_drawn_without_any_warning(recwarn, tokenizer):
    microscope.reward_trace(length_score, tokenizer, "日本 😀 \x07")
    made, (axes,) = panel.figure()
    trace = microscope.reward_trace(length_score, tokenizer, "日本 😀 \x07")
    microscope.draw_trace(axes, [*trace, ("日本", 0.0)], panel.label("日本 😀 \x07"))
    plots.picture(made, "x")
    assert [str(warning.message) for warning in recwarn] == []


def test_a_token_that_is_part_of_a_character_shows_its_bytes(tokenizer):
    ids = tokenizer("é", add_special_tokens=False)["input_ids"]
    assert [panel.token_text(tokenizer, i) for i in ids] == ["<C3>", "<A9>"]
    assert panel.token_text(tokenizer, tokenizer.eos_token_id) == "<eos>"


def test_an_alternative_text_cannot_leave_its_attribute():
    made, _ = panel.figure()
    assert 'onerror="' not in plots.picture(made, '" onerror="alert(1)')


def test_a_kept_state_is_returned_and_a_clash_of_types_is_an_error():
    first = panel.panel_state("bandit", bandit.Playground)
    assert panel.panel_state("bandit", bandit.Playground) is first
    with pytest.raises(TypeError, match="expected a key of a dict"):
        panel.panel_state("bandit", dict)
    panel.forget_state("bandit")
    assert panel.panel_state("bandit", bandit.Playground) is not first


def test_slider_and_field_of_a_number_follow_each_other():
    slider, row = panel.number("x", 1.0, 0.0, 2.0, 0.1)
    field = row.children[1]
    field.value = 1.5
    assert slider.value == 1.5
    slider.value = 0.3
    assert field.value == 0.3
    slider.value = 1.4500000000000002  # as a browser counts 1.5 - 0.05
    assert field.value == 1.45


@pytest.mark.parametrize("name", widgets.__all__)
def test_every_public_name_of_the_room_is_there(name):
    assert callable(getattr(widgets, name))


# Next-token explorer


def test_sampling_probabilities_agree_with_a_count_by_hand():
    p = torch.tensor([0.1, 0.4, 0.2, 0.3], dtype=torch.float64)
    after = next_token.sampling_probabilities
    assert torch.allclose(after(p), p)
    assert torch.allclose(after(p, temperature=0.5), p**2 / (p**2).sum())
    assert torch.allclose(after(p, top_k=2), torch.tensor([0, 4, 0, 3]).double() / 7)
    assert torch.allclose(after(p, top_p=0.8), torch.tensor([0, 4, 2, 3]).double() / 9)
    both = after(p, top_k=3, top_p=0.5)  # of 4/9, 3/9, 2/9 the first two reach 0.5
    assert torch.allclose(both, torch.tensor([0, 4, 0, 3]).double() / 7)


def test_a_probability_of_zero_stays_zero_at_every_temperature():
    after = next_token.sampling_probabilities(torch.tensor([0.0, 0.25, 0.75]), 3.0)
    assert after[0] == 0 and after.sum() == pytest.approx(1)
    assert next_token.entropy_bits(torch.tensor([0.0, 0.5, 0.5])) == 1.0


def test_the_table_is_sorted_and_says_what_was_cut(tokenizer):
    p = torch.zeros(len(tokenizer))
    p[[5, 9, 7]] = torch.tensor([0.2, 0.5, 0.3])
    rows = next_token.next_token_table(p, tokenizer, top_k=2, n=3)
    assert [row.id for row in rows] == [9, 7, 5]
    assert [row.after for row in rows] == pytest.approx([0.625, 0.375, 0.0])
    assert [cells[-1] == "cut" for cells in next_token.token_cells(rows)] == [
        False, False, True,
    ]  # fmt: skip


def test_a_prompt_longer_than_the_context_keeps_its_end(model):
    ids = torch.randint(model.config.vocab_size, (100,)).tolist()
    with torch.no_grad():
        expected = model(torch.tensor([ids[-48:]]))[0, -1].softmax(-1)
    assert torch.allclose(next_token.predictor(model)(ids), expected, atol=1e-6)


def test_the_explorer_shows_what_the_code_computes(model, tokenizer):
    box = widgets.next_token_explorer({"GPT": model}, tokenizer, prompt="the")
    find(box, "temperature").value = 0.5
    find(box, "top-k (0 keeps all)").value = 5
    find(box, "top-p value").value = 0.9
    p = next_token.predictor(model)(next_token.context_ids(tokenizer, "the"))
    after = next_token.sampling_probabilities(p, 0.5, 5, 0.9)
    text = read(box).text
    assert next_token.next_token_sentence(after, tokenizer) in text
    rows = next_token.next_token_table(p, tokenizer, 0.5, 5, 0.9)
    for cells in next_token.token_cells(rows):
        assert "".join(cells) in text


def test_changing_model_and_temperature_changes_text_and_picture(
    model, tokenizer, store
):
    box = panels(model, tokenizer, store)["explorer"]
    first = [x.value for x in every(box) if isinstance(x, w.HTML)]
    find(box, "model").value = "GPT"
    second = [x.value for x in every(box) if isinstance(x, w.HTML)]
    find(box, "temperature").value = 2.0
    third = [x.value for x in every(box) if isinstance(x, w.HTML)]
    assert all(a != b for a, b in zip(first, second, strict=True))
    assert all(a != b for a, b in zip(second, third, strict=True))


def test_sampling_with_top_k_1_writes_the_likeliest_token(model, tokenizer):
    box = widgets.next_token_explorer({"GPT": model}, tokenizer, prompt="the")
    find(box, "top-k (0 keeps all)").value = 1
    p = next_token.predictor(model)(next_token.context_ids(tokenizer, "the"))
    find(box, "Sample a token").click()
    best = tokenizer.decode([int(p.argmax())], skip_special_tokens=True)
    assert find(box, "prompt").value == "the" + best


def test_running_the_explorer_again_keeps_settings_and_takes_new_models(
    model, tokenizer
):
    first = widgets.next_token_explorer({"GPT": model}, tokenizer)
    find(first, "temperature").value = 1.7
    uniform = torch.full((len(tokenizer),), 1 / len(tokenizer))
    again = widgets.next_token_explorer({"other": lambda ids: uniform}, tokenizer)
    assert find(again, "temperature").value == 1.7
    assert find(again, "model").value == "other"


# Attention viewer


def test_attention_weights_rebuild_what_the_model_itself_mixes(model):
    """The weights times the values equal what enters each block's output projection."""
    exact, mixed, values = deepcopy(model).double(), [], []
    for block in exact.blocks:
        part = block.attention
        part.output.register_forward_pre_hook(lambda m, x: mixed.append(x[0]))
        part.value.register_forward_hook(lambda m, x, y: values.append(y))
    ids = torch.arange(3, 12)
    with torch.no_grad():
        exact(ids[None])
    weights = attention.attention_weights(deepcopy(model).double(), ids)
    assert weights.shape == (2, 4, 9, 9)
    assert not torch.allclose(weights[0], weights[1], atol=0.01)
    for layer, block in enumerate(exact.blocks):
        heads = block.attention.heads(values[layer]).repeat_interleave(2, 1)
        rebuilt = (weights[layer][None] @ heads).transpose(1, 2).flatten(2)
        assert torch.allclose(rebuilt, mixed[layer], atol=1e-9)


def test_attention_weights_are_causal_distributions(model):
    weights = attention.attention_weights(model, torch.arange(12))
    assert torch.allclose(weights.sum(-1), torch.ones(2, 4, 12), atol=1e-5)
    assert (weights.triu(1) == 0).all()


@pytest.mark.parametrize("shape", [(0,), (49,), (2, 3)])
def test_attention_weights_refuse_ids_that_do_not_fit(model, shape):
    with pytest.raises(ValueError, match="expected \\(time,\\)"):
        attention.attention_weights(model, torch.zeros(shape, dtype=torch.long))


def test_the_viewer_shows_the_chosen_head_and_keeps_it(model, tokenizer):
    box = widgets.attention_viewer(model, tokenizer, "the film is good")
    before = read(box).text
    find(box, "layer").value = 1
    find(box, "head").value = 3
    ids = attention.text_ids(model, tokenizer, "the film is good")
    weights = attention.attention_weights(model, ids)[1, 3]
    assert attention.attention_sentence(weights) in read(box).text != before
    again = widgets.attention_viewer(model, tokenizer, "the film is good")
    assert (find(again, "layer").value, find(again, "head").value) == (1, 3)
    assert read(again).text == read(box).text


def test_the_viewer_takes_an_empty_and_a_very_long_text(model, tokenizer):
    box = widgets.attention_viewer(model, tokenizer, "")
    find(box, "text").value = "film " * 500
    assert read(box).text.count("film") > 5


# Preference labeller


def test_votes_are_kept_with_their_time_and_survive_a_new_panel(store):
    ticks = iter([10.0, 10.0, 13.5, *[20.0] * 20])
    box = widgets.preference_labeller(PAIRS, store, clock=lambda: next(ticks))
    find(box, "A is better").click()
    (vote,) = PreferenceStore(store.path).votes()
    kept = (vote.text_a, vote.choice, vote.annotator, vote.seconds)
    assert kept == ("a fine film", "a", "ada", 3.5)
    again = widgets.preference_labeller(PAIRS, store)
    assert "Pair 2 of 3" in read(again).text
    assert "with the crowd 100%" in read(again).text


def test_each_button_does_what_its_name_says(store):
    box = widgets.preference_labeller(PAIRS, store)
    names = {"A is better": "a", "B is better": "b", "Tie": "tie", "Skip": "skip"}
    for name, choice in names.items():
        find(box, name).click()
        assert store.votes()[-1].choice == choice
        find(box, "Undo").click()
        assert len(store) == 0 and "Pair 1 of 3" in read(box).text


def test_agreement_counts_decided_votes_only(store):
    box = widgets.preference_labeller(PAIRS, store)
    for name in ("B is better", "B is better", "A is better"):
        find(box, name).click()
    text = read(box).text
    assert "Votes: 3 (agrees 1, disagrees 1, tie 1, skip 0)" in text
    assert "agreement with the crowd 50%" in text
    assert "All 3 pairs have your vote" in text
    find(box, "Skip").click()
    assert len(store) == 3 and "Every pair has your vote already" in read(box).text


def test_undo_leaves_other_people_and_other_pairs_alone(store):
    PreferenceStore(store.path, annotator="bob").add("a fine film", "a dull film", "b")
    store.add("another", "pair", "a")
    box = widgets.preference_labeller(PAIRS, store)
    find(box, "Undo").click()
    assert len(store) == 2 and "no vote here to take back" in read(box).text


def test_a_vote_that_cannot_be_kept_is_said(store, monkeypatch):
    box = widgets.preference_labeller(PAIRS, store)

    def full(*args, **options):
        raise CourseError("The disk is full.")

    monkeypatch.setattr(store, "add", full)
    find(box, "Tie").click()
    assert "This vote was not kept. The disk is full." in read(box).text
    assert "Pair 1 of 3" in read(box).text


def test_a_script_and_the_buttons_leave_the_same_votes(store, tmp_path):
    other = PreferenceStore(tmp_path / "other.sqlite", annotator="ada")
    box = widgets.preference_labeller(PAIRS, store)
    for name in ("A is better", "B is better", "A is better"):
        find(box, name).click()
    session = labeller.Session(PAIRS, other)
    labeller.label_by_rule(session, lambda a, b: "b" if b == "good" else "a", n=99)
    assert [v.choice for v in store.votes()] == [v.choice for v in other.votes()]
    assert session.outcomes() == ["agrees", "agrees", "tie"]
    assert labeller.agreement_sentence(session.outcomes()) in read(box).text


# Reward microscope


def test_the_trace_ends_with_the_reward_of_the_whole_text(tokenizer):
    trace = microscope.reward_trace(length_score, tokenizer, "film für alle")
    assert trace[-1][1] == len("film für alle")
    tokens = [token for token, _ in microscope.reward_trace(
        length_score, tokenizer, "the film is good")]  # fmt: skip
    assert len(tokens) > 3 and "".join(tokens) == "the film is good"
    assert microscope.reward_trace(length_score, tokenizer, "") == []


def test_the_scorer_is_called_once_with_growing_prefixes(tokenizer):
    calls = []

    def score(texts):
        calls.append(texts)
        return length_score(texts)

    microscope.reward_trace(score, tokenizer, "the film is long")
    (texts,) = calls
    assert all("the film is long".startswith(text) for text in texts)
    assert [len(t) for t in texts] == sorted({len(t) for t in texts})


def test_the_sentence_names_the_token_that_moved_the_reward_most():
    trace = [("a", 0.0), (" b", 0.5), (" c", -2.0), (" d", -1.5)]
    assert "Token 2, ␣c, changed it most: -2.50" in microscope.trace_sentence(trace)
    assert [row[2] for row in microscope.trace_rows(trace)] == [
        "", "▲ +0.50", "▼ -2.50", "▲ +0.50",
    ]  # fmt: skip


def test_editing_the_text_updates_the_microscope_and_a_button_brings_it_back(
    tokenizer,
):
    box = widgets.reward_microscope(length_score, tokenizer, "film")
    find(box, "text").value = "film is good"
    assert "Reward of the whole text +12.00." in read(box).text
    again = widgets.reward_microscope(length_score, tokenizer, "film")
    assert find(again, "text").value == "film is good"
    find(again, "text").value = ""
    assert "Type a text" in read(again).text
    find(again, "Back to the first text").click()
    assert "Reward of the whole text +4.00." in read(again).text


# Bandit playground


def test_a_step_follows_the_gradient_that_autograd_gives():
    state = bandit.BanditState(means=(1.0, 2.0, 4.0), logits=(0.3, -0.2, 0.0))
    after = bandit.bandit_step(state, 0.5, False, torch.Generator().manual_seed(3))
    logits = torch.tensor(state.logits, dtype=torch.float64, requires_grad=True)
    (after.rewards[0] * logits.log_softmax(0)[after.arms[0]]).backward()
    moved = torch.tensor(after.logits) - torch.tensor(state.logits)
    assert torch.allclose(moved.double(), 0.5 * logits.grad, atol=1e-6)
    assert state.arms == () and len(state.policies) == 1


def test_the_baseline_is_the_mean_of_earlier_rewards_only():
    """With equal, noiseless arms the advantage is zero from the second step on."""
    state = bandit.run_bandit(6, 0.1, True, means=(3.0, 3.0), noise=0.0)
    assert state.policies[1] != state.policies[0]
    assert all(p == state.policies[1] for p in state.policies[2:])
    without = bandit.run_bandit(6, 0.1, False, means=(3.0, 3.0), noise=0.0)
    assert len(set(without.policies)) == 7


def test_the_variance_is_that_of_many_sampled_gradients():
    state = bandit.BanditState(means=(1.0, 2.0, 4.0), noise=0.7, logits=(0.5, 0.0, 0.2))
    rng = torch.Generator().manual_seed(0)
    policy = torch.tensor(state.policies[-1], dtype=torch.float64)
    n = 200_000
    arms = torch.multinomial(policy, n, replacement=True, generator=rng)
    noise = torch.randn(n, generator=rng, dtype=torch.float64) * 0.7
    rewards = torch.tensor(state.means, dtype=torch.float64)[arms] + noise
    for level in (0.0, 2.0):
        gradients = (rewards - level)[:, None] * (torch.eye(3)[arms] - policy)
        sampled = float(gradients.var(0).sum())
        # relative standard error of a variance, about sqrt(2 / n) = 0.3 %; 2 % is 6 x
        assert bandit.gradient_variance(state, level) == pytest.approx(
            sampled, rel=0.02
        )


def test_the_best_arm_wins_in_the_end():
    state = bandit.run_bandit(600, 0.3, True, means=(0.0, 0.0, 3.0))
    assert state.policies[-1][2] > 0.9


@pytest.mark.parametrize("options", [{"means": (1.0,)}, {"noise": -1.0}])
def test_impossible_bandits_are_refused(options):
    with pytest.raises(ValueError, match="expected at least 2 arms"):
        bandit.BanditState(**options)
    with pytest.raises(ValueError, match="learning rate -1"):
        bandit.bandit_step(bandit.BanditState(), -1, True, torch.Generator())


@pytest.mark.parametrize("baseline", [False, True])
def test_the_playground_gives_the_numbers_of_the_code(baseline):
    box = widgets.bandit_playground()
    find(box, "baseline: mean of earlier rewards").value = baseline
    find(box, "learning rate value").value = 0.2
    find(box, "Step").click()
    find(box, "Run 100 steps").click()
    state = panel.panel_state("bandit", bandit.Playground)
    assert state.bandit == bandit.run_bandit(101, 0.2, baseline, seed=0)
    assert bandit.bandit_sentence(state.bandit) in read(box).text


def test_running_the_bandit_cell_again_doubles_no_handler_and_loses_no_step():
    first = widgets.bandit_playground()
    find(first, "Step").click()
    again = widgets.bandit_playground()
    find(again, "Step").click()
    state = panel.panel_state("bandit", bandit.Playground)
    assert len(state.bandit.arms) == 2
    assert "After 2 steps" in read(again).text
    find(again, "Reset").click()
    assert state.bandit == bandit.BanditState() and "After 0 steps" in read(again).text


def test_a_new_seed_starts_afresh_and_repeats_exactly():
    box = widgets.bandit_playground()
    find(box, "Run 100 steps").click()
    find(box, "seed").value = 7
    assert "After 0 steps" in read(box).text
    find(box, "Run 100 steps").click()
    state = panel.panel_state("bandit", bandit.Playground)
    assert state.bandit == bandit.run_bandit(100, 0.1, False, seed=7)


# The code-only lines


def test_every_panel_has_a_line_of_code_that_draws_and_prints_the_same(
    model, tokenizer, store, capsys, monkeypatch
):
    import matplotlib.pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.gcf()))
    box = widgets.next_token_explorer({"GPT": model}, tokenizer, prompt="the")
    widgets.show_next_token({"GPT": model}, tokenizer, "the", temperatures=[1.0])
    printed = capsys.readouterr().out.strip().partition(": ")[2]
    assert printed and printed in read(box).text
    box = widgets.attention_viewer(model, tokenizer, "the film")
    widgets.show_attention(model, tokenizer, "the film", heads=1)
    printed = capsys.readouterr().out.strip()
    assert printed.startswith("layer 0, head 0: ") and printed in read(box).text
    box = widgets.reward_microscope(length_score, tokenizer, "the film")
    widgets.show_reward(length_score, tokenizer, "the film")
    assert capsys.readouterr().out.splitlines()[-1] in read(box).text
    box = widgets.preference_labeller(PAIRS, store)
    widgets.show_labels(labeller.Session(PAIRS, store))
    assert capsys.readouterr().out.strip() in read(box).text
    box = widgets.bandit_playground()
    find(box, "Run 100 steps").click()
    widgets.show_bandit(100, baselines=[False])
    assert capsys.readouterr().out.splitlines()[-1] in read(box).text
    assert len(shown) == 5
    plt.close("all")


# The questions


def test_the_temperature_question_takes_the_right_answer_only():
    # Two tokens of equal weight and six that vanish when it gets cold.
    p = torch.tensor([0.4, 0.4] + [0.2 / 6] * 6)
    entropies = {
        t: next_token.entropy_bits(next_token.sampling_probabilities(p, t))
        for t in torch.arange(0.2, 4, 0.01).tolist()
    }
    best = min(entropies, key=lambda t: abs(entropies[t] - 2))
    assert q.grade_temperature_for_entropy(best, p)[0]
    ok, sentence = q.grade_temperature_for_entropy(best * 2, p)
    assert not ok and "try a lower" in sentence
    ok, sentence = q.grade_temperature_for_entropy(best / 2, p)
    assert not ok and "try a higher" in sentence
    for nonsense in (None, "2", -1, 0, float("nan"), [1, 2], True):
        ok, sentence = q.grade_temperature_for_entropy(nonsense, p)
        assert not ok and "expected one temperature" in sentence


def test_the_head_question_says_what_is_wrong():
    weights = torch.zeros(2, 3, 4, 4)
    weights[..., 0] = 1.0
    weights[0, 1] = torch.tensor(  # row t reads column t - 1
        [[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    )
    assert q.grade_previous_token_head((0, 1), weights)[0]
    wrong = {
        (1, 0): "wrong way round", (1, 2): "another head gives more",
        (2, 0): "counted from 0", (0, 3): "counted from 0",
    }  # fmt: skip
    for answer, words in wrong.items():
        ok, sentence = q.grade_previous_token_head(answer, weights)
        assert not ok and words in sentence, answer
    for nonsense in (None, 3, (1,), "ab"):
        assert not q.grade_previous_token_head(nonsense, weights)[0]


def test_the_agreement_question_knows_the_usual_mistakes():
    outcomes = ["agrees"] * 3 + ["disagrees"] + ["tie"] * 2 + ["skip"]
    assert q.grade_agreement(0.75, outcomes)[0]
    assert "divide by all votes" in q.grade_agreement(3 / 7, outcomes)[1]
    assert "disagrees" in q.grade_agreement(0.25, outcomes)[1]
    assert "expected a share" in q.grade_agreement(75, outcomes)[1]
    assert "count the votes" in q.grade_agreement(0.5, outcomes)[1]
    assert "no decided vote" in q.grade_agreement(0.5, ["skip"])[1]


def test_the_order_question_takes_ties_in_any_order():
    texts = ["aa", "aaaa", "a", "bb"]
    for right in ([1, 0, 3, 2], [1, 3, 0, 2]):
        assert q.grade_order_by_reward(right, texts, length_score)[0]
    assert (
        "upside down" in q.grade_order_by_reward([2, 0, 3, 1], texts, length_score)[1]
    )
    ok, sentence = q.grade_order_by_reward([1, 2, 0, 3], texts, length_score)
    assert not ok and "Text 2 stands before text 0" in sentence
    for nonsense in (None, [1, 0], [0, 0, 1, 2], "abcd", 3):
        ok, sentence = q.grade_order_by_reward(nonsense, texts, length_score)
        assert not ok and "from 0 to 3 once" in sentence


def test_the_variance_question_knows_the_usual_mistakes():
    # Two arms, no noise, even policy: |score|^2 = 1/2; variance p(1-p) (r1 + r2)^2 / 2
    state = bandit.BanditState(means=(2.0, 4.0), noise=1.0)
    # without: (2^2 + 4^2 + 2) / 2 / 2 - (1/2)^2 * 2 = 5.5 - 0.5; with: (2 + 2)/4 - 0.5
    assert q.grade_variance_ratio(10.0, state)[0]
    assert "Turn the fraction over" in q.grade_variance_ratio(0.1, state)[1]
    assert "standard deviations" in q.grade_variance_ratio(10**0.5, state)[1]
    assert "press Reset" in q.grade_variance_ratio(5, state)[1]
    assert not q.grade_variance_ratio(None)[0]


def five_questions(model, store):
    """Each question with the names that its line of code uses."""
    weights = attention.attention_weights(model, torch.arange(9))
    probabilities = torch.linspace(1, 40, 40).softmax(0).sqrt()
    session, texts = labeller.Session(PAIRS, store), ["bb", "a", "cccc", "ddd"]
    labeller.label_by_rule(session, lambda a, b: "a", n=2)
    state = bandit.BanditState()
    found = {
        ex.temperature_question(probabilities): {"probabilities": probabilities},
        ex.head_question(weights): {"weights": weights},
        ex.agreement_question(session): {"session": session},
        ex.order_question(texts, length_score): {
            "texts": texts, "score_texts": length_score,
        },
        ex.variance_question(state): {"state": state},
    }  # fmt: skip
    tools = {
        name: getattr(module, name)
        for module, name in (
            (next_token, "entropy_bits"), (next_token, "sampling_probabilities"),
            (attention, "previous_token_share"), (labeller, "agreement"),
            (bandit, "gradient_variance"),
        )
    }  # fmt: skip
    return {question: tools | names for question, names in found.items()}


def test_every_question_is_answered_by_its_own_line_of_code(
    model, store, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    asked = five_questions(model, store)
    assert len({question.number for question in asked}) == 5
    for question, names in asked.items():
        answer = eval(question.code, names)
        assert check(answer, question) == answer
        label = f"{question.number} {question.name}"
        said = capsys.readouterr().out
        assert said.startswith(f"✔ {label}: correct\n") and question.why in said
        check(None, question)
        assert capsys.readouterr().out == f"◌ {label}: not attempted yet\n"
        for wrong in (-1, "text", [], object(), float("nan"), (99, 99)):
            check(wrong, question)
            assert capsys.readouterr().out.startswith(f"✘ {label}: "), wrong


def test_the_strict_switch_makes_a_wrong_answer_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_CHECK_STRICT", "1")
    with pytest.raises(AssertionError, match="variance_ratio"):
        check(1.0, ex.variance_question())


def test_a_question_gives_three_hints_and_its_line_of_code(capsys):
    question = ex.variance_question()
    for n, text in enumerate(question.hints, 1):
        hint(question)
        assert f"Hint {n} of 3 · 9.6 variance_ratio: {text}" in capsys.readouterr().out
    solution(question)
    assert question.code in capsys.readouterr().out


def test_a_vote_for_half_a_character_is_said_and_not_thrown_away(store):
    pair = {"text_a": "ok \ud83d", "text_b": "b", "mean_a": 1.0, "mean_b": 0.0}
    box = widgets.preference_labeller([pair], store)
    find(box, "A is better").click()
    assert "This vote was not kept. got half of a surrogate pair" in read(box).text
    assert len(store) == 0
