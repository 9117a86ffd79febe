# %% [markdown] id="04-title"
# # 4 · Supervised fine-tuning
#
# A model that has read four kinds of text learns to finish movie reviews, and to stop;
# you see what it gains, what it forgets, and how few weights it takes.
#
# When you have read this chapter you can:
#
# - turn a prompt and a completion into ids, labels and a loss;
# - say which tokens pull at the model, and prove that the others do not;
# - pack texts into rows so that no text sees its neighbour;
# - measure what fine-tuning wins, what it forgets, and whether texts end;
# - train low-rank adapters in place of the weights, and switch them off again;
# - write a conversation in the one spelling that a chat model knows.

# %% [markdown] id="04-base-text"
# ## A model that can only go on
#
# **Pretraining** is next-token prediction on whatever text there is. Our pretrained
# model has the shape of the one in [chapter 02](02_transformer.ipynb). It has read the
# training texts of all four sources: movie and product reviews, news, tweets. Each text
# began with `<bos>`, and none was closed with `<eos>`. So the model has *never seen an
# end*. The start of a chat model's life is much the same: the mark that ends its turns
# is new to it.

# %% id="04-base"
from course import checkpoints, claim
from course.data import reviews
from course.lm.sampling import write
from course.runtime import generator

base = checkpoints.load("pretrained")
pretrained, tokenizer = base.model, base.tokenizer
for name, value in checkpoints.recipe("pretrained").settings.items():
    print(f"{name}: {value}")
for source in reviews.SOURCES:
    bits = base.metrics[f"bits_per_byte_{source}"]
    print(f"{source:<9} {bits:.2f} bits per byte, held out")
for text in write(pretrained, tokenizer, ["This movie"] * 2, generator=generator(0)):
    print("This movie |" + text[:75] + "…")

# %% [markdown] id="04-data-text"
# ## Demonstrations
#
# [**Supervised fine-tuning**](../GLOSSARY.md#language-model) shows the model what to
# do: a [**demonstration**](../GLOSSARY.md#language-model) is a prompt with the
# completion that we want. Here the prompt is the two opening words of a review, the
# completion is the rest. Only reviews of at most 40 tokens are kept, so that a whole
# one fits into the 48 tokens that the model may write later.

# %% id="04-data"
from course.lm.tokenizer import encode


def cut(text, words=2):
    """A demonstration: the opening words and the rest of the text."""
    text = " ".join(text.split())
    prompt = " ".join(text.split()[:words])
    return prompt, text[len(prompt) :]


def short(split, tokens=40):
    """The demonstrations of one split whose text has at most 40 tokens."""
    texts = [t for t in reviews.texts("movies", split) if len(t.split()) > 2]
    rows = zip(texts, encode(tokenizer, texts), strict=True)
    return [cut(text) for text, row in rows if len(row) <= tokens]


prompts, completions = zip(*short("train"), strict=True)
held_prompts, held_completions = zip(*short("validation"), strict=True)

# %% id="04-data-claim" tags=["nbval-check-output"]
print(len(prompts), "demonstrations,", len(held_prompts), "held out")
print(f"{prompts[1]!r} -> {completions[1]!r}")
trained_on = set(zip(prompts, completions, strict=True))
both = trained_on & set(zip(held_prompts, held_completions, strict=True))
claim("no held-out review is among the demonstrations", not both, shared=len(both))

# %% [markdown] id="04-labels-text"
# ## Labels
#
# The model is to learn the completion *given* the prompt. The prompt's own
# tokens were not its choice, and padding is no text at all. So every position
# gets a [**label**](../GLOSSARY.md#language-model): the id that is expected
# there, or −100, which torch and transformers read as "does not count". The end
# token is a label: it is the only thing that teaches stopping.
#
# Two lengths decide, the prompt's and the whole text's. Token values never do.

# %% id="04-labels" tags=["nbval-check-output"]
from course.lm.finetuning import completion_batch, completion_labels, demonstrations

context = pretrained.config.context
pad, eos = tokenizer.pad_token_id, tokenizer.eos_token_id
two = ["A film", "Dull"], [" to love.", "!"]
ids, prompt_lengths, lengths = completion_batch(
    demonstrations(tokenizer, *two, context), pad
)
labels = completion_labels(ids, prompt_lengths, lengths)  # (batch, time)
for row, label in zip(ids, labels, strict=True):
    print(" ".join(tokenizer.convert_ids_to_tokens(row.tolist())))
    print("  counted:", (label != -100).int().tolist())

# %% id="04-labels-claim" tags=["nbval-check-output"]
counted = int((labels != -100).sum())
fits = counted == int((lengths - prompt_lengths).sum())
claim("as many tokens count as the completions have", fits, counted=counted)
ends = (labels == eos).sum(1)
claim("every text has its end among the labels", bool((ends == 1).all()))

# %% [markdown] id="04-play-text"
# ## Play: what counts
#
# The table shows one demonstration in full. In the panel below it you can type your own
# prompt and completion, count the prompt too, or take the end away. The code-only way
# is `show_completion_labels(tokenizer, prompt, completion, count_end=False)`.

# %% id="04-play-table" tags=["nbval-check-output"]
from course.widgets import label_viewer, show_completion_labels

show_completion_labels(tokenizer, "A film", " to love.")

