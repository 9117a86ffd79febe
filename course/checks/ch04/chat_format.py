"""Exercise 4.4: a conversation as one text."""

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in

START, END = "<|im_start|>", "<|im_end|>"
Messages = list[dict[str, str]]


def probes(generator: torch.Generator) -> list[Probe]:
    def talk(*turns: str) -> Messages:
        roles = {"s": "system", "u": "user", "a": "assistant"}
        return [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]

    long = talk("s Be brief.", "u Hi", "a Hello.", "u What is 2 + 2?")
    return [
        Probe("one turn", (talk("u Hi"), False)),
        Probe("one turn, to be answered", (talk("u Hi"), True)),
        Probe("question and answer", (talk("u Hi", "a Hello."), False)),
        Probe("a system message", (talk("s Be brief.", "u Hi"), True)),
        Probe("four turns", (long, False)),
        Probe("four turns, to be answered", (long, True)),
        Probe("spaces around the content", (talk("u  two words "), True)),
        Probe("several lines", (talk("u one\ntwo\n", "a three"), False)),
        Probe("nothing said", (talk("u "), True)),
    ]


def turn(message: dict[str, str], between: str = "\n", after: str = f"{END}\n") -> str:
    return f"{START}{message['role']}{between}{message['content']}{after}"


def prompt(asked: bool) -> str:
    return f"{START}assistant\n" if asked else ""


@mistake("a space follows your role: a line end belongs there")
def no_line_after_role(messages: Messages, add_generation_prompt: bool = False) -> str:
    text = "".join(turn(m, between=" ") for m in messages)
    return text + prompt(add_generation_prompt)


@mistake("a line end is missing after <|im_end|>")
def no_line_after_end(messages: Messages, add_generation_prompt: bool = False) -> str:
    return "".join(turn(m, after=END) for m in messages) + prompt(add_generation_prompt)


@mistake(
    "the line end after the last <|im_end|> is missing: join puts one between the "
    "turns only, and every turn ends with one"
)
def joined(messages: Messages, add_generation_prompt: bool = False) -> str:
    text = "\n".join(turn(m, after=END) for m in messages)
    return text + ("\n" + prompt(True) if add_generation_prompt else "")


@mistake("your content ends with a line end: <|im_end|> follows it at once")
def line_before_end(messages: Messages, add_generation_prompt: bool = False) -> str:
    text = "".join(turn(m, after=f"\n{END}\n") for m in messages)
    return text + prompt(add_generation_prompt)


@mistake("your turns have no <|im_end|>: it is what the model learns to stop with")
def no_end(messages: Messages, add_generation_prompt: bool = False) -> str:
    return "".join(turn(m, after="\n") for m in messages) + prompt(
        add_generation_prompt
    )


@mistake("you begin the assistant's turn even when it was not asked for")
def always_asks(messages: Messages, add_generation_prompt: bool = False) -> str:
    return "".join(map(turn, messages)) + prompt(True)


@mistake(
    "with add_generation_prompt the text goes on with the beginning of an assistant's "
    "turn"
)
def never_asks(messages: Messages, add_generation_prompt: bool = False) -> str:
    return "".join(map(turn, messages))


@mistake(
    "you close the turn that the model is to write: leave it open, without <|im_end|>"
)
def closed_prompt(messages: Messages, add_generation_prompt: bool = False) -> str:
    end = f"{START}assistant\n{END}\n" if add_generation_prompt else ""
    return "".join(map(turn, messages)) + end


@mistake(
    "a line end is missing after the last role: the model would have to write it first"
)
def prompt_without_line(messages: Messages, add_generation_prompt: bool = False) -> str:
    return "".join(map(turn, messages)) + prompt(add_generation_prompt).strip()


@mistake("the open turn belongs to the assistant, whose answer is wanted")
def asks_as_user(messages: Messages, add_generation_prompt: bool = False) -> str:
    end = f"{START}user\n" if add_generation_prompt else ""
    return "".join(map(turn, messages)) + end


@mistake("you strip the content: keep every space and line end of it")
def stripped(messages: Messages, add_generation_prompt: bool = False) -> str:
    bare = [m | {"content": m["content"].strip()} for m in messages]
    return "".join(map(turn, bare)) + prompt(add_generation_prompt)


@mistake("you add a system message of your own: write only the messages given")
def system_added(messages: Messages, add_generation_prompt: bool = False) -> str:
    first = {"role": "system", "content": "You are a helpful assistant."}
    given = messages if messages[0]["role"] == "system" else [first, *messages]
    return "".join(map(turn, given)) + prompt(add_generation_prompt)


@mistake("only the last turn is left: write all of them, in order")
def last_turn_only(messages: Messages, add_generation_prompt: bool = False) -> str:
    return turn(messages[-1]) + prompt(add_generation_prompt)


def as_many_ends(function) -> str | None:
    talk = [{"role": "user", "content": str(n)} for n in range(3)]
    for asked in (False, True):
        text = str(function(talk, asked))
        if text.count(END) != 3 or text.count(START) != 3 + asked:
            return (
                "three turns have three start and three end marks; a turn that the "
                "model is to write has a start mark and no end mark"
            )
    return None


EXERCISE = Exercise(
    number="4.4",
    title="A conversation as one text",
    minutes=10,
    difficulty=1,
    importance=4,
    reference="course.lm.chat_format:chat_format",
    why="A chat model knows one spelling of a conversation, the one it was fine-tuned "
    "on; a missing line end makes it answer worse and no error tells.",
    hints=(
        "Which marks tell a model where a turn begins, who speaks, and where it ends?",
        "A turn is `<|im_start|>`, the role, a line end, the content, `<|im_end|>`, a "
        "line end. Where the model is to answer, the text goes on with the beginning "
        "of an assistant's turn.",
        "`text += f\"<|im_start|>{message['role']}\\n…<|im_end|>\\n\"` for each "
        'message; at the end, if asked, `text += "<|im_start|>assistant\\n"`.',
    ),
    probes=probes,
    properties=(Property("as many ends as turns", as_many_ends),),
    mistakes=mistakes_in(__name__),
)
