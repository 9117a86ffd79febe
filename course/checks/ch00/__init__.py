"""Exercises of chapter 00, start here."""

from course.checks.ch00 import standardise

EXERCISES = [standardise.EXERCISE]
