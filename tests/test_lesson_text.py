"""What the prose of every lesson keeps to, and that a planted fault is found."""

import re
from pathlib import Path

import pytest

from course.runtime import chapter_of
from tools import masters

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    chapter_of(path.name): "\n\n".join(
        cell.source
        for cell in masters.read_master(path, solutions=False)
        if cell.kind == "markdown"
    )
    for path in sorted((ROOT / "notebooks/src").glob("*_*.py"))
}
CHAPTERS = [chapter for chapter in PAGES if chapter.isdigit()]
WORDS = 4000
# Addresses of works that have neither a DOI nor an arXiv number.
ELSEWHERE = (
    "aclanthology.org",
    "cdn.openai.com",
    "joschu.net",
    "jmlr.org",
    "karpathy.ai",
    "openreview.net",
    "people.eecs.berkeley.edu",
    "rlhfbook.com",
    "spinningup.openai.com",
    "incompleteideas.net",
)
NOT_ONLINE = ("Interpolated Estimation of Markov",)
# Bold words that mean something else here than in the glossary.
OTHERWISE = {
    ("01", "length bias"),
    ("02", "score"),
    ("02", "order"),
    ("14", "start"),
    ("15", "start"),
}


def folded(text: str) -> str:
    return " ".join(text.split())


def glossary() -> set[str]:
    """The terms of the glossary's first column, in lower case."""
    lines = (ROOT / "GLOSSARY.md").read_text("utf-8").splitlines()
    rows = [
        re.sub(r"\(.*?\)", "", x[2:].split(" | ")[0]) for x in lines if x[:2] == "| "
    ]
    return {t.strip("` ").lower() for row in rows for t in row.split(", ")} - {"term"}


def unlinked(chapter: str, text: str, terms: set[str]) -> list[str]:
    """Terms of the glossary whose first bold use is no link to it."""
    seen, found = set(), []
    for match in re.finditer(r"(\[?)\*\*([^*]+)\*\*(\]\(([^)]*)\))?", text):
        word = folded(match[2]).strip(".,:;").lower()
        same = {word, word.rstrip("s")} & terms
        if same and not same & seen and (chapter, word) not in OTHERWISE:
            seen |= same
            if "GLOSSARY.md" not in (match[4] or ""):
                found.append(word)
    return found


def quiz(text: str) -> tuple[int, int]:
    """The number of questions of "Test yourself", and of answers in its fold."""
    part = re.search(
        r"## Test yourself\n(.*?)<details>(.*?)</details>", text, re.DOTALL
    )
    return tuple(len(re.findall(r"^\d+\. ", x, re.M)) for x in part.groups())


def works(text: str) -> list[str]:
    """The entries of "Further reading"; their addresses stand in place."""
    for name, address in re.findall(r"^\[(\w+)\]:\s+(\S+)", text, re.M):
        text = text.replace(f"][{name}]", f"]({address})")
    part = text.partition("## Further reading\n")[2]
    part = re.split(r"\n(?:\*\*Next|## )", part)[0]
    return [x for x in re.split(r"\n(?=- )", part.strip()) if x.startswith("- ")]


def without_address(entries: list[str]) -> list[str]:
    places = ("arxiv.org/abs/", "doi.org/10.", *ELSEWHERE)
    known = (*places, *NOT_ONLINE)
    return [x for x in entries if not any(k in folded(x) for k in known)]


def bare_works(text: str) -> list[str]:
    """Works named with their year that no link and no entry to read on names."""
    link = r"\[([^\]]*)\](?:\([^)]*\)|\[\w+\])"
    text = folded(text)
    body, _, entries = text.partition("## Further reading ")
    linked = [*re.findall(link, body), *entries.split(" - ")]
    named = r"([A-Z][\w’-]+)(?: (?:and|&) [A-Za-z]+)?,? \(?((?:19|20)\d\d)\b"
    return [
        match[0]
        for match in re.finditer(named, re.sub(link, "", body))
        if not any(match[1] in x and match[2] in x for x in linked)
    ]


def next_links(text: str) -> list[str]:
    """Where the last words of a lesson send the reader."""
    start = text.rindex("**Next")
    return re.findall(r"\]\(([^)]+)\)", text[start:].split("\n\n")[0])


@pytest.mark.parametrize("chapter", PAGES)
def test_a_lesson_is_not_too_long(chapter):
    assert len(PAGES[chapter].split()) <= WORDS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_question_to_oneself_has_its_answer_in_a_fold(chapter):
    questions, answers = quiz(PAGES[chapter])
    assert questions == answers >= 5


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_work_to_read_on_has_an_address(chapter):
    assert works(PAGES[chapter])
    assert without_address(works(PAGES[chapter])) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_work_that_is_named_with_its_year_has_an_address(chapter):
    assert bare_works(PAGES[chapter]) == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_ends_with_links_to_its_exercises_and_the_next_one(chapter):
    links = next_links(PAGES[chapter])
    assert any(link.startswith(f"../exercises/{chapter}_") for link in links)
    later = [link for link in links if not link.startswith("../")]
    assert later and (ROOT / "notebooks" / later[0]).is_file()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_term_is_linked_to_the_glossary_where_a_chapter_defines_it(chapter):
    assert unlinked(chapter, PAGES[chapter], glossary()) == []


def test_a_planted_fault_in_the_text_is_found():
    terms = {"policy", "query"}
    linked = "a [**policy**](../GLOSSARY.md#policy), later **policy**, **other**"
    assert unlinked("00", linked, terms) == []
    assert unlinked(
        "00", "a [**policy**](x.md) of **queries**, a **query**", terms
    ) == [
        "policy",
        "query",
    ]
    asked = "## Test yourself\n\n1. a\n2. b\n\n<details>\n\n1. c\n\n</details>"
    assert quiz(asked) == (2, 1)
    read = "## Further reading\n\n- A, [*T*](https://arxiv.org/abs/1)\n- B, *U*\n"
    read += "- C, [*V*][v]\n\n**Next:** [a](b.ipynb)\n\n[v]:\nhttps://doi.org/10.1/2"
    assert without_address(works(read)) == ["- B, *U*"]
    named = "By Kong, 1992, [Liu and others 2025](x), Liu and others (2025), Ng 1999.\n"
    assert bare_works(named + "## Further reading\n\n- A. Ng, [*T*](y), 1999.\n") == [
        "Kong, 1992"
    ]
    assert next_links("**Next:** [a](b.ipynb),\nthen [c](d.ipynb).\n\n[e](f)") == [
        "b.ipynb",
        "d.ipynb",
    ]
    assert {"policy", "query", "key", "value", "reward model"} <= glossary()
