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
# model has the shape of the one in chapter 02. It has read the training texts of all
# four sources: movie and product reviews, news, tweets. Each text began with
# `<bos>`, and none was closed with `<eos>`. So the model has *never seen an end*.
# The start of a chat model's life is much the same: the mark that ends its turns is new
# to it.

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
for text in write(pretrained, tokenizer, ["This movie"] * 2,
                  generator=generator(0)):  # fmt: skip
    print("This movie |" + text)

# %% [markdown] id="04-data-text"
# ## Demonstrations
#
# **Supervised fine-tuning** shows the model what to do: a **demonstration** is a prompt
# with the completion that we want. Here the prompt is the two opening words of a
# review, the completion is the rest. Only reviews of at most 40 tokens are kept, so
# that a whole one fits into the 48 tokens that the model may write later.

# %% id="04-data" tags=["nbval-check-output"]
from course.lm.tokenizer import encode


def cut(text, words=2):
    """A demonstration: the opening words and the rest of the text."""
    text = " ".join(text.split())
    prompt = " ".join(text.split()[:words])
    return prompt, text[len(prompt) :]


def short(split, tokens=40):
    texts = [t for t in reviews.texts("movies", split) if len(t.split()) > 2]
    rows = zip(texts, encode(tokenizer, texts), strict=True)
    return [cut(text) for text, row in rows if len(row) <= tokens]


prompts, completions = zip(*short("train"), strict=True)
held_prompts, held_completions = zip(*short("validation"), strict=True)
print(len(prompts), "demonstrations,", len(held_prompts), "held out")
print(f"{prompts[1]!r} -> {completions[1]!r}")
claim("no held-out review is among the demonstrations", not set(
    zip(prompts, completions, strict=True)) & set(
    zip(held_prompts, held_completions, strict=True)))  # fmt: skip

# %% [markdown] id="04-labels-text"
# ## Labels
#
# The model shall learn the completion *given* the prompt. The prompt's own tokens were
# not its choice, and padding is no text at all. So every position gets a **label**: the
# id that is expected there, or −100, which torch and transformers read as "does
# not count". The end token is a label: it is the only thing that teaches stopping.
#
# Two lengths decide, the prompt's and the whole text's. Token values never do.

# %% id="04-labels" tags=["nbval-check-output"]
from course.lm.finetuning import (
    completion_batch,
    completion_labels,
    demonstrations,
)

context = pretrained.config.context
two = ["A film", "Dull"], [" to love.", "!"]
rows = demonstrations(tokenizer, *two, context)
ids, prompt_lengths, lengths = completion_batch(rows, tokenizer.pad_token_id)
labels = completion_labels(ids, prompt_lengths, lengths)  # (batch, time)
for row, label in zip(ids, labels, strict=True):
    print(" ".join(tokenizer.convert_ids_to_tokens(row.tolist())))
    print("  counted:", (label != -100).int().tolist())
claim("as many tokens count as the completions have, ends included",
      (labels != -100).sum() == (lengths - prompt_lengths).sum())  # fmt: skip
claim("every text has its end among the labels",
      ((labels == tokenizer.eos_token_id).sum(1) == 1).all())  # fmt: skip

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
# Let $m_{b,t}$ be 1 where a token counts and 0 elsewhere. The loss is that of chapter
# 01, over the counted tokens only:
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
import torch.nn.functional as F

from course.lm.finetuning import completion_loss, masked_mean_loss

logp = -torch.tensor([[1.0] + [0.0] * 8, [2.0] * 9])  # (batch, time), nats
m = torch.tensor([[1] + [0] * 8, [1] * 9])
L = -(m * logp).sum() / m.sum()
means = -(m * logp).sum(1) / m.sum(1)  # (batch,)
print(f"loss {L:.1f}, mean of means {means.mean():.1f}")
claim("the course's function is this line", masked_mean_loss(logp, m) == L)

with torch.no_grad():
    logits = pretrained(ids.to(pretrained.device)).cpu()
theirs = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
both = completion_loss(logits, labels), theirs
claim("on logits and labels it is torch's cross-entropy, which ignores -100",
      torch.allclose(*both, atol=1e-6))  # fmt: skip

