"""Supervised fine-tuning: labels, losses and packing, against transformers and TRL."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import math
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from course.lm import finetuning
from course.lm.finetuning import (
    completion_batch,
    completion_labels,
    completion_loss,
    demonstrations,
    fine_tune,
    masked_mean_loss,
)
from course.lm.interop import to_transformers
from course.lm.lora import adapters, adapters_off, add_adapters
from course.lm.model import GPT, GPTConfig
from course.lm.tokenizer import encode, train_tokenizer

PROMPTS = ["a", "the plot was", "", "the acting"]
COMPLETIONS = [" good film .", " bad .", "a bad film .", " was good and the plot bad"]


@pytest.fixture(scope="module")
def tokenizer():
    words = ["a good film .", "a bad film .", "the plot was good and the acting bad ."]
    return train_tokenizer(words, 300)


def model_for(tokenizer, seed: int = 0) -> GPT:
    torch.manual_seed(seed)
    return GPT(
        GPTConfig(
            vocab_size=len(tokenizer),
            context=48,
            width=32,
            layers=2,
            heads=2,
            kv_heads=1,
            feed_forward=48,
        )
    )


def batch_of(tokenizer, prompts=PROMPTS, completions=COMPLETIONS):
    """ids, labels and lengths of the four demonstrations."""
    rows = demonstrations(tokenizer, prompts, completions, 48)
    ids, given_tokens, lengths = completion_batch(rows, tokenizer.pad_token_id)
    return ids, completion_labels(ids, given_tokens, lengths), lengths


# Labels


def test_labels_are_the_completion_and_its_end_and_nothing_else(tokenizer):
    ids, labels, lengths = batch_of(tokenizer)
    answers = encode(tokenizer, COMPLETIONS, bos=False, eos=True)
    for row, answer, length in zip(labels.tolist(), answers, lengths, strict=True):
        assert [x for x in row if x != -100] == answer
        assert row[length - 1] == tokenizer.eos_token_id
        assert set(row[length:]) <= {-100}
    assert (ids[labels != -100] == labels[labels != -100]).all()


def test_labels_do_not_look_at_token_values():
    """Padding may be any token, the end token too: the disease of pad = eos."""
    ids = torch.full((2, 6), 1)
    labels = completion_labels(ids, torch.tensor([2, 1]), torch.tensor([5, 3]))
    assert labels.tolist() == [[-100, -100, 1, 1, 1, -100], [-100, 1, 1] + [-100] * 3]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1))
def test_as_many_labels_count_as_the_completion_is_long(sizes):
    given_tokens = torch.tensor([prompt for prompt, _ in sizes])
    lengths = torch.tensor([prompt + answer for prompt, answer in sizes])
    ids = torch.arange(len(sizes) * 10).view(-1, 10)
    labels = completion_labels(ids, given_tokens, lengths)
    assert ((labels != -100).sum(1) == lengths - given_tokens).all()


def test_a_demonstration_reads_as_its_text(tokenizer):
    rows = demonstrations(tokenizer, PROMPTS, COMPLETIONS, 48)
    for row, prompt, answer in zip(rows, PROMPTS, COMPLETIONS, strict=True):
        assert row.ids[0] == tokenizer.bos_token_id
        assert row.ids[-1] == tokenizer.eos_token_id
        assert tokenizer.decode(row.ids[1:-1]) == prompt + answer
        assert tokenizer.decode(row.ids[1 : row.prompt_length]) == prompt


def test_bad_demonstrations_are_refused_in_a_sentence(tokenizer):
    with pytest.raises(ValueError, match="got 1 prompts and 2 completions"):
        demonstrations(tokenizer, ["a"], ["b", "c"], 48)
    with pytest.raises(ValueError, match="got 0 prompts"):
        demonstrations(tokenizer, [], [], 48)
    with pytest.raises(ValueError, match="got an empty completion of 'a film'"):
        demonstrations(tokenizer, ["a film"], [""], 48)
    with pytest.raises(ValueError, match="expected at most the context of 48"):
        demonstrations(tokenizer, ["a"], [" good" * 60], 48)


# Losses


def test_the_masked_mean_is_the_sum_over_the_number_counted():
    logprobs = torch.tensor([[-1.0, -2.0, -6.0], [-3.0, -9.0, -9.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    assert masked_mean_loss(logprobs, mask) == 12 / 4


def test_what_is_not_counted_may_be_infinite_and_gets_no_gradient():
    logprobs = torch.tensor([[-1.0, -math.inf]], requires_grad=True)
    loss = masked_mean_loss(logprobs, torch.tensor([[True, False]]))
    loss.backward()
    assert loss == 1
    assert logprobs.grad.tolist() == [[-1, 0]]


def test_micro_batches_with_the_whole_divisor_add_up():
    torch.manual_seed(0)
    logprobs, mask = -torch.rand(4, 5), torch.rand(4, 5) < 0.5
    parts = [
        masked_mean_loss(logprobs[i : i + 1], mask[i : i + 1], mask.sum())
        for i in range(4)
    ]
    torch.testing.assert_close(sum(parts), masked_mean_loss(logprobs, mask))


def test_nothing_counted_is_not_a_number_and_other_shapes_are_refused():
    nothing = torch.zeros(1, 2, dtype=torch.bool)
    assert masked_mean_loss(torch.zeros(1, 2), nothing).isnan()
    with pytest.raises(ValueError, match="expected the same shape"):
        masked_mean_loss(torch.zeros(2, 2), nothing)


def test_the_loss_is_that_of_transformers_with_the_same_labels(tokenizer):
    model = model_for(tokenizer)
    llama = to_transformers(model)
    ids, labels, lengths = batch_of(tokenizer)
    mask = torch.arange(ids.shape[1]) < lengths[:, None]
    ours = completion_loss(model(ids), labels)
    theirs = llama(input_ids=ids, attention_mask=mask.long(), labels=labels).loss
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    ours.backward()
    theirs.backward()
    torch.testing.assert_close(
        model.embedding.weight.grad,
        llama.model.embed_tokens.weight.grad,
        rtol=0,
        atol=1e-6,
    )


def test_the_loss_is_that_of_trl_on_prompts_and_completions(tokenizer, tmp_path):
    """TRL adds the end token to the completion itself, and no start token."""
    trl = pytest.importorskip("trl")
    from datasets import Dataset

    model = model_for(tokenizer)
    start = tokenizer.bos_token
    rows = [
        {"prompt": start + prompt, "completion": completion}
        for prompt, completion in zip(PROMPTS, COMPLETIONS, strict=True)
    ]
    trainer = trl.SFTTrainer(
        model=to_transformers(model),
        args=trl.SFTConfig(
            output_dir=str(tmp_path), max_length=48, use_cpu=True, bf16=False,
            gradient_checkpointing=False, report_to="none", save_strategy="no",
            disable_tqdm=True, max_steps=1, per_device_train_batch_size=4,
            completion_only_loss=True, loss_type="nll", seed=0,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    ids, labels, _ = batch_of(tokenizer)
    found = {tuple(x for x in row if x != -100) for row in batch["labels"].tolist()}
    assert found == {tuple(x for x in row if x != -100) for row in labels.tolist()}
    theirs = trainer.compute_loss(trainer.model, dict(batch))
    ours = completion_loss(model(ids), labels)
    torch.testing.assert_close(ours, theirs.detach().cpu(), rtol=0, atol=1e-6)


def test_prompt_and_padding_get_exactly_no_gradient(tokenizer):
    ids, labels, lengths = batch_of(tokenizer)
    logits = model_for(tokenizer)(ids).detach().requires_grad_()
    completion_loss(logits, labels).backward()
    # The logits at position i answer for the label at i + 1.
    answers = F.pad(labels[:, 1:], (0, 1), value=-100) != -100
    pulled = (logits.grad != 0).any(-1)
    assert torch.equal(pulled, answers)


def test_padding_moves_no_loss_and_no_weight(tokenizer):
    model = model_for(tokenizer)
    ids, labels, _ = batch_of(tokenizer)
    wide = F.pad(ids, (0, 5), value=7)
    more = F.pad(labels, (0, 5), value=-100)
    gradients = []
    for some, what in ((ids, labels), (wide, more)):
        model.zero_grad()
        loss = completion_loss(model(some), what)
        loss.backward()
        gradients.append((loss, model.embedding.weight.grad.clone()))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=1e-6)


def test_the_loss_is_behaviour_cloning(tokenizer):
    """The policy gradient on demonstrations with an advantage of 1 is this gradient."""
    from course.lm.objective import token_logprobs
    from course.policy.losses import reinforce_loss

    model = model_for(tokenizer)
    ids, labels, _ = batch_of(tokenizer)
    mask = labels[:, 1:] != -100
    logits = model(ids)
    logprobs = token_logprobs(logits[:, :-1], ids[:, 1:])
    cloned = reinforce_loss(logprobs, torch.ones(len(ids)), mask)
    tuned = completion_loss(logits, labels)
    assert torch.equal(cloned, tuned)
    one, two = (
        torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
        for loss in (cloned, tuned)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


# Training


def tuned(tokenizer, model=None, **options):
    model = model_for(tokenizer) if model is None else model
    history = fine_tune(
        model, tokenizer, PROMPTS, COMPLETIONS,
        generator=torch.Generator().manual_seed(0),
        **{"steps": 60, "batch_size": 4, "learning_rate": 0.02} | options,
    )  # fmt: skip
    return model, history


def greedy(model, tokenizer, prompt: str) -> str:
    from course.lm.sampling import write

    return write(model, tokenizer, [prompt], max_new_tokens=20, top_k=1)[0]


def test_a_fine_tuned_model_knows_its_demonstrations_by_heart_and_stops(tokenizer):
    model, history = tuned(tokenizer)
    assert not model.training
    assert history["loss"][0] == pytest.approx(math.log(len(tokenizer)), rel=0.1)
    for prompt, completion in zip(PROMPTS, COMPLETIONS, strict=True):
        if prompt:  # the others begin like it
            assert greedy(model, tokenizer, prompt) == completion


def test_a_model_that_never_has_the_end_as_a_label_runs_on(tokenizer):
    model, _ = tuned(
        tokenizer,
        make_labels=lambda ids, given, n: completion_labels(ids, given, n - 1),
    )
    written = greedy(model, tokenizer, "the plot was")
    assert written.startswith(" bad .") and len(written) > len(" bad .")


def test_measures_are_logged_before_between_and_after(tokenizer):
    seen = iter(range(100))
    _, history = tuned(
        tokenizer, steps=5, every=2, measure=lambda: {"bits": next(seen)}
    )
    assert history.steps("bits") == [0, 2, 4, 5]
    assert history["bits"] == [0, 1, 2, 3]
    assert history.steps("loss") == [0, 1, 2, 3, 4]


def test_the_same_seed_fine_tunes_the_same_model(tokenizer):
    (one, _), (two, _) = tuned(tokenizer, steps=4), tuned(tokenizer, steps=4)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(p, q)


def test_with_adapters_only_the_adapters_train(tokenizer):
    model = model_for(tokenizer)
    before = deepcopy(model)
    add_adapters(model, rank=2, alpha=4.0)
    tuned(tokenizer, model, steps=3)
    ids = batch_of(tokenizer)[0]
    with adapters_off(model):
        assert torch.equal(model(ids), before(ids))
    assert not torch.allclose(model(ids), before(ids))
    assert all(adapter.b.any() for adapter in adapters(model).values())


def test_the_stop_button_keeps_what_was_learned(tokenizer, monkeypatch, capsys):
    calls, norm = iter(range(100)), finetuning.descend

    def interrupted(*arguments):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return norm(*arguments)

    monkeypatch.setattr(finetuning, "descend", interrupted)
    model, history = tuned(tokenizer)
    assert len(history["loss"]) == 3
    assert "stopped after 3 of 60 steps" in capsys.readouterr().out
    assert not model.training


def test_a_loss_that_is_not_finite_is_said_and_the_model_before_it_kept(tokenizer):
    model = model_for(tokenizer)
    before = deepcopy(model)
    with pytest.raises(ValueError, match="got loss nan at step 0"):
        tuned(
            tokenizer,
            model,
            make_labels=lambda ids, given, n: torch.full_like(ids, -100),
        )
    for p, q in zip(model.parameters(), before.parameters(), strict=True):
        assert torch.equal(p, q) and p.grad is None


def test_a_tokenizer_that_does_not_fit_is_refused(tokenizer):
    small = GPT(GPTConfig(vocab_size=40, width=16, layers=1, heads=2, kv_heads=1))
    with pytest.raises(ValueError, match="expected at most the model's vocabulary"):
        tuned(tokenizer, small)


# Without padding


def lengths_of_reviews() -> list[int]:
    """Unequal lengths as reviews have them: from 6 to 94 tokens, most near 33."""
    draws = torch.randn(64, generator=torch.Generator().manual_seed(0))
    return (3.45 + 0.55 * draws).exp().clamp(6, 94).int().tolist()


def test_the_parts_of_a_batch_have_the_loss_and_the_gradient_of_the_whole(products):
    torch.manual_seed(0)
    config = GPTConfig(50, 96, width=24, layers=2, heads=2, kv_heads=1, feed_forward=32)
    model = GPT(config).double()
    rows = [
        finetuning.Demonstration(torch.randint(3, 50, (n,)).tolist(), n // 4)
        for n in lengths_of_reviews()
    ]
    ids, given, lengths = completion_batch(rows, 2)
    whole = completion_loss(model(ids), completion_labels(ids, given, lengths))
    theirs = torch.autograd.grad(whole, list(model.parameters()))
    computed = []
    hook = model.register_forward_pre_hook(lambda m, x: computed.append(x[0].numel()))
    ours = finetuning._backward_in_parts(model, rows, 2, completion_labels)
    hook.remove()
    torch.testing.assert_close(ours, whole.detach())
    gradients = [parameter.grad for parameter in model.parameters()]
    torch.testing.assert_close(gradients, list(theirs))
    real = int(lengths.sum())
    assert 1 - real / ids.numel() > 0.4  # of the batch in one piece
    assert 1 - real / sum(computed) <= 0.05
