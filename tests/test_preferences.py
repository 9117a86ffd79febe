"""The learner's votes: what notebooks, kernels and disks do to the file loses none."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from course.reward import preferences, vote_file
from course.reward.preferences import PreferenceStore
from course.runtime import CourseError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def path(tmp_path):
    return tmp_path / "votes.sqlite"


def python(code, *arguments, **options):
    """Start another Python that runs `code` with `arguments` as sys.argv[1:]."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def is_sound(path):
    db = sqlite3.connect(path)
    answer = db.execute("PRAGMA integrity_check").fetchone()[0]
    db.close()
    return answer == "ok"


# what it does


def test_votes_come_back_as_they_were_given_in_their_order(path):
    store = PreferenceStore(path, annotator="Ann")
    before = time.time()
    store.add("good", "bad", "a", prompt="The film is ", seconds=1.5)
    store.add("x'; DROP TABLE votes; --", "日本 🎬\n", "skip")
    first, second = PreferenceStore(path).votes()
    assert (first.prompt, first.text_a, first.text_b) == ("The film is ", "good", "bad")
    assert (first.choice, first.seconds, first.annotator) == ("a", 1.5, "Ann")
    assert before <= first.time <= second.time <= time.time()
    assert second.text_a == "x'; DROP TABLE votes; --" and second.text_b == "日本 🎬\n"
    assert second.seconds is None and len(store) == 2


def test_export_puts_the_chosen_text_first_and_leaves_out_ties_and_skips(path):
    store = PreferenceStore(path)
    for choice in preferences.CHOICES:
        store.add(f"A{choice}", f"B{choice}", choice, prompt=f"P{choice}")
    data = store.to_dataset()
    assert data.column_names == ["prompt", "chosen", "rejected"]
    assert data.to_list() == [
        {"prompt": "Pa", "chosen": "Aa", "rejected": "Ba"},
        {"prompt": "Pb", "chosen": "Bb", "rejected": "Ab"},
    ]


def test_an_empty_export_still_has_text_columns(path):
    data = PreferenceStore(path).to_dataset()
    assert len(data) == 0
    assert {name: f.dtype for name, f in data.features.items()} == {
        "prompt": "string",
        "chosen": "string",
        "rejected": "string",
    }


def test_undo_takes_back_the_latest_vote_of_this_annotator_only(path):
    ann, bob = PreferenceStore(path, "Ann"), PreferenceStore(path, "Bob")
    ann.add("1", "2", "a")
    ann.add("3", "4", "b")
    bob.add("5", "6", "tie")
    assert ann.undo().text_a == "3"
    assert [vote.text_a for vote in bob.votes()] == ["1", "5"]
    assert ann.undo().text_a == "1" and ann.undo() is None
    assert [vote.text_a for vote in ann.votes()] == ["5"]


def test_the_id_of_a_vote_that_was_taken_back_is_not_given_again(path):
    store = PreferenceStore(path)
    first = store.add("1", "2", "a")
    store.undo()
    assert store.add("1", "2", "b") > first


def test_without_a_path_the_votes_live_in_the_home_of_the_course(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    PreferenceStore().add("a", "b", "a")
    assert (tmp_path / "home" / "votes.sqlite").is_file()


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (("a", "b", "A"), {}, ValueError),
        (("a", "b", None), {}, ValueError),
        (("a", 3, "a"), {}, TypeError),
        (("a", "b", "a"), {"prompt": None}, TypeError),
        (("a", "b", "a"), {"seconds": -1.0}, ValueError),
        (("a", "b", "a"), {"seconds": float("nan")}, ValueError),
    ],
)
def test_a_vote_that_makes_no_sense_is_refused_and_not_kept(
    path, arguments, options, error
):
    store = PreferenceStore(path)
    with pytest.raises(error, match="got .*expected"):
        store.add(*arguments, **options)
    assert len(store) == 0


# what happens to it


VOTER = """
    import sys
    from course.reward.preferences import PreferenceStore
    path, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()
    store = PreferenceStore(path, name)     # the first moment, too, is shared
    for i in range(n):
        print(store.add(name, str(i), "a"), flush=True)
"""


def test_two_writers_at_once_lose_nothing(path):
    """The file does not exist yet: both also make it at the same moment."""
    names, n = ("Ann", "Bob"), 150
    writers = [python(VOTER, path, name, n, stdin=subprocess.PIPE) for name in names]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    ids = [int(i) for writer in writers for i in writer.communicate()[0].split()]
    assert [writer.returncode for writer in writers] == [0, 0]
    votes = PreferenceStore(path).votes()
    assert sorted(ids) == [vote.id for vote in votes] and len(votes) == 2 * n
    for name in names:
        own = [vote.text_b for vote in votes if vote.annotator == name]
        assert own == [str(i) for i in range(n)]