# %% [markdown] id="04-pull-text"
# ## Which tokens pull?
#
# The logits at position $i$ predict token $i + 1$. A logit that answers for no label
# should get no gradient at all: not a small one, but exactly 0. We ask autograd.

# %% id="04-pull"
import matplotlib.pyplot as plt

from course import plots

answers = logits.clone().requires_grad_()
completion_loss(answers, labels).backward()
pull = answers.grad.abs().sum(-1)  # (batch, time)
counts = F.pad(labels[:, 1:], (0, 1), value=-100) != -100
names = tokenizer.convert_ids_to_tokens(ids[0].tolist())
_, axes = plt.subplots()
colour = [plots.COLOURS[0] if c else plots.COLOURS[1] for c in counts[0]]
axes.bar(range(len(names)), pull[0], color=colour)
axes.set_xticks(range(len(names)), [n.replace("Ġ", "␣") for n in names])
silent = not pull[0][~counts[0]].any()
title = ("Only positions that predict the completion pull" if silent
         else "Positions outside the completion pull too")  # fmt: skip
plots.finish(axes, title, "token at the position", "sum of |gradient|")

# %% id="04-pull-claim" tags=["nbval-check-output"]
claim("prompt and padding get exactly no gradient", (pull[~counts] == 0).all())
claim("positions that answer for a label get some", (pull[counts] > 0).all())

# %% [markdown] id="04-clone-text"
# *The figure: one bar a token. `<bos>` and the first word of the prompt have none; the
# last prompt token has one, because it predicts the first token of the completion; the
# end token has none, because it predicts nothing.*
#
# ## The same thing seen as a policy
#
# A language model is also a **policy**: the state is the text so far, the action is the
# next token. Demonstrations are then the actions of a teacher, and to imitate them is
# called **behaviour cloning**. Chapter 09 derives a loss that pulls at each action in
# proportion to its *advantage* $A$, how much better it was than usual:
# $L = -\operatorname{mean}(A \log p)$. Set $A = 1$ for everything the teacher did.

# %% id="04-clone" tags=["nbval-check-output"]
from course.lm.objective import token_logprobs
from course.policy.losses import reinforce_loss

on = pretrained.device
logits = pretrained(ids.to(on))
logp = token_logprobs(logits[:, :-1], ids[:, 1:].to(on))
A = torch.ones(len(ids), device=on)  # every demonstration is as good as any
cloning = reinforce_loss(logp, A, (labels[:, 1:] != -100).to(on))
tuning = completion_loss(logits, labels.to(on))
weights = list(pretrained.parameters())
one = torch.autograd.grad(cloning, weights, retain_graph=True)
two = torch.autograd.grad(tuning, weights)
claim("fine-tuning is the policy gradient with an advantage of 1", all(
    torch.allclose(a, b, atol=1e-6) for a, b in zip(one, two, strict=True)
))  # fmt: skip

# %% [markdown] id="04-train-text"
# So the whole difference to reinforcement learning is who wrote the completion and what
# advantage it gets. A teacher's text is never wrong, and there is no way to say *how*
# good it was. Part III changes both.
#
# ## Fine-tune
#
# 100 steps of 32 demonstrations with AdamW. Every 20 steps we measure bits per byte on
# held-out movie reviews and on held-out news. Ends are left out of this number, so that
# a model that never saw one can be compared.
#
# **Predict first.** Movie reviews are what it learns. What happens to news, of which it
# now sees none?
#
# <details><summary>How to think about it</summary>
#
# Nothing in the loss speaks for news. Weights that served both are free to move
# towards reviews alone. It is called **forgetting**, and it is not a fault of the
# code.
#
# </details>

# %% id="04-train"
# seeds tried: 0, 1, 2 (of the order of the demonstrations)
from copy import deepcopy

from course.lm.evaluation import bits_per_byte_of
from course.lm.finetuning import fine_tune

held_out = {
    "movie reviews": [p + c for p, c in
                      zip(held_prompts, held_completions, strict=True)][:250],
    "news": reviews.texts("news", "validation")[:250],
}  # fmt: skip


def bits_of(model):
    return {name: bits_per_byte_of(model, tokenizer, some, ends=False)
            for name, some in held_out.items()}  # fmt: skip


