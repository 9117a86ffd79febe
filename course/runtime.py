"""What every notebook needs first: seeds, a device, a home folder, a progress bar."""

import io
import os
import platform
import random
import sys
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

DISTRIBUTION = "next-token-to-reward"
ASK = "`python -m course doctor` says what to install."


class CourseError(RuntimeError):
    """Something outside the code is wrong; the message is one clear sentence."""


def any_terminal() -> None:
    """Let a terminal that has no sign for ✔ (cp1252, gbk, ascii) show `?` for it.

    Without it the print fails, and what it would have said is lost.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's takes every sign
            stream.reconfigure(errors="replace")


def output_lost(error: OSError) -> None:
    """Say in one sentence that the output cannot be written, and write no more of it.

    Nothing is said where its reader, such as `head`, has seen enough.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if not isinstance(error, BrokenPipeError):
        reason = error.strerror or error
        print(f"The output cannot be written ({reason}).", file=sys.stderr)


def setup(chapter: str, seed: int = 0) -> None:
    """Seed everything, quieten libraries, set the figures' look, print one line.

    chapter: its two digits, such as "07", or an appendix's letter.  Raises
    CourseError on Python < 3.11, where another package called `course` shadows this
    one, and without torch.
    """
    if sys.version_info < (3, 11):
        raise CourseError(
            f"Python {platform.python_version()} is too old for this course; "
            "it needs 3.11 or newer."
        )
    any_terminal()
    import course

    if getattr(course, "__course__", None) != DISTRIBUTION:
        raise CourseError(
            f"Another package called `course` is in the way: {course.__file__}; "
            "rename it or start Python elsewhere."
        )
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    from course import doctor

    for fits, sentence in doctor.packages():
        if not fits:  # missing, too old or too new: a chapter may work all the same
            print(f"!!  {sentence}")
    try:
        import matplotlib.pyplot  # noqa: F401
        import torch

        from course import plots, stop_button
    except ModuleNotFoundError as error:
        raise CourseError(f"{error.name} is missing; {ASK}") from error
    except (ImportError, AttributeError) as error:
        raise CourseError(f"A package cannot be used ({error}); {ASK}") from error
    if not hasattr(torch, "manual_seed"):
        raise CourseError(
            f"Another module called `torch` is in the way: {torch.__file__}; "
            "rename it or start Python elsewhere."
        )

    stop_button.wait_for_imports()
    seed_everything(seed)
    plots.style()
    kind = "chapter" if chapter.isdigit() else "appendix"
    print(
        f"{kind} {chapter} · course {course.__version__} · "
        f"Python {platform.python_version()} · torch {torch.__version__} · "
        f"{device()} · {torch.get_num_threads()} threads · {matrix_product()} products"
    )


def chapter_of(name: str) -> str:
    """The chapter that a file name begins with, or that somebody typed.

    >>> chapter_of("07_reward_model.ipynb"), chapter_of("7"), chapter_of("a")
    ('07', '07', 'A')
    """
    first = name.partition("_")[0].strip()
    return first.zfill(2) if first.isdigit() else first.upper()


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices)."""
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def generator(seed: int = 0) -> "torch.Generator":
    """A CPU generator: draws made with it are the same on every device."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def device() -> "torch.device":
    """The device that models are put on: `COURSE_DEVICE`, else CUDA, else the CPU.

    Of several processes on a machine, each has the GPU of its number.
    Raises CourseError when `COURSE_DEVICE` names a device that is not there, and where
    a process has no GPU.
    """
    import torch

    wanted = os.environ.get("COURSE_DEVICE")
    if not wanted:
        if not torch.cuda.is_available():
            return torch.device("cpu")
        # One GPU for each process of a machine; the launcher numbers them.
        number = os.environ.get("LOCAL_RANK")
        if number is not None and int(number) >= torch.cuda.device_count():
            raise CourseError(
                f"Process {number} of this machine has no GPU of its own, there are "
                f"{torch.cuda.device_count()}; start as many processes as there are "
                "GPUs, or set COURSE_DEVICE=cpu."
            )
        return torch.device("cuda" if number is None else f"cuda:{number}")
    try:
        chosen = torch.device(wanted)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError):
        raise CourseError(
            f"COURSE_DEVICE={wanted} is not available here; unset it or use `cpu`."
        ) from None
    return chosen


NO_FP64 = {"mps"}  # kinds of device without 64-bit numbers: Apple's GPU


def as_double(x: "torch.Tensor") -> "torch.Tensor":
    """The tensor in fp64, on its device, or on the CPU where its device has none."""
    return (x.cpu() if x.device.type in NO_FP64 else x).double()