# %% id="04-play" tags=["widget"]
label_viewer(tokenizer, "A film", " to love.")

# %% [markdown] id="04-loss-text"
# ## The loss
#
# Let $m_{b,t}$ be 1 where a token counts and 0 elsewhere. The loss is that of [chapter
# 01](01_language_model_objective.ipynb), over the counted tokens only:
#
# $$ L = -\frac{\sum_{b,t} m_{b,t} \log p(y_{b,t} \mid y_{b,<t})}
#              {\sum_{b,t} m_{b,t}}. $$
#
# The divisor is one number for the *whole batch*. Whoever averages inside each text
# first, and then over texts, lets a token of a short text weigh more than one of a long
# text. The same happens when micro-batches are averaged as if they were equally long.
#
# **Predict first.** A text has 1 counted token that costs 1 nat, another has 9 that
# cost 2 nats each. What is the loss, and what is the mean of the two texts' means?
#
# <details><summary>Answer</summary>
#
# The loss is (1 + 18) / 10 = 1.9 nats per token; the mean of means is 1.5.
#
# </details>

# %% id="04-loss" tags=["nbval-check-output"]
import torch

from course.lm.finetuning import masked_mean_loss

logp = -torch.tensor([[1.0] + [0.0] * 8, [2.0] * 9])  # (batch, time), nats
m = torch.tensor([[1] + [0] * 8, [1] * 9])
L = -(m * logp).sum() / m.sum()
means = -(m * logp).sum(1) / m.sum(1)  # (batch,)
print(f"loss {L:.1f}, mean of means {means.mean():.1f}")
claim("the course's function is this line", bool(masked_mean_loss(logp, m) == L))

# %% id="04-loss-torch" tags=["nbval-check-output"]
import torch.nn.functional as F

from course.lm.finetuning import completion_loss

with torch.no_grad():
    logits = pretrained(ids.to(pretrained.device)).cpu()
theirs = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
off = float((completion_loss(logits, labels) - theirs).abs())
claim("on logits it is torch's cross-entropy, which ignores -100", off < 1e-6)

# %% [markdown] id="04-pull-text"
# ## Which tokens pull?
#
# The logits at position $i$ predict token $i + 1$. Logits that predict no label should
# get no gradient at all: not a small one, but exactly 0. We ask autograd.

# %% id="04-pull"
import matplotlib.pyplot as plt

from course import plots

answers = logits.clone().requires_grad_()
completion_loss(answers, labels).backward()
pull = answers.grad.abs().sum(-1)  # (batch, time)
predicts = F.pad(labels[:, 1:], (0, 1), value=-100) != -100  # a label comes next
names = tokenizer.convert_ids_to_tokens(ids[0].tolist())
_, axes = plt.subplots()
axes.bar(range(len(names)), pull[0])
axes.set_xticks(range(len(names)), [name.replace("Ġ", "␣") for name in names])
title = "Only logits that predict a label are pulled"
alt = """One bar per token. <bos> and the first word of the prompt have none; the last
prompt token has one, because its logits predict the completion's first token; the end
token has none, because it predicts nothing."""
plots.finish(axes, title, "token at the position", "sum of |gradient|", alt)

# %% id="04-pull-claim" tags=["nbval-check-output"]
exactly = bool((pull[~predicts] == 0).all())
claim("logits that predict no label get exactly no gradient", exactly)
least = float(pull[predicts].min())
claim("logits that predict a label get some", least > 0, least=least)

# %% [markdown] id="04-clone-text"
# Look at the last token of the prompt: it is no label, and its logits are pulled,
# because they answer for the first token of the completion. And the prompt is not
# without influence: every counted logit has *read* it. What is 0 is the gradient of the
# logits that predict the prompt.
#
# ## The same thing seen from part III
#
# To imitate a teacher is called **behaviour cloning**. [Chapter
# 09](09_policy_gradients.ipynb) will derive a loss for a model that learns from its own
# texts: $L = -\operatorname{mean}(A \log p)$, where $A$ says how much better a text was
# than usual. Give every text of the teacher
# $A = 1$, and it is the loss above.

# %% id="04-clone" tags=["nbval-check-output"]
from course.lm.objective import token_logprobs
from course.policy.losses import reinforce_loss

on = pretrained.device
logits = pretrained(ids.to(on))
logprobs = token_logprobs(logits[:, :-1], ids[:, 1:].to(on))
A = torch.ones(len(ids), device=on)  # every demonstration is as good as any
cloning = reinforce_loss(logprobs, A, (labels[:, 1:] != -100).to(on))
tuning = completion_loss(logits, labels.to(on))
weights = list(pretrained.parameters())
by_policy = torch.autograd.grad(cloning, weights, retain_graph=True)
by_tuning = torch.autograd.grad(tuning, weights)
pairs = zip(by_policy, by_tuning, strict=True)
off = max(float((left - right).abs().max()) for left, right in pairs)
claim("fine-tuning is the policy gradient with A = 1", off < 1e-6)