tuned = deepcopy(pretrained)
options = {"batch_size": 32, "learning_rate": 1e-3}
history = fine_tune(tuned, tokenizer, prompts, completions, steps=100,
                    generator=generator(0), measure=lambda: bits_of(tuned),
                    **options)  # fmt: skip

# %% id="04-signature"
change = {name: [x - history[name][0] for x in history[name]]
          for name in held_out}  # fmt: skip
reviews_gain, news_loss = -change["movie reviews"][-1], change["news"][-1]
if reviews_gain > 0.01 and news_loss > 0.01:
    title = "It learns reviews and forgets news"
else:
    title = "No trade of news for reviews is seen here"
plots.curves(
    {name: (history.steps(name), change[name]) for name in held_out},
    title=title, x="step of fine-tuning",
    y="bits per byte, change since the start", levels={"pretrained": 0.0},
)  # fmt: skip
for name in held_out:
    first, *_, last = history[name]
    print(f"{name}: {first:.3f} -> {last:.3f} bits per byte")

# %% id="04-train-claim" tags=["nbval-check-output"]
claim("held-out reviews cost at least 0.015 bits per byte less",
      reviews_gain > 0.015, gain=reviews_gain)  # fmt: skip
claim("held-out news cost at least 0.05 bits per byte more",
      news_loss > 0.05, loss=news_loss)  # fmt: skip

# %% [markdown] id="04-end-text"
# *The figure: two lines start at 0. The one for news rises early and stays up. The one
# for reviews rises a little at first, then falls and ends below 0, a smaller distance.*
#
# The first steps, at a rate that is still rising, harm both: new habits come before new
# knowledge. After that the two part. The exchange is bad: much news was lost for little
# on reviews. The model knew reviews from pretraining, so there was little left to
# win. But the shape is typical of fine-tuning on a narrow kind of text, and the reason
# why demonstrations are often mixed with some of the old texts.
#
# ## Do the texts end?
#
# There is more that bits per byte do not show. We let models write from
# held-out prompts, 48 tokens at most, and count the texts that end. Three are compared:
# the pretrained one, ours, and a **negative control**: fine-tuned as ours for 30
# steps, but with the length of each text taken one too short, so that `<eos>` is
# no label.

# %% id="04-control"
from course.lm.sampling import generate
from course.lm.tokenizer import pad_batch


def without_end(ids, prompt_lengths, lengths):
    return completion_labels(ids, prompt_lengths, lengths - 1)


control = deepcopy(pretrained)
fine_tune(control, tokenizer, prompts, completions, make_labels=without_end,
          steps=30, generator=generator(0), **options)  # fmt: skip


def share_ended(model, n=256):
    rows = encode(tokenizer, held_prompts[:n], eos=False)
    start, mask = pad_batch(rows, tokenizer.pad_token_id, side="left")
    return generate(
        model, start.to(model.device), mask.to(model.device),
        max_new_tokens=48, eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id, generator=generator(1),
    ).ended.double().mean().item()  # fmt: skip


# %% id="04-end"
ended = {"pretrained": share_ended(pretrained),
         "fine-tuned": share_ended(tuned),
         "fine-tuned, end not counted": share_ended(control)}  # fmt: skip
plots.ladder(ended, title="A model stops only if the end was a label"
             if ended["fine-tuned"] > 0.5 > ended["fine-tuned, end not counted"]
             else "The end as a label makes no difference here",
             x="share of texts that end within 48 tokens")  # fmt: skip
for name, model in (("tuned", tuned), ("control", control)):
    (text,) = write(model, tokenizer, ["This movie"], generator=generator(2))
    print(f"{name}: This movie |{text}")

# %% id="04-end-claim" tags=["nbval-check-output"]
claim("at least 9 in 10 texts of the fine-tuned model end",
      ended["fine-tuned"] >= 0.9, share=ended["fine-tuned"])  # fmt: skip
claim("the pretrained model never stops", ended["pretrained"] < 0.02)
claim("nor does the control", ended["fine-tuned, end not counted"] < 0.02)

