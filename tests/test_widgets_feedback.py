"""Live feedback without a browser: votes first, undo is replay, no vote is lost."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import ipywidgets as w
import matplotlib.pyplot as plt
import pytest
import torch
from tiny_feedback import OPENINGS, shorter, tiny_loop, vote_without_update

from course import widgets
from course.recipes.feedback import STEPS, whole_pair
from course.reward.preferences import PreferenceStore
from course.runtime import CourseError
from course.widgets import feedback, panel
from course.widgets.feedback_session import TEXTS, FeedbackSession, vote_by_rule

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def store(tmp_path):
    return PreferenceStore(tmp_path / "votes.sqlite", "me")


@pytest.fixture
def session(store):
    return FeedbackSession(tiny_loop(), store)


@pytest.fixture(autouse=True)
def fresh_state(monkeypatch):
    panel.forget_state("feedback")
    monkeypatch.setattr("course.recipes.feedback.STEPS", 4)  # of an update: quick


def mind(loop):
    """Everything that the votes have made: head and policy."""
    posterior = (loop.posterior.mean, loop.posterior.covariance)
    votes = loop.differences, loop.wins
    return [t.detach().clone() for t in (*posterior, *votes, *loop.policy.parameters())]


def replayed(votes):
    loop = tiny_loop()
    loop.replay(votes)
    return mind(loop)


def same(left, right):
    return len(left) == len(right) and all(
        torch.equal(a, b) for a, b in zip(left, right, strict=True)
    )


def drain(session):
    while session.run_update():
        pass


# The session --------------------------------------------------------------------------


def test_six_texts_are_written_and_the_pair_is_the_one_that_ask_chooses(session):
    assert len(session.texts) == TEXTS == len(session.ranking())
    assert all(text.startswith(OPENINGS[0]) for text in session.texts)
    assert set(session.pair) <= set(session.texts)
    i, j = session.loop.ask(session.texts)
    assert session.pair == (session.texts[i], session.texts[j])


def test_a_vote_reranks_the_same_six_and_the_chosen_text_gains(session):
    chosen, other = session.pair
    before = dict(session.ranking())
    assert set(before.values()) == {0.0}
    session.choose("a", 1.5)
    after = dict(session.ranking())
    assert set(after) == set(before) and after[chosen] > after[other]
    scores = [score for _, score in session.ranking()]
    assert scores == sorted(scores, reverse=True)
    assert session.pair != (chosen, other)
    (vote,) = session.store.votes()
    assert (OPENINGS[0] + vote.text_a, OPENINGS[0] + vote.text_b) == (chosen, other)
    assert (vote.choice, vote.annotator, vote.seconds) == ("a", "me", 1.5)
    (row,) = session.store.to_dataset()  # what TRL joins is what was read
    assert row["prompt"] + row["chosen"] == chosen
    assert row["prompt"] + row["rejected"] == other


def test_votes_of_whole_texts_teach_what_votes_of_completions_teach(tmp_path):
    """An early version kept the prompt in front of both texts."""
    minds = []
    for n, before in enumerate(("", OPENINGS[0])):
        store = PreferenceStore(tmp_path / f"{n}.sqlite", "me")
        store.add(f"{before} good", f"{before} dull", "a", prompt=OPENINGS[0])
        minds.append(mind(FeedbackSession(tiny_loop(), store).loop))
    assert same(*minds)


def test_the_vote_is_in_the_store_before_anything_is_learned(session, monkeypatch):
    seen = []
    monkeypatch.setattr(
        session.loop, "learn", lambda *a: seen.append(len(session.store.votes()))
    )
    session.choose("b")
    assert seen == [1]


def test_votes_and_updates_are_those_of_a_replay_bit_for_bit(session):
    vote_by_rule(session, shorter, 32)
    assert sorted(session.policies) == [0, 20, 30]
    assert same(mind(session.loop), replayed(session.store.votes()))
    assert not same(mind(session.loop), replayed(session.store.votes()[:31]))


def test_undo_is_a_replay_of_the_votes_that_stand_bit_for_bit(session):
    vote_by_rule(session, shorter, 31)
    for left in (30, 29, 20, 19):
        while len(session.store) > left:
            assert session.undo()
        assert same(mind(session.loop), replayed(session.store.votes())), left
    vote_by_rule(session, lambda a, b: "a", 2)  # the update at 20 comes anew
    assert same(mind(session.loop), replayed(session.store.votes()))


def test_undo_brings_the_ranking_back_and_asks_that_pair_again(session):
    before, pair = session.ranking(), session.pair
    session.choose("a")
    assert session.ranking() != before
    assert session.undo() and session.ranking() == before and session.pair == pair
    assert not session.undo()


def test_votes_that_come_during_an_update_are_learned_and_their_update_waits(session):
    vote_without_update(session, shorter, 20)

    def vote_on(job):
        if job.count == 20 and job.done == 2:
            vote_without_update(session, shorter, 10)
            assert len(session.loop.wins) >= 30 and len(session.jobs) == 2

    session.run_update(vote_on)
    drain(session)
    assert sorted(session.policies) == [0, 20, 30]
    assert same(mind(session.loop), replayed(session.store.votes()))


def test_an_undo_during_an_update_drops_the_update_of_the_vote(session):
    vote_without_update(session, shorter, 20)
    session.run_update(lambda job: session.undo() if job.done == 3 else None)
    assert sorted(session.policies) == [0] and not session.jobs
    assert same(mind(session.loop), replayed(session.store.votes()))


def test_a_stopped_update_keeps_its_steps(session):
    vote_without_update(session, shorter, 20)
    start = mind(session.loop)[4:]
    done = []

    def stop_at_two(job):
        done.append(job.done)
        if job.done == 2:
            assert session.stop()

    session.run_update(stop_at_two)
    assert done == [0, 1, 2] and not session.jobs and not session.stop()
    stopped, whole = mind(session.loop)[4:], replayed(session.store.votes())[4:]
    assert not same(stopped, start) and not same(stopped, whole)


def test_a_kernel_killed_in_an_update_loses_no_vote_and_no_policy(tmp_path):
    path = tmp_path / "votes.sqlite"
    child = subprocess.run(
        [sys.executable, "tests/tiny_feedback.py", str(path)],
        cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    store = PreferenceStore(path, "me")
    assert len(store) == 30
    session = FeedbackSession(tiny_loop(), store)
    assert [job.count for job in session.jobs] == [20, 30]
    drain(session)
    assert same(mind(session.loop), replayed(store.votes()))


def test_two_sessions_on_one_store_lose_no_vote(store):
    one, two = (FeedbackSession(tiny_loop(), store) for _ in range(2))
    for n in range(12):
        vote_without_update((one, two)[n % 2], shorter, 1)
    threads = [
        threading.Thread(target=vote_without_update, args=(s, shorter, 5))
        for s in (one, two)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 22
    for session in (one, two):
        session.follow()
        drain(session)
        assert same(mind(session.loop), replayed(store.votes()))
    two.undo()  # a vote of either; the other sees it go
    one.follow()
    assert same(mind(one.loop), replayed(store.votes()))


def test_two_notebooks_on_one_store_lose_no_vote(tmp_path):
    path = tmp_path / "votes.sqlite"
    kernels = [
        subprocess.Popen(
            [sys.executable, "tests/tiny_feedback.py", str(path), "12"],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert all(kernel.stdout.readline() == "ready\n" for kernel in kernels)
    path.with_name("votes.sqlite.go").touch()
    for kernel in kernels:
        _, said = kernel.communicate(timeout=300)
        assert kernel.returncode == 0, said
    store = PreferenceStore(path, "me")
    assert len(store) == 24
    session = FeedbackSession(tiny_loop(), store)
    drain(session)
    assert sorted(session.policies) == [0, 20]
    assert same(mind(session.loop), replayed(store.votes()))


def test_thumbs_become_votes_once_there_are_two_ways(session):
    first, second, third = session.texts[:3]
    assert session.thumb(first, True) == 0 and len(session.store) == 0
    assert session.thumb(second, False) == 1 and session.thumb(third, False) == 1
    assert session.thumb(first, True) == 0  # nothing is counted twice
    votes = session.store.votes()
    assert [(*whole_pair(v), v.choice) for v in votes] == [
        (first, second, "a"), (first, third, "a"),
    ]  # fmt: skip
    scores = dict(session.ranking())
    assert scores[first] > max(scores[second], scores[third])
    assert session.undo() and len(session.log) == 1
    with pytest.raises(ValueError, match="expected one of the six"):
        session.thumb("another text", True)


def test_the_curve_has_a_point_for_every_number_of_votes(session):
    vote_without_update(session, lambda a, b: "a", 5)
    assert [votes for votes, _ in session.curve] == [0, 1, 2, 3, 4, 5]
    before = list(session.curve)
    session.choose("b")
    session.undo()
    assert session.curve == before


# What is bad, or nothing --------------------------------------------------------------


def test_no_votes_only_ties_and_skips_leave_the_policy_as_it_was(session):
    assert session.sentence() == "Votes: 0; policy updates: 0."
    start = mind(session.loop)
    session.choose("skip")
    assert same(mind(session.loop), start) and len(session.store) == 1
    vote_without_update(session, lambda a, b: "tie", 10)
    assert session.loop.posterior.mean.abs().max() == 0
    assert {score for _, score in session.ranking()} == {0.0}


def test_votes_on_other_texts_are_left_alone_and_said(store):
    store.add("a fine film", "a dull film", "a")  # chapter 06's labeller
    other = PreferenceStore(store.path, "you")
    other.add(OPENINGS[0] + " x", OPENINGS[0], "a", prompt=OPENINGS[0])
    session = FeedbackSession(tiny_loop(), store)
    assert session.log == [] and not session.undo() and len(store) == 2
    assert "Left alone: 1 of your votes on other texts." in session.sentence()


def test_a_store_of_an_older_version_is_read_and_a_newer_one_said(tmp_path):
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE votes (id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT "
            "NULL, text_a TEXT NOT NULL, text_b TEXT NOT NULL, choice TEXT NOT NULL, "
            "seconds REAL)"
        )
        db.execute("INSERT INTO votes VALUES (1, 0.0, 'one', 'two', 'a', NULL)")
        db.execute("PRAGMA user_version = 1")
    session = FeedbackSession(tiny_loop(), PreferenceStore(path))
    assert session.others == 1 and session.choose("a") and len(session.store) == 2
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(CourseError, match="newer course"):
        PreferenceStore(path)


def test_a_voter_that_answers_nonsense_is_refused_and_loses_no_vote(session):
    answers = iter(["a", "b", "perhaps"])
    with pytest.raises(ValueError, match=r"got the choice 'perhaps', expected one of"):
        vote_by_rule(session, lambda a, b: next(answers), 5)
    assert [vote.choice for vote in session.store.votes()] == ["a", "b"]


@pytest.mark.parametrize("fault", ["raises", "NaN"])
def test_a_judge_that_fails_is_said_and_the_vote_is_kept(session, monkeypatch, fault):
    healthy = session.loop.features

    def broken(texts):
        if fault == "raises":
            raise RuntimeError("no judge today")
        return healthy(texts) * float("nan")

    session.choose("a")
    before = mind(session.loop)
    monkeypatch.setattr(session.loop, "features", broken)
    session.choose("b")
    assert session.sentence().startswith("The judge could not read this vote, which is")
    assert session.sentence().count("The judge") == 1
    session.new_texts()
    assert "could not read these texts" in session.sentence()
    assert same(mind(session.loop), before) and len(session.store) == 2
    monkeypatch.undo()
    again = FeedbackSession(tiny_loop(), session.store)
    assert same(mind(again.loop), replayed(session.store.votes()))
    assert len(again.loop.wins) == 2


def test_an_update_that_fails_changes_nothing_and_is_said(session, monkeypatch):
    vote_without_update(session, shorter, 20)
    before = mind(session.loop)

    def fail(*arguments, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("course.recipes.feedback.rloo_step", fail)
    assert session.run_update() and not session.jobs
    assert "An update failed and changed nothing (out of memory)." in session.sentence()
    assert same(mind(session.loop), before) and len(session.store) == 20


def test_identical_texts_are_not_asked(session, monkeypatch):
    monkeypatch.setattr(
        session.loop, "write", lambda prompts, n, seed: [[prompts[0] + " so"] * n]
    )
    session.new_texts()
    assert session.pair is None and not session.choose("a") and len(session.store) == 0
    assert "The six texts are identical; ask for new texts." in session.sentence()
    assert len(session.ranking()) == TEXTS
    vote_by_rule(session, shorter, 3)
    assert len(session.store) == 0


def test_a_choice_that_is_none_is_refused_before_the_store(session):
    with pytest.raises(ValueError, match="got the choice 'c'"):
        session.choose("c")
    assert len(session.store) == 0


# The panel ----------------------------------------------------------------------------


def every(box):
    yield box
    for child in getattr(box, "children", ()):
        yield from every(child)


def html(box) -> str:
    return " ".join(x.value for x in every(box) if isinstance(x, w.HTML))


def press(box, name):
    next(
        x for x in every(box) if isinstance(x, w.Button) and x.description == name
    ).click()


def test_the_panel_votes_ranks_takes_back_and_keeps_its_session(store):
    loop = tiny_loop()
    box = widgets.feedback_panel(loop, store)
    before = html(box)
    press(box, "A is better")
    assert "Votes: 1; policy updates: 0." in html(box) and 'role="status"' in before
    press(box, "Undo")
    assert html(box).split("<img")[0] == before.split("<img")[0]
    press(box, "Undo")
    assert "There is no vote here to take back." in html(box)
    press(box, "Stop")
    assert "No update is running." in html(box)
    press(box, "Thumb up")
    assert "until an opposite one makes a vote of it" in html(box)
    press(box, "Tie")
    again = widgets.feedback_panel(loop, store)
    assert "Votes: 1;" in html(again) and len(store) == 1
    assert "alt=" in html(again)


def test_no_text_becomes_code(store, monkeypatch):
    loop = tiny_loop()
    hostile = "<script>window.hacked = 1</script>"
    monkeypatch.setattr(
        loop, "write", lambda p, n, seed: [[f"{p[0]}{hostile}{i}" for i in range(n)]]
    )
    box = widgets.feedback_panel(loop, store)
    assert "&lt;script&gt;" in html(box) and "<script>" not in html(box)


def test_the_panel_updates_in_the_background_while_votes_go_on(store):
    box = widgets.feedback_panel(tiny_loop(), store)
    for n in range(22):
        if n == 14:
            press(box, "New texts")
        press(box, "A is better")
    session = panel.panel_state("feedback", feedback.Kept).session
    deadline = time.monotonic() + 60
    while session.jobs and time.monotonic() < deadline:
        time.sleep(0.05)
    panel.panel_state("feedback", feedback.Kept).thread.join(60)
    assert "The policy has learned" in html(box) and len(store) == 22
    assert "policy updates: 1." in html(box)
    assert same(mind(session.loop), replayed(store.votes()))
    bar = next(x for x in every(box) if isinstance(x, w.IntProgress))
    assert bar.max == STEPS and bar.value == 0


def test_a_vote_that_could_not_be_kept_is_said(store, monkeypatch):
    box = widgets.feedback_panel(tiny_loop(), store)

    def full(*arguments, **options):
        raise CourseError("The disk is full.")

    monkeypatch.setattr(store, "add", full)
    press(box, "A is better")
    assert "This vote was not kept. The disk is full." in html(box)


def test_the_code_only_form_prints_the_table_of_the_replay(session, capsys):
    vote_by_rule(session, shorter, 21)
    votes, made = session.mine(), mind(session.loop)
    loop = tiny_loop()
    widgets.show_feedback(loop, votes)
    out = capsys.readouterr().out
    assert out.startswith("Votes: 21; policy updates: 1.") and "rank  score" in out
    assert "after 21 votes: mean" in out and same(mind(loop), made)
    widgets.show_session(session)
    widgets.show_feedback(tiny_loop(), [])
    assert "Votes: 0; policy updates: 0." in capsys.readouterr().out
    plt.close("all")