# %% [markdown] id="04-train-text"
# So for this loss the difference from reinforcement learning is who wrote the
# completion and what advantage it gets. A teacher's text always counts as
# right, and there is no way to say *how* good it was. Part III changes both.
#
# ## Fine-tune
#
# 100 steps of 32 demonstrations with AdamW. Every 20 steps we stop and look: bits per
# byte on held-out movie reviews and on held-out news, the share of texts that end, and
# one text that the model writes from a **fixed prompt** with fixed random numbers. Ends
# are left out of the bits per byte, so that a model that never saw one can be compared.
#
# **Predict first.** Movie reviews are what it learns. What happens to news, of which it
# now sees none? And what is learned first: the reviews, or to stop?
#
# <details><summary>How to think about it</summary>
#
# Nothing in the loss speaks for news. Weights that served both are free to move towards
# reviews alone. It is called [**forgetting**](../GLOSSARY.md#language-model), and it is
# not a fault of the code. And `<eos>` stands in every text and was never right before,
# so what it asks for is the same in every batch, and adds up.
#
# </details>

# %% id="04-measure"
from course.lm.evaluation import bits_per_byte_of
from course.lm.sampling import generate
from course.lm.tokenizer import pad_batch

pieces = zip(held_prompts, held_completions, strict=True)
held_out = {
    "movie reviews": [prompt + rest for prompt, rest in pieces][:150],
    "news": reviews.texts("news", "validation")[:150],
}


def share_ended(model, n=128):
    """Share of texts from held-out prompts that end within 48 tokens."""
    rows = encode(tokenizer, held_prompts[:n], eos=False)
    parts = [part.to(model.device) for part in pad_batch(rows, pad, side="left")]
    options = {"max_new_tokens": 48, "eos_id": eos, "pad_id": pad}
    wrote = generate(model, *parts, generator=generator(1), **options)
    return wrote.ended.double().mean().item()


# %% id="04-look"
def look_at(model, diary):
    """What is measured during training; texts go into `diary`."""

    def measure():
        (text,) = write(model, tokenizer, ["This movie"], generator=generator(2))
        diary.append(text)
        seen = {
            name: bits_per_byte_of(model, tokenizer, texts, ends=False)
            for name, texts in held_out.items()
        }
        return seen | {"ended": share_ended(model)}

    return measure


# %% id="04-train"
# seeds tried: 0, 1, 2 (of the order): gain .044 .042 .039, news lost .118 .114 .114
from copy import deepcopy

from course.lm.finetuning import fine_tune

options = {"batch_size": 32, "steps": 100, "learning_rate": 1e-3}
tuned, diary = deepcopy(pretrained), []
history = fine_tune(
    tuned,
    tokenizer,
    prompts,
    completions,
    generator=generator(0),
    measure=look_at(tuned, diary),
    **options,
)
for step, text in zip(history.steps("ended"), diary, strict=True):
    shown = text if len(text) < 76 else text[:75] + "…"
    print(f"step {step:>3}: This movie |{shown}")

# %% [markdown] id="04-curve-text"
# The text at step 0 is cut off, the later ones end. They get no cleverer: a model of
# two million weights writes word salad before and after. What changed is the *form*,
# and that within the first 20 steps.
#
# Look at the loss, as you should after every training.

# %% id="04-curve"
loss = torch.tensor(history["loss"])
smooth = loss.unfold(0, 10, 1).mean(1)  # mean of ten steps
_, axes = plt.subplots()
axes.plot(loss, ".", alpha=0.4, label="each step")
axes.plot(range(9, len(loss)), smooth, label="mean of the last 10 steps")
title = f"The loss falls from {loss[:3].mean():.1f} to {smooth[-1]:.1f} nats per token"
alt = """Dots for each step and a line for the mean of ten: a steep fall in the first
twenty steps, then a slow, uneven one with much scatter."""
plots.finish(axes, title, "step of fine-tuning", "loss (nats per token)", alt)

# %% [markdown] id="04-split-text"
# How much of this fall is `<eos>`, one token in each text? Split the loss of held-out
# demonstrations: the end tokens alone, and all other labels.


# %% id="04-split"
@torch.no_grad()
def split_loss(model):
    """Held-out nats per token: of the end tokens and the others; others per end."""
    few = held_prompts[:128], held_completions[:128]
    batch = completion_batch(demonstrations(tokenizer, *few, context), pad)
    targets = completion_labels(*batch)[:, 1:]
    logits = model(batch[0].to(on))[:, :-1]
    nats = -token_logprobs(logits, batch[0][:, 1:].to(on)).cpu()
    ends, others = targets == eos, (targets != -100) & (targets != eos)
    per_end = float(others.sum() / ends.sum())
    return float(nats[ends].mean()), float(nats[others].mean()), per_end


cost = {"before": split_loss(pretrained), "after": split_loss(tuned)}
for name, (of_ends, of_others, _) in cost.items():
    print(f"{name:<7} ends {of_ends:.2f}, other labels {of_others:.2f} nats per token")

# %% id="04-split-claim" tags=["nbval-check-output"]
ends_fall, others_fall = (cost["before"][k] - cost["after"][k] for k in (0, 1))
claim("an end token costs over 3 nats less", ends_fall > 3, fall=ends_fall)
claim("other labels change by less than 0.5", abs(others_fall) < 0.5, fall=others_fall)
share = ends_fall / (ends_fall + others_fall * cost["after"][2])
claim("more than half of the whole fall is the end token", share > 0.5, share=share)

# %% [markdown] id="04-signature-text"
# Most of the fall is the end token. It cost many nats, as a token that
# pretraining had never asked for, and it was learned in the first steps; the
# words cost almost what they did. What about the texts themselves? Back to bits
# per byte.