# %% [markdown] id="04-examined-text"
# *The figure: three bars; the fine-tuned model's is near 1, the other two are at 0.*
#
# The control had fewer steps than ours, but more of them would not help: no term of its
# loss ever asks for `<eos>`, and every other token that is a label pushes it down.
# (We tried: after all 100 steps it still never stops, while 30 steps *with* the end as
# a label make nine texts in ten end.)
#
# ## A common description, examined
#
# > "The tokenizer has no padding token, so we set `pad_token = eos_token`. That is
# > harmless: padding is masked anyway."
#
# Padding is masked, yes. But *how* does the code know what is padding? Many recipes
# ask the token: a label becomes −100 where the id is the padding id. Try that.

# %% id="04-examined" tags=["nbval-check-output"]
eos = tokenizer.eos_token_id
rows = demonstrations(tokenizer, prompts[:64], completions[:64], context)
ids, prompt_lengths, lengths = completion_batch(rows, pad_id=eos)  # pad = eos
honest = completion_labels(ids, prompt_lengths, lengths)
by_value = honest.masked_fill(ids == tokenizer.eos_token_id, -100)
print("ends among the labels, by length:", int((honest == eos).sum()))
print("ends among the labels, by value: ", int((by_value == eos).sum()))
of_control = without_end(ids, prompt_lengths, lengths)
claim("labels by value are exactly those of the control, which never stops",
      torch.equal(by_value, of_control))  # fmt: skip
own = completion_batch(rows, tokenizer.pad_token_id)[0]
claim("labels by length do not care what the padding is", torch.equal(
    completion_labels(own, prompt_lengths, lengths), honest))  # fmt: skip

# %% [markdown] id="04-pack-text"
# So the description is half right. With labels made from lengths, padding may be any
# token. With labels made from values, it is the control above: every end is lost, the
# loss looks fine, and the model never stops. The mistake has been reported again and
# again in the large libraries. Our tokenizer keeps `<pad>` and `<eos>` apart *and*
# our labels come from lengths.
#
# ## Packing
#
# Texts differ in length, so a padded batch is partly empty, and empty places cost as
# much as full ones. **Packing** puts several texts into one row. It is right only if
# each text is treated as if it stood alone: it sees no neighbour, and its
# positions start at 0. The **segments** say which text a token belongs to.

# %% id="04-pack" tags=["nbval-check-output"]
from course.lm.packing import pack_sequences

texts = [row.ids for row in rows]
ids, segments, positions = pack_sequences(texts, 96, tokenizer.pad_token_id)
padded = max(map(len, texts)) * len(texts)
print(f"{len(texts)} texts, {sum(map(len, texts))} tokens")
print(f"padded {padded} places, packed {ids.numel()} in {len(ids)} rows")
print("text lengths of the first row:", segments[0].bincount()[1:].tolist())
with torch.no_grad():
    packed = pretrained(ids.to(on), segments=segments.to(on))[0].cpu()
    blind = pretrained(ids.to(on))[0].cpu()  # no segments
    first = [torch.tensor([t], device=on) for t in texts[: segments[0].max()]]
    alone = torch.cat([pretrained(text)[0].cpu() for text in first])
n = len(alone)
claim("with segments the logits are those of each text alone",
      (packed[:n] - alone).abs().max() < 1e-3)  # fmt: skip
claim("without them the texts disturb each other",
      (blind[:n] - alone).abs().max() > 0.1)  # fmt: skip
n = len(texts[0])
claim("the first text of a row has nothing to be disturbed by",
      (blind[:n] - alone[:n]).abs().max() < 1e-3)  # fmt: skip

# %% id="04-pack-figure"
seen = (segments[0][:, None] == segments[0]).tril() & (segments[0] > 0)
_, axes = plt.subplots(figsize=(4.2, 4.2))
axes.imshow(seen, cmap="Blues", interpolation="nearest")
axes.grid(False)
plots.finish(axes, "Each text sees its own past and nothing else",
             "token that is seen", "token that looks")  # fmt: skip

