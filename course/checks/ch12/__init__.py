"""Exercises of chapter 12, DPO."""

from course.checks.ch12 import (
    dpo_loss,
    implicit_rewards,
    ipo_loss,
    optimal_policy,
    pair_log_ratio,
)

EXERCISES = [
    optimal_policy.EXERCISE,
    pair_log_ratio.EXERCISE,
    dpo_loss.EXERCISE,
    implicit_rewards.EXERCISE,
    ipo_loss.EXERCISE,
]