# %% id="04-signature"
change = {name: torch.tensor(history[name]) - history[name][0] for name in held_out}
reviews_gain, news_loss = -float(change["movie reviews"][-1]), float(change["news"][-1])
plots.curves(
    {name: (history.steps(name), change[name].tolist()) for name in held_out},
    title="It learns reviews and forgets news",
    x="step of fine-tuning",
    y="bits per byte, change",
    levels={"pretrained": 0.0},
    alt="Two lines start at 0. The one for news rises early and stays up. The one for "
    "reviews rises a little at first, then falls and ends below 0, a smaller distance.",
)
for name in held_out:
    print(f"{name}: {history[name][0]:.3f} -> {history[name][-1]:.3f} bits per byte")
print("share that ends:", *(f"{share:.2f}" for share in history["ended"]))

# %% id="04-train-claim" tags=["nbval-check-output"]
gains = reviews_gain > 0.015
claim("reviews cost 0.015 bits per byte less, or more", gains, gain=reviews_gain)
forgets = news_loss > 0.05
claim("news cost at least 0.05 bits per byte more", forgets, lost=news_loss)
early = history["ended"][2]  # after 40 steps
claim("after 40 steps most texts end", early > 0.7, share=early)

# %% [markdown] id="04-length-text"
# The first steps harm both: news is lost before reviews have gained anything.
# After that reviews improve, and news does not come back. The balance is bad,
# much news for little on reviews. One reason is the learning rate, as you will
# see below. Another is probably that the model knew reviews from pretraining,
# and little was left to win. Against forgetting some of the old texts can be
# mixed in: InstructGPT did so in its last step ([Ouyang and others,
# 2022](https://arxiv.org/abs/2203.02155)).
#
# (Above, the recipe printed more bits per byte for movies than we start from
# here. The texts are others: here only short ones. The next cell shows that
# longer texts cost more, and most of all those beyond 64 tokens. Pretraining
# read rows of 64: perhaps the positions beyond them are the reason.)

# %% id="04-length"
movies = reviews.texts("movies", "validation")
tokens = [len(row) for row in encode(tokenizer, movies, eos=False)]
for low, high in ((1, 40), (41, 64), (65, 999)):
    some = [t for t, n in zip(movies, tokens, strict=True) if low <= n <= high]
    bits = bits_per_byte_of(pretrained, tokenizer, some, ends=False)
    print(
        f"{low:>2} to {high:>3} tokens, {len(some):>3} texts: {bits:.3f} bits per byte"
    )

# %% [markdown] id="04-trainer-text"
# ## The same loop in transformers
#
# Elsewhere you will rarely write this loop. The [`Trainer` of
# transformers](https://huggingface.co/docs/transformers/main_classes/trainer)
# takes a model, rows of ids and labels, and arguments. Its defaults differ from
# ours, so we set them, and give both the same work: 64 demonstrations in one
# batch, five times.
#
# **Predict first.** How far apart are the losses?
#
# <details><summary>How to think about it</summary>
#
# The loss is the same mean over all counted tokens of the batch, and so are AdamW, the
# cosine and the limit on the gradient's norm, 1. Only rounding is left.
#
# </details>

# %% id="04-trainer"
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

work = {"num_train_epochs": 5, "per_device_train_batch_size": 64}
work |= {"learning_rate": 1e-3, "lr_scheduler_type": "cosine"}
others = {"logging_steps": 1, "save_strategy": "no", "report_to": "none"}
others |= {"disable_tqdm": True, "use_cpu": on.type == "cpu"}
for name in work:
    print(f"the default of {name}: {getattr(TrainingArguments, name)}")
rows = demonstrations(tokenizer, prompts[:64], completions[:64], context)
data = [{"input_ids": row, "labels": [-100] * n + row[n:]} for row, n in rows]

# %% id="04-trainer-run"
from tempfile import TemporaryDirectory

from course.lm.interop import to_transformers

with TemporaryDirectory() as folder:
    arguments = TrainingArguments(folder, **work, **others)
    collator = DataCollatorForSeq2Seq(tokenizer)  # pads ids, and labels with -100
    llama = to_transformers(pretrained, tokenizer)
    trainer = Trainer(llama, arguments, collator, data)
    trainer.train()
five = {"steps": 5, "batch_size": 64, "learning_rate": 1e-3, "warmup": 0}
copy, some = deepcopy(pretrained), (prompts[:64], completions[:64])
ours = fine_tune(copy, tokenizer, *some, generator=generator(0), **five)["loss"]

# %% id="04-trainer-claim" tags=["nbval-check-output"]
logs = trainer.state.log_history
theirs = [row["loss"] for row in logs if "loss" in row]
off = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
claim("the five losses are the same to 0.001 nats", off < 1e-3, off=off)

# %% [markdown] id="04-end-text"
# ## Do the texts end?
#
# Three models are compared: the pretrained one, ours, and a **negative control**:
# fine-tuned as ours, but for 40 steps and with the length of each text taken one too
# short, so that `<eos>` is no label.


# %% id="04-control"
def without_end(ids, prompt_lengths, lengths):
    return completion_labels(ids, prompt_lengths, lengths - 1)