MOST_ERROR = 1e-4  # of a product whose entries have deviation 1; fp32: 1e-5, bf16: 1e-2
LEAST_GAIN = 1.5  # times as fast; measured: 1.1 or 2.2, and noise where it is busy


@cache
def matrix_product() -> str:
    """Choose once per process how a CPU multiplies matrices: "default" or "faster".

    On some CPUs, AMD's among them, torch's default multiplies fp32 matrices at half the
    speed of the oneDNN library, which torch takes at the precision "medium".  That name
    allows other machines to round to 16 bits, so the faster product is kept only where
    it is as exact as fp32 and clearly faster.  `COURSE_EXACT=1` leaves torch alone, and
    so does a device that is not the CPU or a precision that is set already.
    """
    import torch

    exact = os.environ.get("COURSE_EXACT", "0") not in ("", "0")
    before = torch.get_float32_matmul_precision()
    if exact or device().type != "cpu" or before != "highest":
        return "default"
    # Both as in the model: 64 texts of 32 tokens through a layer, and its gradient.
    draws = generator(0)
    x, w, g = (
        torch.randn(shape, generator=draws)
        for shape in ((2048, 192), (512, 192), (2048, 512))
    )
    w, g = w / 192**0.5, g / 2048**0.5

    def multiply() -> tuple["torch.Tensor", "torch.Tensor"]:
        return x @ w.T, g.T @ x

    right = (x.double() @ w.T.double(), g.T.double() @ x.double())
    # Of the CPU, so that other work does not count; Windows tells it in steps of 16 ms.
    clock = perf_counter if sys.platform == "win32" else process_time
    seconds: dict[str, list[float]] = {"highest": [], "medium": []}
    for _ in range(7):  # in turns, so that a busy machine disturbs both alike
        for precision, times in seconds.items():
            torch.set_float32_matmul_precision(precision)
            start = clock()
            products = multiply()
            times.append(clock() - start)
    error = max(
        float((a - b).abs().max()) for a, b in zip(products, right, strict=True)
    )
    faster = min(seconds["highest"]) > LEAST_GAIN * min(seconds["medium"])
    if error <= MOST_ERROR and faster:
        return "faster"
    torch.set_float32_matmul_precision(before)
    return "default"


def home() -> Path:
    """The folder for data, checkpoints and progress; made when missing.

    `COURSE_HOME` overrides the user's cache folder.  Raises CourseError when the
    folder can be neither made nor written, and when `COURSE_HOME` is relative: it
    would be another folder in every folder of notebooks.
    """
    wanted = os.environ.get("COURSE_HOME")
    folder = wanted or "of your user"
    try:
        if wanted:
            folder = Path(wanted).expanduser()
        else:
            from platformdirs import user_cache_dir

            folder = Path(user_cache_dir(DISTRIBUTION))
        if not folder.is_absolute():
            raise OSError("it is relative, another folder wherever a notebook starts")
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError("not writable")
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        reason = getattr(error, "strerror", None) or error
        raise CourseError(
            f"The course folder {folder} cannot be used ({reason}); "
            "set COURSE_HOME to a folder that you can write, by its full path."
        ) from None
    return folder


def progress(iterable: Iterable[Any] | None = None, **options: Any) -> Any:
    """A tqdm bar in the notebook or the terminal, removed when done.

    `TQDM_DISABLE=1` silences it.  A log holds one state each `TQDM_MININTERVAL`
    seconds; a saved notebook holds nothing of it.  Options are tqdm's own.
    """
    silent = os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    usual = {"leave": False, "dynamic_ncols": True, "disable": silent}
    return _bar(_in_notebook())(iterable, **{**usual, **options})


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, and not a terminal or a script."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


@cache
def _bar(in_notebook: bool) -> type:
    """tqdm's bar; in a notebook one that leaves nothing in the saved file."""
    from tqdm import tqdm

    class Bar(tqdm):
        def set_postfix(self, *pairs: Any, refresh: bool = False, **named: Any) -> None:
            super().set_postfix(*pairs, refresh=refresh, **named)

    class Shown(Bar):
        """Text in the cell's output, replaced in place, and empty at the end."""

        def __init__(self, iterable: Any = None, **options: Any) -> None:
            self.handle: Any = None
            own = {"file": io.StringIO(), "dynamic_ncols": False, "ncols": 100}
            super().__init__(iterable, **{**options, **own})

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            from IPython.display import display

            text = str(self) if msg is None else msg
            shown = {
                "text/plain": text,
                "text/html": text and f"<pre>{escape(text)}</pre>",
            }
            if self.handle is None:
                self.handle = display(shown, raw=True, display_id=True)
            else:
                self.handle.update(shown, raw=True)

    return Shown if in_notebook else Bar
