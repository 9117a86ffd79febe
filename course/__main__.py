"""`python -m course`."""

import platform
import sys

# Told before the rest of the course is read, which an old Python cannot.
if sys.version_info < (3, 11) and sys.argv[1:2] != ["doctor"]:
    sys.exit(
        f"Python {platform.python_version()} is too old for this course; "
        "it needs 3.11 or newer."
    )

from course.cli import main

sys.exit(main())
