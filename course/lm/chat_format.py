"""ChatML: a conversation written as one text, with marks around every turn."""

from collections.abc import Mapping, Sequence

START, END = "<|im_start|>", "<|im_end|>"
ROLES = ("system", "user", "assistant")


def chat_format(
    messages: Sequence[Mapping[str, str]], add_generation_prompt: bool = False
) -> str:
    r"""The conversation as ChatML text: the form that SmolLM2 was fine-tuned on.

    messages: mappings with "role" (system, user or assistant) and "content".  A turn is
    `<|im_start|>role`, a new line, the content, `<|im_end|>` and a new line.
    add_generation_prompt: also begin the assistant's turn, for the model to complete;
    the name is transformers'.  No system message is added (SmolLM2's own template adds
    one).  Raises ValueError on no messages, other keys, an unknown role, and content
    that spells a mark: as text it would end its own turn; `lm.pretrained.chat_ids`
    encodes such content safely.  Chapter 04.

    >>> chat_format([{"role": "user", "content": "Hi"}])
    '<|im_start|>user\nHi<|im_end|>\n'
    """
    if not messages:
        raise ValueError("got no messages, expected at least one")
    text = ""
    for message in messages:
        if message.keys() != {"role", "content"}:
            raise ValueError(
                f"got a message with the keys {sorted(message)}, expected role and "
                "content"
            )
        role, content = message["role"], message["content"]
        if role not in ROLES:
            raise ValueError(f"got the role {role!r}, expected one of {ROLES}")
        if START in content or END in content:
            raise ValueError(
                f"got content that spells {START} or {END}, expected text without "
                "these marks"
            )
        text += f"{START}{role}\n{content}{END}\n"
    return text + (f"{START}assistant\n" if add_generation_prompt else "")