def test_a_reader_sees_the_votes_before_while_a_writer_is_in_the_middle(path):
    store = PreferenceStore(path)
    store.add("1", "2", "a")
    with vote_file.open_votes(path) as db, vote_file.transaction(db):
        db.execute("DELETE FROM votes")
        assert [vote.text_a for vote in store.votes()] == ["1"]
    assert store.votes() == []


def test_a_kernel_killed_in_the_middle_of_a_vote_leaves_the_votes_before(path):
    PreferenceStore(path).add("before", "", "a")
    child = python(
        """
        import os, signal, sys
        from pathlib import Path
        from course.reward.vote_file import open_votes, transaction
        with open_votes(Path(sys.argv[1])) as db, transaction(db):
            db.execute("INSERT INTO votes (time, text_a, text_b, choice) "
                       "VALUES (0, 'half', '', 'a')")
            db.execute("PRAGMA cache_spill = 1")
            print("in the middle", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        path,
    )
    assert child.communicate()[0] == "in the middle\n"
    assert child.returncode == -signal.SIGKILL
    store = PreferenceStore(path)
    assert [vote.text_a for vote in store.votes()] == ["before"]
    store.add("after", "", "b")  # and no lock is left behind
    assert [vote.text_a for vote in store.votes()] == ["before", "after"]
    assert is_sound(path)


@pytest.mark.parametrize("run", range(4))
def test_every_vote_that_was_acknowledged_survives_a_kill_at_any_moment(path, run):
    child = python(VOTER, path, "Ann", 10_000, stdin=subprocess.PIPE)
    child.stdout.readline()
    child.stdin.write("go\n")
    child.stdin.flush()
    child.stdout.readline()  # the first vote
    time.sleep(0.02 + 0.037 * run)
    child.kill()
    said = [int(i) for i in child.stdout.read().split()]
    child.wait()
    votes = PreferenceStore(path).votes()
    ids = [vote.id for vote in votes]
    assert ids == list(range(1, len(ids) + 1))
    assert not said or said[-1] <= ids[-1] <= said[-1] + 1  # the last may be unsaid
    assert all(vote.text_b == str(vote.id - 1) for vote in votes)
    assert is_sound(path)


def test_a_stop_button_in_the_middle_of_a_vote_leaves_the_votes_before(path):
    store = PreferenceStore(path)
    store.add("before", "", "a")
    with (
        pytest.raises(KeyboardInterrupt),
        vote_file.open_votes(path) as db,
        vote_file.transaction(db),
    ):
        db.execute("DELETE FROM votes")
        raise KeyboardInterrupt
    assert [vote.text_a for vote in store.votes()] == ["before"]


READ_THEN_VOTE = """
    import os, sys
    from course.reward.preferences import PreferenceStore
    from course.runtime import CourseError
    if os.getuid() == 0:                    # nothing is read-only to root
        os.setgid(65534); os.setuid(65534)
    store = PreferenceStore(sys.argv[1])
    print([vote.text_a for vote in store.votes()])
    try:
        store.add("new", "", "a")
    except CourseError as error:
        print(error)
"""


@pytest.fixture
def open_folder():
    """A folder that another user reaches, also when root runs the tests."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
@pytest.mark.parametrize("folder_mode", [0o777, 0o555])
def test_a_read_only_file_is_read_and_a_vote_says_what_to_do(open_folder, folder_mode):
    path = open_folder / "votes.sqlite"
    store = PreferenceStore(path)
    store.add("before", "", "a")
    path.chmod(0o444)
    open_folder.chmod(folder_mode)
    output, _ = python(READ_THEN_VOTE, path).communicate()
    seen, sentence = output.splitlines()
    assert seen == "['before']"
    assert str(path) in sentence and "cannot be written" in sentence
    path.chmod(0o644), open_folder.chmod(0o777)
    store.add("after", "", "a")
    assert [vote.text_a for vote in store.votes()] == ["before", "after"]


@pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")
def test_a_file_that_may_not_grow_keeps_the_votes_before(path):
    """The operating system itself refuses to write beyond a size."""
    import resource

    store = PreferenceStore(path)
    store.add("before", "", "a")
    size = path.stat().st_size
    child = python(
        """
        import sys
        from course.reward.preferences import PreferenceStore
        from course.runtime import CourseError
        try:
            PreferenceStore(sys.argv[1]).add("x" * 200_000, "", "a")
        except CourseError as error:
            print(error)
        """,
        path,
        preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 65536, size + 65536)),
        ),
    )
    output, _ = child.communicate()
    (sentence,) = output.splitlines()
    assert str(path) in sentence and sentence.endswith(".")
    assert [vote.text_a for vote in store.votes()] == ["before"]
    store.add("after", "", "a")
    assert len(store) == 2 and is_sound(path)