control = deepcopy(pretrained)
fine_tune(
    control,
    tokenizer,
    prompts,
    completions,
    make_labels=without_end,
    generator=generator(0),
    **options | {"steps": 40},
)
(text,) = write(control, tokenizer, ["This movie"], generator=generator(2))
print(f"control: This movie |{text[:75]}…")

# %% id="04-end"
ended = {
    "pretrained": share_ended(pretrained, 256),
    "fine-tuned": share_ended(tuned, 256),
    "fine-tuned, end not counted": share_ended(control, 256),
}
plots.ladder(
    ended,
    title="Nearly all texts end once the end was a label, hardly any otherwise",
    x="share of texts that end within 48 tokens",
    alt="Three bars; the fine-tuned model's is near 1, the other two are at about 0.",
)

# %% id="04-end-claim" tags=["nbval-check-output"]
never, stops, other = ended.values()
claim("9 in 10 texts of the fine-tuned model end, or more", stops >= 0.9, share=stops)
claim("the pretrained model hardly ever stops", never < 0.02, share=never)
claim("nor does the control", other < 0.02, share=other)

# %% [markdown] id="04-examined-text"
# The control had fewer steps than ours; after as many, most of our texts ended. More
# steps cannot help it: no term of its loss ever asks for `<eos>`, and every other token
# that is a label pushes it down.
#
# ## A common description, examined
#
# > "The tokenizer has no padding token, so we set `pad_token = eos_token`. That is
# > harmless: padding is masked anyway."
#
# Padding is masked, yes. But *how* does the code know what is padding? Three ways are
# in use. By *length*, as above. By *value*: a label becomes −100 where the id is
# the padding id. Or by value *but the first*: of all end tokens in a row the first
# stays a label.

# %% id="04-examined" tags=["nbval-check-output"]
rows = demonstrations(tokenizer, prompts[:64], completions[:64], context)
ids_64, given_64, lengths_64 = completion_batch(rows, pad_id=eos)  # pad = eos
honest = completion_labels(ids_64, given_64, lengths_64)
is_eos = ids_64 == eos
by_value = honest.masked_fill(is_eos, -100)
but_first = ids_64.masked_fill(is_eos & (is_eos.cumsum(1) > 1), -100)
but_first = but_first.masked_fill(
    torch.arange(ids_64.shape[1]) < given_64[:, None], -100
)
for name, made in (("length", honest), ("value", by_value), ("value, but", but_first)):
    print(f"ends among the labels, by {name}: {int((made == eos).sum())}")

# %% id="04-examined-claim" tags=["nbval-check-output"]
same = torch.equal(by_value, without_end(ids_64, given_64, lengths_64))
claim("labels by value are those of the control, which never stops", same)
claim("keeping the first end repairs it", torch.equal(but_first, honest))
own = completion_batch(rows, pad)[0]
cares = not torch.equal(completion_labels(own, given_64, lengths_64), honest)
claim("labels by length do not care what the padding is", not cares)

# %% [markdown] id="04-pack-text"
# So the description is half right. With labels made from lengths, padding may
# be any token. With labels made by value alone, it is the control above: every
# end is lost, and the model never stops. Our tokenizer keeps `<pad>` and
# `<eos>` apart *and* our labels come from lengths.
#
# ## Packing
#
# Texts differ in length, so a padded batch is partly empty, and empty places cost as
# much as full ones. [**Packing**](../GLOSSARY.md#language-model) puts several texts
# into one row. Each must be treated as if it stood alone: it may not see its
# neighbours. The **segments** say which text a token belongs to.

# %% id="04-pack"
from course.lm.packing import pack_sequences

texts = [row.ids for row in rows]
packed_ids, segments, positions = pack_sequences(texts, 96, pad)
padded = max(map(len, texts)) * len(texts)
print(f"{len(texts)} texts, {sum(map(len, texts))} tokens")
print(f"padded {padded} places, packed {packed_ids.numel()} in {len(packed_ids)} rows")
print("text lengths of the first row:", segments[0].bincount()[1:].tolist())
in_row = [torch.tensor([t], device=on) for t in texts[: segments[0].max()]]
with torch.no_grad():
    packed = pretrained(packed_ids.to(on), segments=segments.to(on))[0].cpu()
    blind = pretrained(packed_ids.to(on))[0].cpu()  # no segments
    alone = torch.cat([pretrained(text)[0].cpu() for text in in_row])

# %% id="04-pack-claim" tags=["nbval-check-output"]
n, n_first = len(alone), len(texts[0])
off = float((packed[:n] - alone).abs().max())
claim("with segments the logits are those of each text alone", off < 1e-3)
disturbed = float((blind[:n] - alone).abs().max())
claim("without them texts disturb each other", disturbed > 0.1, by=disturbed)
off = float((blind[:n_first] - alone[:n_first]).abs().max())
claim("the first text of a row has nothing to be disturbed by", off < 1e-3)

# %% id="04-pack-figure"
visible = (segments[0][:, None] == segments[0]).tril() & (segments[0] > 0)
_, axes = plt.subplots(figsize=(4.2, 4.2))
axes.imshow(visible, cmap="Blues", interpolation="nearest")
axes.grid(False)
title = "Each text sees its own past and nothing else"
alt = """A square of 96 by 96. Dark triangles stand along the diagonal, one per text;
all else is white."""
plots.finish(axes, title, "token that is seen", "token that looks", alt)

