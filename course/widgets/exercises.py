"""Five of the six panel questions, each about what a panel shows; 5.6: `mixer`.

Each is answered by moving the panel's controls or by a line of code, and graded by
`check(answer, question)`; `hint(question)` and `solution(question)` help.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from course.expect import as_tensor, one_number
from course.score import check_texts
from course.widgets import questions
from course.widgets.bandit import BanditState
from course.widgets.labeller import Session


@dataclass(frozen=True)
class Question:
    """One question: what is asked, how it is graded, three hints, the code-only way."""

    number: str
    name: str
    text: str
    grade: Callable[[Any], tuple[bool, str]]
    hints: tuple[str, str, str]
    code: str
    why: str

    def __repr__(self) -> str:
        return f"{self.number} {self.name}: {self.text}"


def temperature_question(probabilities: Tensor, bits: float = 2.0) -> Question:
    """Explorer: the temperature at which the next token's entropy is `bits`."""
    one_number(bits=bits)
    probabilities = as_tensor("probabilities", probabilities)
    return Question(
        "1.5",
        "temperature_for_entropy",
        f"At which temperature does the next token carry {bits:g} bits?",
        partial(
            questions.grade_temperature_for_entropy,
            probabilities=probabilities,
            bits=bits,
        ),
        (
            "Does the entropy rise or fall when you move the temperature up?",
            "Set top-k to 0 and top-p to 1, read the entropy, and halve the interval "
            "of temperatures that holds the answer.",
            "By code: evaluate entropy_bits(sampling_probabilities(probabilities, t)) "
            f"for many t and keep the t whose result is nearest to {bits:g}.",
        ),
        "min((t / 100 for t in range(5, 500)), key=lambda t: abs("
        f"entropy_bits(sampling_probabilities(probabilities, t)) - {bits:g}))",
        "Temperature is the control of how many choices a model really has.",
    )


def head_question(weights: Tensor) -> Question:
    """Viewer: the head that looks most at the token just before."""
    weights = as_tensor("weights", weights)
    return Question(
        "2.6",
        "previous_token_head",
        "Which (layer, head) gives most of its weight to the token just before?",
        partial(questions.grade_previous_token_head, weights=weights),
        (
            "Where in the heat map is the token just before each reading token?",
            "It is the diagonal below the main one: read its mean in the sentence "
            "above the picture, for every layer and head.",
            "By code: previous_token_share(weights) has the shape (layers, heads); "
            "find the place of its largest value.",
        ),
        "divmod(int(previous_token_share(weights).argmax()), weights.shape[1])",
        "Heads that copy the token before are the first half of in-context copying.",
    )


def agreement_question(session: Session) -> Question:
    """Labeller: the share of decided votes that agree with the crowd."""
    return Question(
        "6.6",
        "agreement_with_the_crowd",
        "Which share of your decided votes agrees with the crowd?",
        lambda answer: questions.grade_agreement(answer, session.outcomes()),
        (
            "Which votes decide nothing?",
            "Leave out skips, ties, and pairs on which the crowd itself is even.",
            "By code: label some pairs with label_by_rule(session, rule, 20), then "
            "count in session.outcomes().",
        ),
        "agreement(session.outcomes())",
        "It says how far one reader stands for the crowd: whoever always names the "
        "crowd's side agrees with more people than any one of them does.",
    )


def order_question(
    texts: Sequence[str], score_texts: Callable[[list[str]], Any]
) -> Question:
    """Microscope: the order of some texts by their reward."""
    check_texts(texts)
    return Question(
        "7.6",
        "order_by_reward",
        "Order the numbers of these texts from the highest reward to the lowest.",
        partial(questions.grade_order_by_reward, texts=texts, score_texts=score_texts),
        (
            "Predict first: which text would people like best?",
            "Paste each text into the panel and note the reward of the whole text.",
            "By code: sort range(len(texts)) by score_texts(texts), largest first.",
        ),
        "sorted(range(len(texts)), key=lambda n: -float(score_texts(texts)[n]))",
        "A reward model is only as good as the order that it puts texts in.",
    )


def variance_question(state: BanditState | None = None) -> Question:
    """Playground: how much a baseline lowers the variance of the first gradient."""
    return Question(
        "9.6",
        "variance_ratio",
        "How many times smaller is the first gradient's variance with the baseline?",
        partial(questions.grade_variance_ratio, state=state),
        (
            "Which two numbers in the sentence under the buttons do you compare?",
            "Press Reset first: the question is about the policy that has not learnt.",
            "By code: gradient_variance(state, 0.0) divided by "
            "gradient_variance(state, b), where b is the expected reward.",
        ),
        "gradient_variance(state, 0.0) / gradient_variance(state, "
        "sum(state.means) / len(state.means))",
        "The same gradient with less noise needs fewer samples: that is what a "
        "baseline is for.",
    )