# %% [markdown] id="04-lora-text"
# *The figure: a square of 96 by 96. Dark triangles stand along the diagonal, one a
# text; all else is white.*
#
# ## Low-rank adapters
#
# Must all weights move? **LoRA** freezes a weight matrix $W$ and learns a correction of
# low rank $r$ beside it, two thin matrices $B$ and $A$:
#
# $$ y = W x + \frac{\alpha}{r} B A x. $$
#
# $B$ starts at 0, so at first nothing changes. Here is the whole layer of the course.

# %% id="04-lora-source"
import inspect

from course.lm.lora import LowRank, adapters_off, add_adapters, merge

print(inspect.getsource(LowRank))

# %% [markdown] id="04-lora-question"
# We put such a layer of rank 8 in place of every matrix in the blocks and train for
# the same 100 steps on the same demonstrations. The rate is 5 times higher, as is usual
# for adapters. The embedding, which is also the output matrix, stays frozen.
#
# **Predict first.** Which will forget more news, the full model or the adapters? And
# will the adapted model learn to stop as well?
#
# <details><summary>How to think about it</summary>
#
# Few numbers that start at 0 cannot carry the model far from where it was. But the row
# of `<eos>` in the output matrix was pushed down for all of pretraining, and it is
# frozen now. The blocks have to make up for it.
#
# </details>

# %% id="04-lora"
torch.manual_seed(0)
parts = ("query", "key", "value", "output", "gate", "up", "down")
adapted = add_adapters(deepcopy(pretrained), rank=8, alpha=16.0, names=parts)
lora_options = options | {"learning_rate": 5e-3}
fine_tune(adapted, tokenizer, prompts, completions, steps=100,
          generator=generator(0), **lora_options)  # fmt: skip
before, table = bits_of(pretrained), {}
for name, model in (("full", tuned), ("adapters", adapted)):
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    after = bits_of(model)
    gain, lost = (s * (after[k] - before[k])
                  for k, s in (("movie reviews", -1), ("news", 1)))  # fmt: skip
    table[name] = (trained, gain, lost, share_ended(model))
print("           trained  reviews gain  news lost  texts that end")
for name, (trained, gain, lost, ends) in table.items():
    print(f"{name:<9}{trained:>9,}{gain:>14.3f}{lost:>11.3f}{ends:>16.2f}")

# %% id="04-lora-figure"
_, axes = plt.subplots()
for k, (name, (_, gain, lost, _)) in enumerate(table.items()):
    places = [0.2 + k * 0.35, 1.2 + k * 0.35]
    drawn = axes.bar(places, [gain, lost], 0.33, label=name,
                     hatch=("", "//")[k])  # fmt: skip
    axes.bar_label(drawn, fmt="%.3f", padding=2)
axes.set_xticks([0.37, 1.37], ["gained on reviews", "lost on news"])
axes.margins(y=0.15)
gained, lost = ("less" if table["adapters"][k] < table["full"][k]
                else "no less" for k in (1, 2))  # fmt: skip
plots.finish(axes, f"Adapters forget {lost} and learn {gained}",
             "", "bits per byte")  # fmt: skip

# %% id="04-lora-claim" tags=["nbval-check-output"]
some = ids.to(on)
with torch.no_grad(), adapters_off(adapted):
    off = adapted(some)
with torch.no_grad():
    merged = merge(deepcopy(adapted))(some)
    claim("adapters off is the pretrained model, exactly",
          torch.equal(off, pretrained(some)))  # fmt: skip
    claim("adapters on is the model with the merged weights",
          (adapted(some) - merged).abs().max() < 1e-3)  # fmt: skip
claim("they train less than 6 % of the weights",
      table["adapters"][0] < 0.06 * table["full"][0])  # fmt: skip
(_, _, lost, ends), (_, gain, lora_lost, lora_ends) = table.values()
claim("they gain on reviews", gain > 0, gain=gain)
claim("and forget less than half as much", lora_lost < lost / 2)
claim("but fewer of their texts end", lora_ends < ends - 0.1, share=lora_ends)