# %% [markdown] id="04-positions-text"
# Must the **positions** start at 0 again in every text, too? For a model with *learned*
# absolute positions, such as GPT-2, yes: a text that stands in the middle of a row
# would get other vectors. Ours has rotary positions, and they are **relative**: only
# the distance of two tokens enters. **Predict first:** what happens if the positions
# simply run on through the row?
#
# <details><summary>Answer</summary>
#
# Nothing but rounding changes: the distances inside a text are the same.
#
# </details>

# %% id="04-positions"
from course.lm.layers import rotary_angles, visible_positions


@torch.no_grad()
def with_positions(places):
    """Logits of the first packed row when its tokens stand at `places`."""
    config = pretrained.config
    angles = rotary_angles(
        places.to(on), config.width // config.heads, config.rope_base
    )
    same_text = segments[:1, :, None] == segments[:1, None]
    mask = visible_positions(96, 96, same_text.to(on), on)
    stream = pretrained.embedding(packed_ids[:1].to(on))
    for layer, block in enumerate(pretrained.blocks):
        stream = block(stream, angles, mask, None, layer)
    return pretrained.head(pretrained.norm(stream))[0].cpu()


# %% id="04-positions-claim" tags=["nbval-check-output"]
restart, run_on = with_positions(positions[:1]), with_positions(torch.arange(96))
off = float((restart[:n] - packed[:n]).abs().max())
claim("with positions from 0 it is the model's own pass", off < 1e-3)
off = float((run_on[:n] - packed[:n]).abs().max())
claim("positions that run on change nothing but rounding", off < 1e-2)

# %% [markdown] id="04-lora-text"
# So for the logits one thing must be arranged, the mask; for learned positions
# it is two. (In training, no label may cross from text to text. Here none does:
# each text begins with a prompt, and prompts have no labels.)
#
# ## Low-rank adapters
#
# Must all weights move? [**LoRA**](../GLOSSARY.md#language-model) freezes a weight
# matrix $W$ and learns a correction of low rank $r$ beside it, two thin matrices $B$
# and $A$:
#
# $$ y = W x + \frac{\alpha}{r} B A x. $$
#
# $B$ starts at 0, so at first nothing changes. Here is the whole layer of the course.

# %% id="04-lora-source"
import inspect

from course.lm.lora import LowRank

print(inspect.getsource(LowRank))

# %% [markdown] id="04-lora-question"
# We put such a layer of rank 8 in place of every matrix in the blocks and train for the
# same 100 steps on the same demonstrations. Adapters need a higher rate ([Schulman and
# others, 2025](https://thinkingmachines.ai/blog/lora/) found the best about ten times
# higher). We take 5 times; ten times was tried, and gained less and lost more. The
# embedding, which is also the output matrix, stays frozen.
#
# **Predict first.** Which will forget more news, the full model or the adapters? And
# will the adapted model learn to stop as well?
#
# <details><summary>How to think about it</summary>
#
# A correction of few numbers that starts at 0 may not carry the model far from
# where it was. But the row of `<eos>` in the output matrix was pushed down for
# all of pretraining, and it is frozen now. The blocks have to make up for it.
#
# </details>
#
# To test that explanation there is a third model: the same adapters, and of the
# embedding the **one row of `<eos>`** trains too, 192 numbers. A hook on the gradient
# sets all other rows to 0.
#
# And a fourth, as a control: all weights again, at a **quarter of the rate**. Whoever
# compares two ways to train at one rate each compares the rates, too.

# %% id="04-lora"
from course.lm.lora import add_adapters

parts = ("query", "key", "value", "output", "gate", "up", "down")


def adapters(train_eos):
    """The pretrained model with fresh adapters; train_eos: its `<eos>` row trains."""
    torch.manual_seed(0)
    model = add_adapters(deepcopy(pretrained), rank=8, alpha=16.0, names=parts)
    if train_eos:
        table = model.embedding.weight.requires_grad_()
        only = torch.zeros_like(table[:, :1])
        only[eos] = 1
        table.register_hook(lambda gradient: gradient * only)
    return model


# %% id="04-lora-train"
# seeds tried: 0, 1, 2 (of adapters and order). gain; news lost; share that ends
# full, rate / 4       .032 .033 .031; .044 .042 .042; .91 .91 .94
# adapters             .013 .013 .009; .035 .035 .032; .40 .44 .36
# adapters + <eos> row .016 .016 .013; .031 .030 .029; .99 .98 .94
# adapters at 1e-2     .008 .005 .007; .047 .052 .045; .39 .41 .38
# with row, at 2.5e-3  .013 .012 .011; .022 .022 .021; .95 .99 .96
models, logs = {"full": tuned}, {"full": history}
models["full, rate / 4"] = deepcopy(pretrained)
models["adapters"], models["adapters + <eos> row"] = adapters(False), adapters(True)
rates = {"full, rate / 4": 2.5e-4, "adapters": 5e-3, "adapters + <eos> row": 5e-3}
for name, rate in rates.items():
    logs[name] = fine_tune(
        models[name],
        tokenizer,
        prompts,
        completions,
        generator=generator(0),
        measure=look_at(models[name], []),
        **options | {"learning_rate": rate},
    )

