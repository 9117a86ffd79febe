"""Exercises of chapter 08, best-of-n."""

from course.checks.ch08 import best_of_n, best_of_n_kl, kept_rows, pool_estimate

EXERCISES = [
    best_of_n.EXERCISE,
    best_of_n_kl.EXERCISE,
    pool_estimate.EXERCISE,
    kept_rows.EXERCISE,
]
