"""Start a program in several processes of this machine, by torchrun."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence

from course.expect import check_text, whole
from course.runtime import CourseError

SAID = "process "  # how a process that fails begins its one sentence
# How its exception is told; torch puts the rank before it once the processes have met.
RAISED = r"^(?:\[rank\d+\]: )?(?!.*ChildFailed)([\w.]*(?:Error|Exception)\b(?:: .*)?)$"


def launch(program: Sequence[str], processes: int, device: str | None = None) -> str:
    """Run a Python program in several processes of this machine; what they print.

    program: file and arguments.  device: their `COURSE_DEVICE`, where it is not that of
    this process; two processes need two GPUs, or "cpu".  torchrun starts them and, when
    one fails, ends all: then CourseError repeats its sentence.  Chapter 17.
    """
    whole(1, processes=processes)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nnodes", "1",
         "--nproc-per-node", str(processes), "--rdzv-backend", "c10d",
         "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1", *program],
        capture_output=True, text=True,
        env={**os.environ, **({"COURSE_DEVICE": device} if device else {})},
    )  # fmt: skip
    if done.returncode:
        raise CourseError(what_failed(done.stderr))
    return done.stdout


def what_failed(report: str) -> str:
    """The sentence of the process that failed, out of what all of them printed.

    Its own, or else the line of its exception, or its exit code.  Chapter 17.

    >>> what_failed("warning\\nprocess 1: The disk is full.\\nTraceback: ...")
    'process 1: The disk is full.'
    """
    check_text(report)
    for pattern in (rf"^({SAID}\d+: .*)", RAISED):
        if found := re.search(pattern, report, re.MULTILINE):
            return found[1]
    code = re.search(r"exitcode\s*: (-?\d+)", report)
    return (
        "A process ended without a word"
        + (f" (exit code {code[1]})" if code else "")
        + "; the others were ended too."
    )