# %% id="04-lora-table"
trained = dict.fromkeys(models, 0)
for name, model in models.items():
    trains = [p.numel() for p in model.parameters() if p.requires_grad]
    trained[name] = sum(trains)
one_row = pretrained.config.width
frozen_rows = pretrained.embedding.weight.numel() - one_row  # their gradient is 0
trained["adapters + <eos> row"] -= frozen_rows
for name, n in trained.items():
    print(f"{name:<22} {n:>9,} weights train")

# %% id="04-lora-compare"
gain, lost = {}, {}
for name, log in logs.items():
    gain[name] = log["movie reviews"][0] - log["movie reviews"][-1]
    lost[name] = log["news"][-1] - log["news"][0]
print(f"{'':<22}reviews gain  news lost  lost / gain  texts that end")
for name, log in logs.items():
    print(f"{name:<22}{gain[name]:>12.3f}{lost[name]:>11.3f}", end="")
    print(f"{lost[name] / gain[name]:>13.1f}{log['ended'][-1]:>16.2f}")

# %% id="04-lora-ends"
plots.ladder(
    {name: log["ended"][-1] for name, log in logs.items()},
    title="One row of the embedding teaches the adapters to stop",
    x="share of texts that end within 48 tokens",
    alt="Four bars: full fine-tuning near 1, at a quarter of the rate a little lower, "
    "adapters about 0.4, adapters with the row of the end token near 1 again.",
)

# %% [markdown] id="04-lora-figure-text"
# The explanation is right: what kept so many of the adapters' texts from ending
# was one frozen row. Who teaches a *new* token with adapters should train that
# row. (The row, not the whole embedding: its 2048 × 192 weights are over three
# times those of all adapters.)
#
# Did adapters forget less because they are adapters, or because they were trained more
# gently? Draw what was lost against what was gained, at every stop on the way.

# %% id="04-lora-figure"
_, axes = plt.subplots()
for (name, log), style in zip(logs.items(), ("o-", "d-.", "s--", "^:"), strict=True):
    gained = [log["movie reviews"][0] - bits for bits in log["movie reviews"]]
    forgot = [bits - log["news"][0] for bits in log["news"]]
    axes.plot(gained, forgot, style, label=name)
axes.axvline(0, color="black", linewidth=0.8)
axes.set_ylim(top=0.26)  # room for the names
title = "At a quarter of the rate, training all weights forgets little, too"
alt = """Four paths from the origin, one point every 20 steps. Each rises at once, news
is lost; three of them go to the left first, reviews are lost too. Then all go to the
right, almost level. The path of full fine-tuning is about three times as high as the
others. At a quarter of the rate it is little higher than those of the adapters and ends
farther to the right than they do."""
x, y = "gained on reviews (bits per byte)", "lost on news (bits per byte)"
plots.finish(axes, title, x, y, alt)

# %% id="04-lora-claim" tags=["nbval-check-output"]
small = trained["adapters"] / trained["full"]
claim("adapters train less than 6 % of the weights", small < 0.06, share=small)
less = lost["adapters"] / lost["full"]
claim("they forget less than half as much", less < 1 / 2, share=less)
claim("they gain on reviews", gain["adapters"] > 0, gain=gain["adapters"])
learned = gain["adapters"] / gain["full"]
claim("but less than the full model", learned < 1, share=learned)

# %% id="04-lora-equal" tags=["nbval-check-output"]
gentle = "full, rate / 4"
less = lost[gentle] / lost["full"]
claim("so does the full model at a quarter of the rate", less < 1 / 2, share=less)
more = gain[gentle] / max(gain["adapters"], gain["adapters + <eos> row"])
claim("and it gains 1.3 times as much as any adapters, or more", more > 1.3, times=more)
first_steps = (history["news"][1] - history["news"][0]) / lost["full"]
claim("at the full rate over half of what news loses is lost in the first 20 steps",
      first_steps > 0.5, share=first_steps)  # fmt: skip

# %% id="04-lora-stop" tags=["nbval-check-output"]
stops_at = {name: log["ended"][-1] for name, log in logs.items()}
fewer = stops_at["full"] - stops_at["adapters"]
claim("fewer of their texts end", fewer > 0.1, fewer=fewer)
repaired = stops_at["adapters + <eos> row"]
claim("with the row of <eos>, 9 in 10 do", repaired >= 0.9, share=repaired)

# %% [markdown] id="04-off-text"
# The adapters learned less and forgot less: so far the comparison says what
# [Biderman and others, 2024](https://arxiv.org/abs/2405.09673) say. The control
# says more. At a quarter of the rate all weights together forget somewhat more
# and gain about twice as much, and each bit gained costs the least news of all
# four. (But a few more of its texts do not end than at the full rate.) A
# smaller step does much of what looked like a virtue of adapters. (The claims
# hold for three seeds. At half their rate adapters, too, lost less and gained
# less: which way is better at its best, the figure does not say.)
#
# What only an adapter can do: it can be switched off.

# %% id="04-off" tags=["nbval-check-output"]
from course.lm.lora import adapters_off, merge

adapted, some_ids = models["adapters"], packed_ids.to(on)
with torch.no_grad(), adapters_off(adapted):
    off_logits = adapted(some_ids)
with torch.no_grad():
    merged = merge(deepcopy(adapted))(some_ids)
    same = torch.equal(off_logits, pretrained(some_ids))
    off = float((adapted(some_ids) - merged).abs().max())
