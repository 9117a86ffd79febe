"""The losses of a reward model: algebra, closed forms, and other people's code."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course.reward import losses

SCORES = st.lists(
    st.tuples(st.floats(-50, 50, width=32), st.floats(-50, 50, width=32)),
    min_size=1,
    max_size=8,
)


def columns(rows):
    return [torch.tensor(c, dtype=torch.float64) for c in zip(*rows, strict=True)]


def draw(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# pairwise


@settings(deadline=None)
@given(SCORES, st.floats(-3, 3))
def test_pairwise_is_torchs_binary_cross_entropy_of_the_difference(rows, margin):
    chosen, rejected = columns(rows)
    expected = F.binary_cross_entropy_with_logits(
        chosen - rejected - margin, torch.ones_like(chosen)
    )
    assert losses.pairwise_loss(chosen, rejected, margin) == pytest.approx(
        float(expected), abs=1e-6
    )


@settings(deadline=None)
@given(SCORES, st.floats(-100, 100))
def test_adding_a_constant_to_every_score_leaves_the_pairwise_loss(rows, shift):
    chosen, rejected = columns(rows)
    assert losses.pairwise_loss(chosen + shift, rejected + shift) == pytest.approx(
        float(losses.pairwise_loss(chosen, rejected)), abs=1e-9
    )


def test_equal_scores_cost_ln_2():
    scores = draw(5)
    assert losses.pairwise_loss(scores, scores) == pytest.approx(math.log(2), abs=1e-6)


def test_pairwise_is_the_best_of_k_softmax_at_k_2():
    chosen, rejected = draw(2, 6)
    softmax = F.cross_entropy(
        torch.stack([chosen, rejected], 1), torch.zeros(6, dtype=torch.long)
    )
    loss = losses.pairwise_loss(chosen, rejected)
    assert loss == pytest.approx(float(softmax), abs=1e-6)


def test_the_gradient_of_a_pair_is_the_probability_of_being_wrong():
    chosen, rejected = draw(2, 4).double().requires_grad_().unbind()
    chosen.retain_grad(), rejected.retain_grad()
    losses.pairwise_loss(chosen, rejected).backward()
    wrong = torch.sigmoid(rejected - chosen).detach() / 4
    torch.testing.assert_close(chosen.grad, -wrong)
    torch.testing.assert_close(rejected.grad, wrong)


def test_a_hopeless_pair_has_a_finite_loss_and_gradient():
    chosen = torch.tensor([-1000.0], requires_grad=True)
    loss = losses.pairwise_loss(chosen, torch.tensor([1000.0]))
    loss.backward()
    assert loss.item() == 2000.0 and chosen.grad.item() == -1.0


def test_a_margin_may_differ_from_pair_to_pair():
    chosen, rejected, margin = draw(3, 4)
    each = [
        losses.pairwise_loss(chosen[i : i + 1], rejected[i : i + 1], float(margin[i]))
        for i in range(4)
    ]
    loss = losses.pairwise_loss(chosen, rejected, margin)
    assert loss == pytest.approx(float(sum(each)) / 4, abs=1e-6)


def test_centering_is_zero_exactly_where_the_pair_cancels():
    a = draw(5)
    assert losses.centering_loss(a, -a) == 0
    assert losses.centering_loss(a + 1, 1 - a) == pytest.approx(4, abs=1e-6)


# ordinal


def naive_probabilities(scores, cuts):
    """The definition, in fp64, with c_0 = -inf and c_K = +inf."""
    edges = torch.cat(
        [cuts.new_tensor([-math.inf]), cuts, cuts.new_tensor([math.inf])]
    ).double()
    below = torch.sigmoid(edges - scores.double()[:, None])
    return below.diff(dim=1)


CUTS = torch.tensor([-2.0, -0.5, 0.25, 3.0], dtype=torch.float64)


def test_ordinal_probabilities_are_the_definition():
    scores = draw(50, scale=3).double()
    ours = losses.ordinal_log_probabilities(scores, CUTS).exp()
    torch.testing.assert_close(
        ours, naive_probabilities(scores, CUTS), atol=1e-12, rtol=1e-9
    )


def test_ordinal_loss_is_the_mean_negative_log_of_the_definition():
    scores = draw(50, scale=3).double()
    bins = torch.arange(50) % 5
    p = naive_probabilities(scores, CUTS)[torch.arange(50), bins]
    loss = losses.ordinal_loss(scores, bins, CUTS)
    assert loss == pytest.approx(float(-p.log().mean()), abs=1e-10)


@settings(deadline=None)
@given(
    st.floats(-500, 500, width=32),
    st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8),
)
def test_bins_have_positive_mass_that_sums_to_one(score, raw):
    logp = losses.ordinal_log_probabilities(
        torch.tensor([score]), losses.ordered_cuts(torch.tensor(raw))
    )
    assert torch.isfinite(logp).all()
    assert torch.logsumexp(logp, 1).item() == pytest.approx(0, abs=1e-4)


def test_with_one_cut_the_ordinal_loss_is_binary_cross_entropy():
    scores, bins = draw(9), torch.arange(9) % 2
    cut = torch.tensor([0.7])
    expected = F.binary_cross_entropy_with_logits(scores - cut, bins.float())
    assert losses.ordinal_loss(scores, bins, cut) == pytest.approx(
        float(expected), abs=1e-6
    )


def test_scores_and_cuts_that_move_together_leave_the_ordinal_loss():
    scores, bins = draw(10).double(), torch.arange(10) % 5
    loss = losses.ordinal_loss(scores, bins, CUTS)
    moved = losses.ordinal_loss(scores + 5, bins, CUTS + 5)
    assert moved == pytest.approx(float(loss), abs=1e-12)
    assert abs(float(losses.ordinal_loss(scores + 5, bins, CUTS) - loss)) > 0.1


def test_the_ordinal_loss_stays_finite_where_the_difference_rounds_to_zero():
    """sigmoid(c_k - r) - sigmoid(c_(k-1) - r) is exactly 0 in fp32 at r = 100."""
    scores = torch.tensor([100.0, -100.0], requires_grad=True)
    loss = losses.ordinal_loss(scores, torch.tensor([2, 2]), CUTS.float())
    loss.backward()
    assert math.isfinite(loss.item())
    # far out, each unit of score costs one nat
    torch.testing.assert_close(scores.grad, torch.tensor([0.5, -0.5]))


@settings(deadline=None)
@given(st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=9))
def test_cuts_ascend_whatever_the_parameters_are(raw):
    cuts = losses.ordered_cuts(torch.tensor(raw))
    assert (cuts.diff() > 0).all() and cuts[0] == raw[0]


def test_gradients_reach_scores_and_every_cut_parameter():
    raw = draw(4).requires_grad_()
    scores = draw(5, seed=1).requires_grad_()
    losses.ordinal_loss(scores, torch.arange(5), losses.ordered_cuts(raw)).backward()
    assert (scores.grad != 0).all() and (raw.grad != 0).all()


# regression


@pytest.fixture(scope="module")
def tiny():
    """Builds a sequence classifier in the Llama layout, with k labels."""
    transformers = pytest.importorskip("transformers")

    def build(labels, problem=None):
        torch.manual_seed(0)
        return transformers.LlamaForSequenceClassification(
            transformers.LlamaConfig(
                vocab_size=40,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                num_key_value_heads=2,
                pad_token_id=0,
                num_labels=labels,
                problem_type=problem,
            )
        ).eval()

    return build


IDS = torch.tensor([[5, 6, 7, 0], [9, 8, 7, 6], [3, 0, 0, 0]])
MASK = IDS != 0


def test_regression_is_transformers_regression(tiny):
    model, ratings = tiny(1, "regression"), torch.tensor([1.5, -2.0, 0.3])
    theirs = model(IDS, MASK, labels=ratings)
    ours = losses.regression_loss(theirs.logits[:, 0], ratings)
    assert ours.item() == pytest.approx(theirs.loss.item(), abs=1e-6)


@pytest.mark.parametrize("margin", [False, True])
@pytest.mark.parametrize("centering", [None, 0.01])
def test_pairwise_margin_and_centering_are_trls(
    tmp_path, monkeypatch, margin, centering
):
    """Loss and gradient of TRL's RewardTrainer on the same model and batch."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    trl = pytest.importorskip("trl")
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForSequenceClassification

    from course.lm.tokenizer import train_tokenizer

    texts = ["a good film .", "a bad film .", "the plot was good and long ."]
    tokenizer = train_tokenizer(texts, 300)
    rows = [
        {"prompt": "a", "chosen": " good film .", "rejected": " bad ."},
        {"prompt": "the plot", "chosen": " was good .", "rejected": " was bad film ."},
    ]
    if margin:
        rows = [dict(row, margin=m) for row, m in zip(rows, (0.7, -0.4), strict=True)]
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=64,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=tokenizer.bos_token_id,
            num_labels=1,
        )
    )
    trainer = trl.RewardTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=trl.RewardConfig(
            output_dir=str(tmp_path),
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            per_device_train_batch_size=2,
            max_length=48,
            center_rewards_coefficient=centering,
        ),
    )
    batch = next(iter(trainer.get_train_dataloader()))
    weight = model.model.embed_tokens.weight
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    (their_gradient,) = torch.autograd.grad(theirs, weight)

    scores = model(batch["input_ids"], batch["attention_mask"]).logits[:, 0]
    chosen, rejected = scores.chunk(2)
    ours = losses.pairwise_loss(chosen, rejected, batch["margin"] if margin else 0.0)
    if centering:
        ours = ours + centering * losses.centering_loss(chosen, rejected)
    (our_gradient,) = torch.autograd.grad(ours, weight)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    torch.testing.assert_close(our_gradient, their_gradient, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: losses.pairwise_loss(torch.ones(2), torch.ones(3)), "expected the"),
        (lambda: losses.pairwise_loss(torch.ones(0), torch.ones(0)), "at least one"),
        # (batch, 1) against (batch,) would broadcast to every pair of the batch
        (lambda: losses.pairwise_loss(torch.ones(2, 1), torch.ones(2)), "expected the"),
        (lambda: losses.regression_loss(torch.ones(2, 1), torch.ones(2)), "expected"),
        (lambda: losses.centering_loss(torch.ones(2), torch.ones(1)), "expected"),
        (
            lambda: losses.ordinal_loss(torch.zeros(1), torch.tensor([3]), CUTS[:2]),
            "from 3 to 3, expected 0 to 2",
        ),
        (
            lambda: losses.ordinal_loss(torch.zeros(1), torch.tensor([1.0]), CUTS),
            "whole numbers",
        ),
        (
            lambda: losses.ordinal_loss(torch.zeros(1), torch.tensor([1]), -CUTS),
            "ascend",
        ),
        (lambda: losses.ordered_cuts(torch.zeros(0)), "expected"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
