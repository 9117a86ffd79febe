# %% [markdown] id="04-title"
# # Exercises for chapter 4 · Supervised fine-tuning
#
# Four functions turn texts into something that a model can be fine-tuned on. Write each
# in place of `raise NotImplementedError`, run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="04-1-text"
# - **Given** `ids`, shape `(batch, time)`, padded on the right; `prompt_lengths` and
#   `lengths`, shape `(batch,)`: how many tokens the prompt has, and how many prompt and
#   completion have together, the end token included.
# - **Return** labels, shape `(batch, time)`: the id where a token counts, −100 on the
#   prompt and on the padding. Nothing is shifted.
# - *About 3 lines.*

# %% id="04-1-stub" tags=["exercise"]
import torch
from torch import Tensor


def completion_labels(ids: Tensor, prompt_lengths: Tensor, lengths: Tensor) -> Tensor:
    """The ids where a token counts, and -100 on the prompt and on the padding.

    ids: (batch, time), padded on the right.  prompt_lengths, lengths: (batch,),
    tokens of the prompt and of the whole text, its end token included.
    """
    ### BEGIN SOLUTION
    place = torch.arange(ids.shape[1], device=ids.device)
    counted = (place >= prompt_lengths[:, None]) & (place < lengths[:, None])
    return ids.masked_fill(~counted, -100)
    ### END SOLUTION


# %% id="04-1-check"
completion_labels = check(completion_labels)

# %% [markdown] id="04-1-use-text"
# A row whose padding is the end token, 1. Only the first 1 is a label.

# %% id="04-1-use" tags=["nbval-check-output"]
from course import claim

padded = torch.tensor([[0, 7, 8, 9, 1, 1, 1]])  # <bos> 7 | 8 9 <eos> | padding
labels = completion_labels(padded, torch.tensor([2]), torch.tensor([5]))
print(labels.tolist())
claim("the end is a label exactly once", (labels == 1).sum() == 1)

# %% [markdown] id="04-2-text"
# - **Given** `logprobs`, shape `(batch, time)`, in nats; `mask`, bool, the same shape:
#   true where a token counts. Elsewhere `logprobs` may be anything, also −∞.
# - **Return** a scalar in nats per token: minus the sum over the counted tokens,
#   divided by their number in the whole batch.
# - *About 1 line.*


# %% id="04-2-stub" tags=["exercise"]
def masked_mean_loss(logprobs: Tensor, mask: Tensor) -> Tensor:
    """Minus the sum over the counted tokens, over their number in the batch.

    logprobs, mask: (batch, time), nats.  Returns a scalar, nats per token.
    """
    ### BEGIN SOLUTION
    return -logprobs.masked_fill(~mask, 0.0).sum() / mask.sum()
    ### END SOLUTION


# %% id="04-2-check"
masked_mean_loss = check(masked_mean_loss)

# %% [markdown] id="04-2-use-text"
# One text with one counted token of 1 nat, one with three of 2 nats each.

# %% id="04-2-use" tags=["nbval-check-output"]
logp = -torch.tensor([[1.0, 9.0, 9.0], [2.0, 2.0, 2.0]])
counts = torch.tensor([[True, False, False], [True, True, True]])
print(f"per token {masked_mean_loss(logp, counts):.2f} nats")
print(f"mean of the texts' means {(1 + 2) / 2:.2f} nats")

# %% [markdown] id="04-3-text"
# - **Given** `sequences`, a list of lists of ids, each of 1 to `length` tokens;
#   `length`, the length of a row; `pad_id`.
# - **Return** three whole-number tensors, shape `(rows, length)`. `ids`: the texts in
#   their order, each whole; one that does not fit into the last row opens a new row.
#   `segments`: the number of the text in its row, from 1, and 0 on padding.
#   `positions`: 0, 1, 2, … anew in every text, and 0 on padding.
# - *About 16 lines.*


# %% id="04-3-stub" tags=["exercise"]
def pack_sequences(
    sequences: list[list[int]], length: int, pad_id: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Lay texts into rows, whole and in order; return ids, segments, positions.

    Each result has the shape (rows, length).  Only the last row may grow.
    """
    ### BEGIN SOLUTION
    rows, free = [], 0
    for sequence in sequences:
        if len(sequence) > free:
            rows.append([])
            free = length
        rows[-1].append(sequence)
        free -= len(sequence)
    ids = torch.full((len(rows), length), pad_id)
    segments, positions = torch.zeros_like(ids), torch.zeros_like(ids)
    for n, row in enumerate(rows):
        start = 0
        for segment, sequence in enumerate(row, 1):
            end = start + len(sequence)
            ids[n, start:end] = torch.tensor(sequence)
            segments[n, start:end] = segment
            positions[n, start:end] = torch.arange(len(sequence))
            start = end
    return ids, segments, positions
    ### END SOLUTION


# %% id="04-3-check"
pack_sequences = check(pack_sequences)

# %% [markdown] id="04-3-use-text"
# Three texts in rows of five. The third would need one place more than is left.

# %% id="04-3-use" tags=["nbval-check-output"]
names = ("ids", "segments", "positions")
made = pack_sequences([[11, 12], [21], [31, 32, 33]], 5, 0)
for name, tensor in zip(names, made, strict=True):
    print(f"{name:<10}", tensor.tolist())

# %% [markdown] id="04-4-text"
# - **Given** `messages`, a list of dictionaries with `"role"` (system, user or
#   assistant) and `"content"`; `add_generation_prompt`, whether the model is to answer.
# - **Return** the ChatML text. A turn is `<|im_start|>`, the role, a line end, the
#   content, `<|im_end|>`, a line end. If asked, an assistant's turn is begun at the
#   end: its mark, role and line end.
# - *About 4 lines.*


# %% id="04-4-stub" tags=["exercise"]
def chat_format(
    messages: list[dict[str, str]], add_generation_prompt: bool = False
) -> str:
    """The conversation as ChatML text, an open assistant's turn if asked."""
    ### BEGIN SOLUTION
    text = ""
    for message in messages:
        text += f"<|im_start|>{message['role']}\n"
        text += f"{message['content']}<|im_end|>\n"
    if add_generation_prompt:
        text += "<|im_start|>assistant\n"
    return text
    ### END SOLUTION


# %% id="04-4-check"
chat_format = check(chat_format)

# %% [markdown] id="04-4-use-text"
# A question to a model, ready for its answer.

# %% id="04-4-use" tags=["nbval-check-output"]
messages = [{"role": "user", "content": "A word for a dull film?"}]
print(chat_format(messages, True))