claim("adapters off is the pretrained model, exactly", same)
claim("adapters on is the model with the merged weights", off < 1e-3)

# %% [markdown] id="04-chat-text"
# This is one reason why adapters suit reinforcement learning: part III needs
# the model from before the training as a
# [**reference**](../GLOSSARY.md#policy). With adapters no copy is needed. It is
# the same model, switched off.
#
# ## Chat templates
#
# A chat model is a language model that was fine-tuned on conversations. They reach it
# as *one text*. The [**chat template**](../GLOSSARY.md#language-model) is the spelling
# of that text; in **ChatML** a turn is `<|im_start|>role`, the content and
# `<|im_end|>`, the model's end token. SmolLM2-135M carries its template in its file. We
# read it from there, and let transformers fill it. (Chapter 02 loads the model's
# weights and talks to it.)

# %% id="04-chat"
from gguf import GGUFReader

from course.data.assets import SMOLLM2, fetch
from course.lm.chat_format import chat_format

system = {"role": "system", "content": "You are a film critic."}
messages = [system, {"role": "user", "content": "How was it?"}]
by_course = chat_format(messages, add_generation_prompt=True)
print(by_course)
field = GGUFReader(next(fetch(SMOLLM2).rglob("*.gguf"))).fields
template = bytes(field["tokenizer.chat_template"].parts[-1]).decode()
fill = {"chat_template": template, "tokenize": False}
by_template = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, **fill
)

# %% id="04-chat-claim" tags=["nbval-check-output"]
claim("our text is the template's", by_course == by_template)
bare = tokenizer.apply_chat_template(messages[1:], **fill)
adds = bare.startswith("<|im_start|>system")
adds = adds and bare.endswith(chat_format(messages[1:]))
claim("without a system message SmolLM2's template adds one, ours does not", adds)

# %% [markdown] id="04-limits"
# The text ends with an open turn: the model's answer goes there, and it stops when it
# writes `<|im_end|>`. In fine-tuning on conversations the same rule holds as above: the
# assistant's turns count, their `<|im_end|>` included, and the rest is −100. Two forms
# are common: *every* turn of the assistant counts, or only the last one.
#
# A warning: as text, content that *spells* a mark would end its own turn and could open
# a system's. `chat_format` refuses such content; `chat_ids` of the course encodes it as
# plain characters.
#
# ## What was shown, and what was not
#
# Fine-tuning is next-token prediction on chosen tokens. What counts is decided
# by lengths; logits that predict no label get exactly no gradient. Hardly a
# text ends before the end is a label; once it is, and its row in the embedding
# trains, nine in ten or more do. That is learned first. The model got better at
# reviews and worse at news, and with adapters, or a smaller rate, less of both.
#
# **Limits.** One small model, one kind of demonstration, one hundred steps. The
# model had already read the reviews, which is probably why the gain is small.
# The full model's rate was not tuned; for adapters we tried three. All prompts
# are two words long. The texts are short enough to end in time, which we
# arranged ourselves. Bits per byte say nothing about whether anyone *likes* the
# reviews. For that the model needs a reward.
#
# ## Test yourself
#
# 1. Which position's logits are responsible for the first token of the completion?
# 2. Why is the divisor of the loss the number of counted tokens of the whole batch?
# 3. Your fine-tuned model never stops. What do you look at first?
# 4. Two texts share a row. What must be arranged for the second, and what more if
#    positions are learned vectors?
# 5. When is fine-tuning the same as a policy gradient?
# 6. Why do adapters make a separate reference model unnecessary?
#
# <details><summary>Answers</summary>
#
# 1. Those at the last token of the prompt.
# 2. So that every counted token weighs the same, in short and in long texts.
# 3. Whether the end token is among the labels: print the labels of one text. If
#    padding and end share an id, look how padding is masked.
# 4. It may not see the first: the mask. (And its first token may be no label.)
#    With learned absolute positions they must start at 0 again; rotary ones are
#    relative.
# 5. When every completion is the teacher's and has the advantage 1.
# 6. Switched off, the adapted model is the model from before.
#
# </details>
#
# ## Further reading
#
# - L. Ouyang and others, [*Training language models to follow instructions with human
#   feedback*](https://arxiv.org/abs/2203.02155), 2022: fine-tuning as the first of
#   three steps.
# - J. Wei and others, [*Finetuned Language Models Are Zero-Shot
#   Learners*](https://arxiv.org/abs/2109.01652), 2021: instructions as demonstrations.
# - C. Zhou and others, [*LIMA: Less Is More for
#   Alignment*](https://arxiv.org/abs/2305.11206), 2023: how few demonstrations can do.
# - E. Hu and others, [*LoRA: Low-Rank Adaptation of Large Language
#   Models*](https://arxiv.org/abs/2106.09685), 2021.
# - D. Biderman and others, [*LoRA Learns Less and Forgets
#   Less*](https://arxiv.org/abs/2405.09673), 2024: our last figure, at full size.
# - J. Kirkpatrick and others, [*Overcoming catastrophic forgetting in neural
#   networks*](https://arxiv.org/abs/1612.00796), 2016.
#
# **Next:** [the exercises](../exercises/04_supervised_fine_tuning.ipynb); then
# [chapter 05](05_rewards_by_rule.ipynb) asks what a good completion is.
