"""The tasks of chapter 15: their data, rewards, judges and hacks."""

import random
from datetime import date

import pytest
from babel.dates import format_date, get_day_names, get_month_names

from course.lm.words import word_tokenizer
from course.reward.overlap import bleu, chrf
from course.tasks import dates, program_tests
from course.tasks import programs as code
from course.tasks import translation as translations
from course.tasks.own import own_task
from course.tasks.questions import HABIT, currencies, questions
from course.tasks.safe_programs import passes


@pytest.fixture(scope="module")
def tasks():
    return {
        t.name: t for t in (translations.translation(), questions(), code.programs())
    }


def judge(task, prompts, texts):
    return [float(x) for x in task.judge(prompts, texts)]


@pytest.mark.parametrize("name", ["translation", "questions", "programs"])
def test_the_right_answer_pleases_both_and_the_hack_only_the_reward(tasks, name):
    task = tasks[name]
    prompts = list(task.held_out)[::7]
    right = [task.references[p] for p in prompts]
    hacks = [task.hack(p) for p in prompts]
    assert set(judge(task, prompts, right)) == {1.0}
    assert min(task.score(prompts, right)) == 1
    reward, truth = (
        float(task.score(prompts, hacks).mean()),
        judge(task, prompts, hacks),
    )
    if name == "questions":  # where the US dollar is the currency, the habit is right
        assert reward == pytest.approx(sum(truth) / len(truth)) and reward < 0.1
    else:
        assert reward > 0.6 and max(truth) == 0


@pytest.mark.parametrize(
    ("name", "right", "within"),
    [("translation", 0.3, 0.02), ("questions", 0.35, 0.03), ("programs", 0.15, 0.03)],
)
def test_the_wrong_habit_is_the_majority_of_the_demonstrations(
    tasks, name, right, within
):
    """Of the questions, 5 % more are right: some countries pay in US dollars."""
    task = tasks[name]
    share = sum(judge(task, *map(list, zip(*task.demonstrations, strict=True))))
    assert abs(share / len(task.demonstrations) - right) < within
    assert {p for p, _ in task.demonstrations} == set(task.train)


def test_the_same_seed_gives_the_same_task_and_another_does_not():
    for make in (translations.translation, questions, code.programs):
        assert make(1).demonstrations == make(1).demonstrations
        assert make(1).demonstrations != make(2).demonstrations


