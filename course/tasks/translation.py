"""Translation: dates into German, Russian and Chinese, with the real names of CLDR.

Names inflect (май, 7 мая), orders differ.  The habit is to translate word for word.
"""

import random
import re
from collections.abc import Sequence
from functools import partial
from math import inf

from torch import Tensor

from course.expect import at_least, check_text, one_number, whole_number
from course.reward.overlap import bleu
from course.reward.overlap_rewards import overlap_score
from course.score import check_texts
from course.tasks.dates import PATTERNS, date_pairs, held_out
from course.tasks.task import Task

_CHINESE = re.compile("([一-鿿])")


def split_chinese(text: str) -> str:
    """The text with a space on both sides of every Chinese character.

    BLEU counts words, and "13a" sees one word in a whole Chinese text.  Chapter 15.

    >>> split_chinese("5月7日").split()
    ['5', '月', '7', '日']
    """
    return _CHINESE.sub(r" \1 ", check_text(text))


def split_bleu(hypothesis: str, reference: str) -> float:
    """`bleu` with each Chinese character a word of its own, 0 to 1.  Chapter 15."""
    return bleu(split_chinese(hypothesis), split_chinese(reference))


def exact(hypothesis: str, reference: str) -> float:
    """1 where the texts agree but for space at the ends, else 0.  Chapter 15."""
    return float(check_text(hypothesis).strip() == check_text(reference).strip())


def silence_pays(silent: float, wrong: float, right: float = 1.0) -> float:
    """The certainty below which leaving something out earns more than guessing it.

    silent: score of a text that leaves it out; wrong, right: scores with it guessed
    wrong and right.  Solves p * right + (1 - p) * wrong = silent.  0 where a wrong
    guess never scores less than silence, 1 where silence scores at least as a right
    one.  Raises ValueError unless wrong < right, and on NaN.  Chapter 15.

    >>> round(silence_pays(silent=0.7, wrong=0.6), 3)
    0.25
    """
    one_number(wrong=wrong, right=right)
    at_least(-inf, silent=silent)
    if not wrong < right:
        raise ValueError(
            f"got wrong {wrong} and right {right}, expected a right guess to score more"
        )
    return min(1.0, max(0.0, (silent - wrong) / (right - wrong)))


def compare(
    overlap, references, prompts: Sequence[str], texts: Sequence[str]
) -> Tensor:
    """`overlap` of each text with its prompt's reference: (batch,).

    Raises ValueError on a prompt without a reference.  Chapter 15.
    """
    for prompt in check_texts(prompts):
        if prompt not in references:
            raise ValueError(f"got {prompt!r}, expected a prompt with a reference")
    return overlap_score(overlap, [references[p] for p in prompts])(prompts, texts)


def translation(seed: int = 0, wrong: float = 0.7, overlap=split_bleu) -> Task:
    """Dates into three languages: overlap is the reward, an exact match the judge.

    wrong: share of the demonstrations that are word for word.  overlap: `split_bleu`,
    `chrf` or another function of (hypothesis, reference).  The hack leaves the month
    out.  Raises ValueError unless 0 <= wrong <= 1.  Chapter 15.
    """
    whole_number(seed=seed)
    one_number(wrong=wrong)
    if not 0 <= wrong <= 1:
        raise ValueError(f"got wrong {wrong}, expected a share from 0 to 1")
    pairs = {p: texts for lang in PATTERNS for p, texts in date_pairs(lang).items()}
    train = [prompt for prompt in pairs if not held_out(prompt)]
    references = {prompt: texts[0] for prompt, texts in pairs.items()}
    draw = random.Random(seed)
    return Task(
        name="translation",
        train=train,
        held_out=[prompt for prompt in pairs if held_out(prompt)],
        demonstrations=[(p, pairs[p][draw.random() < wrong]) for p in train],
        max_new_tokens=10,
        score=partial(compare, overlap, references),
        judge=partial(compare, exact, references),
        hack=lambda prompt: pairs[prompt][2],
        references=references,
    )
