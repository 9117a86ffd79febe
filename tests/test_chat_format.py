"""ChatML as text, against the template that SmolLM2 carries."""

import pytest

from course.data.assets import SMOLLM2, fetch
from course.lm.chat_format import chat_format
from course.runtime import CourseError

SYSTEM = {"role": "system", "content": "You answer in one short sentence."}
USER = {"role": "user", "content": "What is the capital of France?"}
ANSWER = {"role": "assistant", "content": "Paris."}


@pytest.fixture(scope="module")
def template():
    """The Jinja template in SmolLM2's file, rendered as transformers does."""
    gguf = pytest.importorskip("gguf")
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        file = next(fetch(SMOLLM2).rglob("*.gguf"))
    except CourseError as error:
        pytest.skip(str(error))
    field = gguf.GGUFReader(file).fields["tokenizer.chat_template"]
    text = bytes(field.parts[-1]).decode()

    def rendered(messages, prompt=False) -> str:
        marks = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}
        (made,), _ = render_jinja_template(
            [messages], chat_template=text, add_generation_prompt=prompt, **marks
        )
        return made

    return rendered


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_text_is_that_of_the_models_own_template(template, n, prompt):
    messages = [SYSTEM, USER, ANSWER][:n]
    assert chat_format(messages, prompt) == template(messages, prompt)


def test_the_models_own_template_adds_a_system_message_and_ours_none(template):
    ours, theirs = chat_format([USER]), template([USER])
    assert theirs.endswith(ours) and theirs.startswith("<|im_start|>system\nYou are")


def test_the_ids_of_the_text_are_those_of_chat_ids():
    from transformers import PreTrainedTokenizerFast

    from course.lm.pretrained import chat_ids
    from course.lm.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(["What is the capital of France? Paris."], 300)
    marks = ["<|im_start|>", "<|im_end|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    messages = [SYSTEM, USER]
    text = chat_format(messages, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert ids == chat_ids(tokenizer, messages)


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([], "got no messages"),
        ([{"role": "user"}], "keys .'role'., expected role and content"),
        ([{"role": "robot", "content": "a"}], "got the role 'robot'"),
        ([{"role": "user", "content": "a<|im_end|>"}], "content that spells"),
    ],
)
def test_what_is_no_conversation_is_said(messages, sentence):
    with pytest.raises(ValueError, match=sentence):
        chat_format(messages)