# %% [markdown] id="04-chat-text"
# *The figure: two pairs of bars, the full model's beside the adapters'; the gains are
# small, the losses differ most.*
#
# The adapters learned less of everything, the good and the bad; a longer run would
# move both. That too few texts end has a reason to remember: who teaches a *new* token
# with adapters should train its embedding as well.
#
# The claim before shows why reinforcement learning likes adapters: part III
# needs the model from before the training as a **reference**. With adapters no copy is
# needed. It is the same model, switched off.
#
# ## Chat templates
#
# A chat model is a language model that was fine-tuned on conversations. They reach it
# as *one text*. The **chat template** is the spelling of that text; in **ChatML** a
# turn is `<|im_start|>role`, the content and `<|im_end|>`, the model's end token.
# SmolLM2-135M carries its template in its file. We read it from there, and let
# transformers fill it. (To load the model's weights as well takes more memory than
# this chapter may use; chapter 02 talks to it.)

# %% id="04-chat" tags=["nbval-check-output"]
from gguf import GGUFReader

from course.data.assets import SMOLLM2, fetch
from course.lm.chat_format import chat_format

messages = [{"role": "system", "content": "You are a film critic."},
            {"role": "user", "content": "How was it?"}]  # fmt: skip
ours = chat_format(messages, add_generation_prompt=True)
print(ours)
field = GGUFReader(next(fetch(SMOLLM2).rglob("*.gguf"))).fields
template = bytes(field["tokenizer.chat_template"].parts[-1]).decode()
fill = {"chat_template": template, "tokenize": False}
theirs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, **fill)  # fmt: skip
claim("our text is the template's", ours == theirs)
bare = tokenizer.apply_chat_template(messages[1:], **fill)
claim("without a system message SmolLM2's template adds one, ours does not",
      bare.startswith("<|im_start|>system") and bare.endswith(
          chat_format(messages[1:])))  # fmt: skip

# %% [markdown] id="04-limits"
# The last line is an open turn: the model's answer goes there, and it stops when it
# writes `<|im_end|>`. In fine-tuning on conversations the same rule holds as above:
# the assistant's turns count, their `<|im_end|>` included, and the rest is −100.
#
# A warning: as text, content that *spells* a mark would end its own turn and could open
# a system's. `chat_format` refuses such content; `chat_ids` of the course encodes it as
# plain characters.
#
# ## What was shown, and what not
#
# Fine-tuning is next-token prediction on chosen tokens. What counts is decided by
# lengths; what does not count has exactly no influence on the logits' gradient. Texts
# end because the end was a label, and only then. Reviews got better, news got worse,
# and adapters did less of both.
#
# **Limits.** One small model, one kind of demonstration, one hundred steps. The model
# had already read the reviews, so the gain is small. Two rates were compared, one for
# each way to train; neither was tuned, so the figure does not say which way is better
# at its best. All prompts are two words long. The texts are short enough to end in
# time, which we arranged ourselves. Bits per byte say nothing about whether anyone
# *likes* the reviews. For that the model needs a reward.
#
# ## Test yourself
#
# 1. Which position's logits are responsible for the first token of the completion?
# 2. Why is the divisor of the loss the number of counted tokens of the whole batch?
# 3. Your fine-tuned model never stops. What do you look at first?
# 4. Two texts share a row. Which two things must be arranged for the second?
# 5. When is fine-tuning the same as a policy gradient?
# 6. Why do adapters make a separate reference model unnecessary?
#
# ## Read on
#
# - L. Ouyang and others, *Training language models to follow instructions with human
#   feedback*, 2022, arXiv:2203.02155: fine-tuning as the first of three steps.
# - J. Wei and others, *Finetuned Language Models Are Zero-Shot Learners*, 2021,
#   arXiv:2109.01652: instructions as demonstrations.
# - C. Zhou and others, *LIMA: Less Is More for Alignment*, 2023, arXiv:2305.11206: how
#   few demonstrations can do.
# - E. Hu and others, *LoRA: Low-Rank Adaptation of Large Language Models*, 2021,
#   arXiv:2106.09685.
# - D. Biderman and others, *LoRA Learns Less and Forgets Less*, 2024, arXiv:2405.09673:
#   our last figure, at full size.
# - J. Kirkpatrick and others, *Overcoming catastrophic forgetting in neural networks*,
#   2016, arXiv:1612.00796.
#
# **Next:** the exercises in `exercises/04_supervised_fine_tuning.ipynb`; then chapter
# 05 asks what a good completion is.
