"""`python -m course`: lab, start, run, check, grade, progress, quiz, doctor, …"""

import argparse
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from course import __version__, runtime
from course.runtime import ASK, DISTRIBUTION, CourseError, chapter_of

GRADING_SECONDS = 120


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when not, 2 for a wrong call."""
    runtime.any_terminal()
    parser = _parser()
    arguments, further = parser.parse_known_args(argv)
    if further and arguments.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    arguments.further = further
    try:
        if arguments.command != "doctor":  # which is for when nothing else runs
            _check_folder()
        status = arguments.run(arguments)
        if sys.stdout:  # None where there is no output at all
            sys.stdout.flush()
        return status
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except ImportError as error:
        if (error.name or "").startswith("course"):
            raise
        missing = error.name and isinstance(error, ModuleNotFoundError)
        said = f"A package cannot be used ({error})"
        print(
            f"{f'{error.name} is missing' if missing else said}; {ASK}", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.filename:
            print(f"{error.filename}: {error.strerror}.", file=sys.stderr)
        else:
            runtime.output_lost(error)
        return 1


def _check_folder() -> None:
    """CourseError in a folder that was deleted: torch's libraries end Python there."""
    try:
        os.getcwd()
    except OSError:
        raise CourseError(
            "The folder that you are in was deleted; change into another one."
        ) from None


def course_folder() -> Path:
    """The folder that holds `notebooks/`: here, above, or beside the package.

    Raises CourseError when there is none.
    """
    here = Path.cwd()
    package = Path(__file__).resolve().parent
    for folder in (here, *here.parents, package.parent):
        if (folder / "notebooks").is_dir() and (folder / "exercises").is_dir():
            return folder
    raise CourseError(
        "There are no course notebooks here or above this folder; change into the "
        "folder of the course, the one that holds notebooks/."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course", description="Next Token to Reward, the course."
    )
    version = f"{DISTRIBUTION} {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    lab = add(
        "lab", _lab, "Open JupyterLab on the course; further options go to JupyterLab."
    )
    lab.add_argument("--no-browser", action="store_true", help="start the server only")
    start = add("start", _start, "Your own copies in work/, then JupyterLab on them.")
    start.add_argument("--again", nargs="+", metavar="NN", help="renew these chapters")
    start.add_argument(
        "--no-browser", action="store_true", help="start the server only"
    )
    run = add("run", _run, "Run chapters from top to bottom and keep HTML copies.")
    run.add_argument("chapters", nargs="*", metavar="NN", help="such as 07; else all")
    run.add_argument("--out", type=Path, default=Path("build/html"), metavar="DIR")
    doctor = add("doctor", _doctor, "Say whether this machine is ready.")
    doctor.add_argument("--fetch", action="store_true", help="fetch missing data")
    doctor.add_argument("--json", action="store_true", help="one list, for machines")
    pack = add("pack", _pack, "Put checkpoints and data into one file to carry.")
    pack.add_argument("folder", type=Path, metavar="FOLDER", help="where to put it")
    unpack = add("unpack", _unpack, "Verify a packed file and put it in place.")
    unpack.add_argument("file", type=Path, metavar="FILE")
    check = add("check", _check, "Grade a notebook or a plain .py file of a chapter.")
    check.add_argument("chapter", metavar="NN", help="such as 07")
    check.add_argument("file", type=Path, nargs="?", metavar="FILE")
    grade = add("grade", _grade, "Grade the files of a class, a row for each learner.")
    grade.add_argument("folder", type=Path, metavar="FOLDER")
    grade.add_argument("--csv", type=Path, metavar="FILE", help="write a table")
    grade.add_argument("--json", action="store_true", help="print JSON instead")
    add("progress", _progress, "Show what is solved in every chapter.")
    asking = add("quiz", _quiz, "Ask eight interview questions, or write all for Anki.")
    asking.add_argument("--anki", type=Path, metavar="FILE", help="a file to import")
    following = add("next", _next, "Say which exercise is next.")
    following.add_argument("--open", action="store_true", help="open it in JupyterLab")
    return parser


def _lab(arguments: argparse.Namespace) -> int:
    from course.start import start

    first = start(course_folder())
    options = [*(["--no-browser"] * arguments.no_browser), *arguments.further]
    return _jupyterlab(first, options)


def _start(arguments: argparse.Namespace) -> int:
    from course.start import start

    first = start(course_folder(), arguments.again)
    if arguments.again:
        return 0
    return _jupyterlab(first, ["--no-browser"] * arguments.no_browser)


