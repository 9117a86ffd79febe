"""What a function rests on: the definitions that it reaches, read from the source.

Nothing is imported or run.  From a function the walk goes to every function, class and
constant of the course that its body names, and on from there.  Each has a normal form
that is the same on every Python from 3.11 on, and that comments, docstrings, layout,
imports, type hints of a signature and the messages of errors do not change.
"""

from course.definitions.form import Definition, definition
from course.definitions.modules import Ref, Source
from course.definitions.walk import digest, reach

__all__ = ["Definition", "Ref", "Source", "definition", "digest", "reach"]
