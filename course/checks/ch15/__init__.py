"""Exercises of chapter 15, exact judges."""

from course.checks.ch15 import chrf, fresh_tests, passes, safe_value, silence_pays

EXERCISES = [
    chrf.EXERCISE,
    silence_pays.EXERCISE,
    safe_value.EXERCISE,
    passes.EXERCISE,
    fresh_tests.EXERCISE,
]
