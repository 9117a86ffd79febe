"""Exercises of chapter 11, GRPO, RLOO and verifiable rewards."""

from course.checks.ch11 import (
    group_advantages,
    grpo_loss,
    kl_estimators,
    rloo_advantages,
    unit_test_reward,
)

EXERCISES = [
    group_advantages.EXERCISE,
    rloo_advantages.EXERCISE,
    kl_estimators.EXERCISE,
    grpo_loss.EXERCISE,
    unit_test_reward.EXERCISE,
]
