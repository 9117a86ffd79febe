"""Recipes: how each model that later chapters rest on is trained.

`checkpoints.load(name)` follows them.  Chapters print their settings, so nothing about
a checkpoint is hidden.  A new recipe is a module here and a name in `RECIPES`.
"""

from course.recipes.arithmetic import ADDER
from course.recipes.games import TASK_ADVERSARY, TASK_BOOKING, TASK_MANY
from course.recipes.hacking import HACKED, LEASHED, PROXIES, SECOND, WRITER_ENDS
from course.recipes.judges import JUDGE_SMOLLM2, JUDGE_WORDS
from course.recipes.language import LANGUAGE_MODEL
from course.recipes.policy import POLICY_REINFORCE
from course.recipes.pretraining import PRETRAINED
from course.recipes.proxies import REWARD_PROXY
from course.recipes.real_model import SMOLLM2_ADAPTERS
from course.recipes.real_reward import SMOLLM2_REWARD
from course.recipes.recipe import Checkpoint, Recipe, openings
from course.recipes.reward import REWARD_MODEL, REWARD_SCRATCH
from course.recipes.tasks import TASK_PROGRAMS, TASK_QUESTIONS, TASK_TRANSLATION
from course.recipes.votes import VOTED

RECIPES = {
    r.name: r
    for r in (
        LANGUAGE_MODEL,
        PRETRAINED,
        REWARD_MODEL,
        REWARD_SCRATCH,
        REWARD_PROXY,
        POLICY_REINFORCE,
        ADDER,
        JUDGE_WORDS,
        JUDGE_SMOLLM2,
        WRITER_ENDS,
        *PROXIES,
        *HACKED,
        *LEASHED,
        *SECOND,
        *VOTED,
        *SMOLLM2_ADAPTERS,
        *SMOLLM2_REWARD,
        TASK_TRANSLATION,
        TASK_QUESTIONS,
        TASK_PROGRAMS,
        TASK_BOOKING,
        TASK_MANY,
        *TASK_ADVERSARY,
    )
}

__all__ = ["RECIPES", "Checkpoint", "Recipe", "openings"]
__all__ += ["LANGUAGE_MODEL", "POLICY_REINFORCE", "PRETRAINED", "REWARD_MODEL"]
__all__ += ["TASK_ADVERSARY", "TASK_BOOKING", "TASK_MANY"]
__all__ += ["TASK_PROGRAMS", "TASK_QUESTIONS", "TASK_TRANSLATION"]
__all__ += ["ADDER", "REWARD_PROXY", "REWARD_SCRATCH"]
__all__ += ["SMOLLM2_ADAPTERS", "SMOLLM2_REWARD"]
__all__ += ["HACKED", "JUDGE_SMOLLM2", "JUDGE_WORDS", "LEASHED", "PROXIES"]
__all__ += ["SECOND", "VOTED", "WRITER_ENDS"]
