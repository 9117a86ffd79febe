"""`python -m course`."""

import platform
import sys

# Told before the rest of the course is read, which an old Python cannot.
# 3.10 can still run the doctor.
if sys.version_info < ((3, 10) if sys.argv[1:2] == ["doctor"] else (3, 11)):
    sys.exit(
        f"Python {platform.python_version()} is too old for this course; "
        "it needs 3.11 or newer."
    )

from course.cli import main

sys.exit(main())