def test_a_full_disk_is_named_and_keeps_the_votes_before(path, monkeypatch):
    """SQLite's own limit of pages gives the error of a full disk, SQLITE_FULL."""
    store = PreferenceStore(path)
    store.add("before", "", "a")
    connect = vote_file._connect

    def full(path):
        db = connect(path)
        db.execute("PRAGMA max_page_count = 1")  # SQLite takes: as many as there are
        return db

    with monkeypatch.context() as patch:
        patch.setattr(vote_file, "_connect", full)
        with pytest.raises(CourseError, match="the disk is full; make room"):
            store.add("x" * 100_000, "", "a")
        assert [vote.text_a for vote in store.votes()] == ["before"]
    store.add("after", "", "a")
    assert len(store) == 2 and is_sound(path)


def old_file(path):
    """A file as version 1 wrote it, with two votes."""
    db = sqlite3.connect(path)
    db.execute(
        "CREATE TABLE votes (id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL,"
        " text_a TEXT NOT NULL, text_b TEXT NOT NULL, choice TEXT NOT NULL CHECK "
        "(choice IN ('a', 'b', 'tie', 'skip')), seconds REAL)"
    )
    db.executemany(
        "INSERT INTO votes (time, text_a, text_b, choice, seconds) "
        "VALUES (?, ?, ?, ?, ?)",
        [(1.0, "old", "one", "b", 2.5), (2.0, "old", "two", "tie", None)],
    )
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()


def test_a_file_of_an_older_version_is_brought_up_to_date_with_all_its_votes(path):
    old_file(path)
    store = PreferenceStore(path, "Ann")
    store.add("new", "", "a", prompt="P")
    votes = store.votes()
    assert [(v.id, v.time, v.text_b, v.choice, v.seconds) for v in votes[:2]] == [
        (1, 1.0, "one", "b", 2.5),
        (2, 2.0, "two", "tie", None),
    ]
    assert [(v.prompt, v.annotator) for v in votes] == [("", "")] * 2 + [("P", "Ann")]
    with vote_file.open_votes(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (vote_file.VERSION,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_update_that_fails_half_way_leaves_the_older_file_as_it_was(
    path, monkeypatch
):
    old_file(path)
    first, (statement, _) = vote_file._STEPS
    monkeypatch.setattr(vote_file, "_STEPS", (first, (statement, "NO SUCH STATEMENT")))
    with pytest.raises(CourseError, match="could not be used .* nothing was changed"):
        PreferenceStore(path)
    monkeypatch.undo()
    assert [vote.text_b for vote in PreferenceStore(path).votes()] == ["one", "two"]


def test_an_older_version_and_a_new_file_end_with_the_same_columns(tmp_path):
    old_file(tmp_path / "old")
    columns = []
    for name in ("old", "new"):
        PreferenceStore(tmp_path / name)
        with vote_file.open_votes(tmp_path / name) as db:
            columns.append(db.execute("PRAGMA table_info(votes)").fetchall())
    assert columns[0] == columns[1]


def test_a_file_of_a_newer_version_is_left_alone(path):
    PreferenceStore(path).add("a", "b", "a")
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(CourseError, match="newer course .version 99"):
        PreferenceStore(path)


def test_a_file_of_something_else_is_left_alone(path):
    path.write_bytes(b"Dear diary, today I watched a film. " * 50)
    before = path.read_bytes()
    with pytest.raises(CourseError, match="cannot be read as votes"):
        PreferenceStore(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_left_alone(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE recipes (cake TEXT)")
    db.close()
    with pytest.raises(CourseError, match="a database of something else"):
        PreferenceStore(path)
    db = sqlite3.connect(path)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]
    db.close()


def test_a_folder_in_the_place_of_the_file_is_one_sentence(path):
    path.mkdir()
    with pytest.raises(CourseError, match="cannot be written"):
        PreferenceStore(path)


def test_a_file_that_disappears_between_two_votes_is_made_again(path):
    store = PreferenceStore(path)
    store.add("1", "2", "a")
    path.unlink()
    store.add("3", "4", "b")
    assert [vote.text_a for vote in store.votes()] == ["3"]


def test_a_writer_that_never_lets_go_is_one_sentence(path, monkeypatch):
    store = PreferenceStore(path)
    monkeypatch.setattr(vote_file, "PATIENCE", 0.05)
    with (
        vote_file.open_votes(path) as db,
        vote_file.transaction(db),
        pytest.raises(CourseError, match="locked by another program"),
    ):
        store.add("1", "2", "a")