def _jupyterlab(notebook: Path, options: list[str]) -> int:
    if find_spec("jupyterlab") is None:
        raise CourseError(
            "JupyterLab is not installed: run `python -m pip install "
            '"jupyterlab>=4.2,<5"` (inside a clone: make lab).'
        )
    command = [sys.executable, "-m", "jupyterlab"]
    command.append(f"--ServerApp.root_dir={course_folder()}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    # The address that is printed opens the notebook, too, and not the launcher.
    page = notebook.relative_to(course_folder()).as_posix()
    command.append(f"--LabApp.default_url=/lab/tree/{page}")
    return _become([*command, *options])


def _become(command: list[str]) -> int:
    """Go on as that command, so that stopping this one stops the server too."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    return subprocess.call(command)


def _run(arguments: argparse.Namespace) -> int:
    from course.run_chapters import run_chapters

    folder = course_folder() / "notebooks"
    results = run_chapters(folder, arguments.chapters or None, arguments.out)
    return 1 if any(result.error for result in results) else 0


def _doctor(arguments: argparse.Namespace) -> int:
    from course.doctor import doctor

    return 0 if doctor(fetch=arguments.fetch, as_json=arguments.json) else 1


def _pack(arguments: argparse.Namespace) -> int:
    from course.parcel import pack

    pack(arguments.folder)
    return 0


def _unpack(arguments: argparse.Namespace) -> int:
    from course.parcel import unpack

    unpack(arguments.file)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    chapter = chapter_of(arguments.chapter)
    if find_spec("torch") is None:  # or the learner's code would be blamed
        raise CourseError(f"torch is missing; {ASK}")
    path = arguments.file or _exercise_notebook(chapter)
    environment = dict(os.environ)
    if arguments.file:  # grading somebody's file is not the grader's own progress
        environment["COURSE_PROGRESS"] = "0"
    # In a process of its own: the learner's code can neither hang nor stop this one.
    command = [sys.executable, "-m", "course.checks.grading", chapter, str(path)]
    with tempfile.TemporaryDirectory() as scratch:
        mark = Path(scratch, "done")
        try:
            status = subprocess.call(
                [*command, str(mark)], timeout=GRADING_SECONDS, env=environment
            )
        except subprocess.TimeoutExpired:
            raise CourseError(
                f"Grading {path} was stopped after {GRADING_SECONDS} seconds: code "
                "outside the functions, or one of them, may never end."
            ) from None
        if not mark.exists():
            raise CourseError(
                f"Code in {path} ended the grading before its end (exit status "
                f"{status}): nothing after that was checked."
            )
    return status


def _grade(arguments: argparse.Namespace) -> int:
    from course.checks import classroom

    try:
        rows = classroom.graded(arguments.folder, GRADING_SECONDS)
        if arguments.csv:
            classroom.write_csv(rows, arguments.csv)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    print(classroom.as_json(rows) if arguments.json else classroom.summary(rows))
    return 1 if any(row.problems for row in rows) else 0


def _exercise_notebook(chapter: str) -> Path:
    return _notebook("exercises", chapter)


def _notebook(folder: str, chapter: str) -> Path:
    """That chapter's notebook, the learner's own copy before the course's."""
    root = course_folder()
    places = (root / "work" / folder, root / folder)
    found = [path for p in places for path in sorted(p.glob(f"{chapter}_*.ipynb"))]
    found = [path for path in found if ".mine-" not in path.name]
    if not found:
        kind = "exercise notebook" if folder == "exercises" else "lesson"
        raise CourseError(f"There is no {kind} of chapter {chapter}.")
    return found[0]


def _progress(_arguments: argparse.Namespace) -> int:
    from course.checks import catalogue, progress

    states = {n: entry["status"] for n, entry in progress.read().items()}
    solved, total = 0, 0
    print("chapter  solved   exercises")
    for chapter, tasks in catalogue.tasks().items():
        done = [states.get(task.number) == "correct" for task in tasks]
        solved, total = solved + sum(done), total + len(done)
        signs = {"correct": "✔", "wrong": "✘"}
        row = "  ".join(
            f"{signs.get(states.get(task.number), '◌')} {task.label}" for task in tasks
        )
        print(f"{chapter:7}  {sum(done)} of {len(done)}   {row}")
    print(f"\n{solved} of {total} exercises solved")
    return 0


def _quiz(arguments: argparse.Namespace) -> int:
    from course.checks import quiz

    if arguments.anki:
        print(f"{quiz.anki(arguments.anki)} notes for Anki in {arguments.anki}")
    else:
        quiz.in_terminal()
    return 0


def _next(arguments: argparse.Namespace) -> int:
    from course.checks import catalogue, progress
    from course.checks.panels import PanelQuestion

    states = progress.read()
    for task in (task for tasks in catalogue.tasks().values() for task in tasks):
        if states.get(task.number, {}).get("status") == "correct":
            continue
        lesson = isinstance(task, PanelQuestion)
        notebook = _notebook("notebooks" if lesson else "exercises", task.chapter)
        print(f"{task.label} · {task.title} · {task.facts} · {notebook}")
        if arguments.open:
            return _jupyterlab(notebook, [])
        return 0
    print("All exercises are solved.")
    return 0