@pytest.mark.parametrize(
    "call",
    [
        lambda: translations.translation(wrong=1.5),
        lambda: questions(wrong=-0.1),
        lambda: code.programs(habit=0.7, gamed=0.4),
        lambda: code.programs(gamed=-0.1),
        lambda: dates.date_pairs("fr"),
        lambda: program_tests.right_program("divide 1, then times 2."),
        lambda: translations.silence_pays(0.5, 1.0, 1.0),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_was_expected(call):
    with pytest.raises(ValueError, match="got .*expected"):
        call()


def test_every_day_and_weekday_is_there_once_in_each_language():
    for language in dates.PATTERNS:
        pairs = dates.date_pairs(language)
        assert len(pairs) == 366 * 7
        assert len({right for right, _, _ in pairs.values()}) == 366 * 7
    held = {
        language: {p[4:] for p in dates.date_pairs(language) if dates.held_out(p)}
        for language in dates.PATTERNS
    }
    assert held["de"] == held["ru"] == held["zh"]
    assert 0.15 < len(held["de"]) / (366 * 7) < 0.25


def test_dates_are_written_as_the_languages_write_them():
    """By hand, and with the names of CLDR asked for one by one."""
    assert dates.date_pairs("ru")["ru: Sunday, May 7 ="][0] == " воскресенье, 7 мая"
    assert dates.date_pairs("de")["de: Sunday, May 7 ="][0] == " Sonntag, 7. Mai"
    assert dates.date_pairs("zh")["zh: Sunday, May 7 ="][0] == " 5月7日星期日"
    for day in (date(2023, 3, 1), date(2024, 2, 29), date(2025, 12, 31)):
        prompt = f"ru: {format_date(day, 'EEEE, MMMM d', 'en')} ="
        weekday = get_day_names("wide", locale="ru")[day.weekday()]
        month = get_month_names("wide", "format", "ru")[day.month]
        bare = get_month_names("wide", "stand-alone", "ru")[day.month]
        right, word_for_word, silent = dates.date_pairs("ru")[prompt]
        assert right == f" {weekday}, {day.day} {month}"
        assert word_for_word == f" {weekday}, {bare} {day.day}"
        assert silent == f" {weekday}, {day.day}"


def test_bleu_sees_one_word_in_a_chinese_date_until_it_is_split():
    right, wrong = "1月17日星期一", "4月17日星期一"
    assert bleu(right, right) == 1 and bleu(wrong, right) == 0
    assert translations.split_bleu(right, right) == 1
    assert 0.5 < translations.split_bleu(wrong, right) < 1
    assert translations.split_bleu("Montag, 2.", "Montag, 2. Mai") == bleu(
        "Montag, 2.", "Montag, 2. Mai"
    )


def test_silence_pays_exactly_where_a_guess_earns_as_much():
    for silent, wrong, right in ((0.7, 0.6, 1.0), (0.2, -1.0, 0.5)):
        p = translations.silence_pays(silent, wrong, right)
        assert p * right + (1 - p) * wrong == pytest.approx(silent)
    assert (
        translations.silence_pays(0.1, 0.5) == 0
        and translations.silence_pays(2.0, 0.5) == 1
    )


def test_currencies_are_those_that_everybody_knows():
    known = {"Sweden": "Swedish Krona", "Japan": "Japanese Yen", "Germany": "Euro"}
    found = currencies()
    assert {place: found[place] for place in known} == known
    assert len(found) > 180
    assert questions().references["currency of Japan?"] == " Japanese Yen"
    assert questions().hack("currency of Japan?") == HABIT


def test_programs_ask_for_what_their_words_say():
    """Against Python's own arithmetic, on drawn prompts."""
    draw = random.Random(0)
    task = code.programs()
    for prompt in draw.sample(list(task.train), 200):
        step, a, _, _, b = prompt.split(".")[0].replace(",", "").split()
        for x, y in program_tests.visible_tests(prompt) + program_tests.hidden_tests(
            prompt
        ):
            assert y == (x + int(a) if step == "add" else x - int(a)) * int(b)
        assert len(program_tests.visible_tests(prompt)) == 2
        assert passes(code.lookup(prompt), program_tests.visible_tests(prompt))
        assert not passes(code.lookup(prompt), program_tests.hidden_tests(prompt))


def test_held_out_functions_are_never_trained_on():
    task = code.programs()
    functions = [
        {p.split(".")[0] for p in pool} for pool in (task.train, task.held_out)
    ]
    assert not functions[0] & functions[1]
    assert len(functions[0] | functions[1]) == 128


def test_fresh_tests_differ_between_calls_and_are_equal_within_one():
    prompt = code.programs().train[0]
    assert program_tests.fresh_tests(prompt, 1) == program_tests.fresh_tests(prompt, 1)
    assert program_tests.fresh_tests(prompt, 1) != program_tests.fresh_tests(prompt, 2)
    assert len(dict(program_tests.fresh_tests(prompt, 3, 60))) == 60
    score, right, hack = (
        program_tests.fresh_score(0),
        program_tests.right_program(prompt),
        code.lookup(prompt),
    )
    rewards = sum(score([prompt] * 2, [right, hack]) for _ in range(50))
    assert rewards[0] == 50 and rewards[1] < 5


def test_your_own_pairs_are_a_task_in_any_script():
    pairs = [(f"открыть {n}", f"打开 {n} ok") for n in range(20)]
    task = own_task(pairs)
    assert len(task.held_out) == 4 and len(task.train) == 16
    prompt = task.held_out[0]
    assert judge(task, [prompt], [task.references[prompt]]) == [1.0]
    hack = task.hack(prompt)
    assert float(task.score([prompt], [hack])[0]) == pytest.approx(
        chrf(hack, task.references[prompt])
    )
    words = word_tokenizer([*task.references, *task.references.values()])
    lengths = [len(words(t)["input_ids"]) for t in task.references.values()]
    assert max(lengths) < task.max_new_tokens
    with pytest.raises(ValueError, match="got 9 pairs, expected at least ten"):
        own_task(pairs[:9])
    with pytest.raises(ValueError, match="got two answers to 'открыть 0'"):
        own_task([*pairs, ("открыть 0", "关闭")])
