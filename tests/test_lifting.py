"""Readers copy functions: twenty are lifted out, with what they need, and run alone."""

import ast
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch

from course.definitions import Ref, Source, definition, reach

PACKAGE = Path(__file__).resolve().parents[1] / "course"
SOURCE = Source({"course": PACKAGE})
ROOMS = ("lm", "reward", "policy", "data")

ROW = "torch.tensor([[-1.0, -2.0, -0.5], [-0.2, -1.5, -3.0]])"
OLD = "torch.tensor([[-1.2, -1.5, -0.5], [-0.1, -1.7, -2.0]])"
REF = "torch.tensor([[-1.1, -2.5, -0.4], [-0.3, -1.2, -2.5]])"
MASK = "torch.tensor([[True, True, True], [True, True, False]])"
TWO, FOUR = "torch.tensor([1.0, -2.0])", "torch.tensor([0.5, 2.0, -1.0, 3.0])"
GPT = ("course.lm.model:GPTConfig", "course.lm.model:GPT")
TINY = "GPT(GPTConfig(vocab_size=9, context=8, width=8, layers=2, heads=2, kv_heads=1, "
TINY += "feed_forward=12)).eval()"
IDS = "torch.tensor([[1, 2, 3], [4, 5, 6]])"
# A line that uses the last name -> the definitions that somebody copies for it.
LIFTED = {
    f"gae({ROW}, {OLD}, {MASK}, 0.9, 0.8)": ["course.policy.critic:gae"],
    f"ppo_clip_loss({ROW}, {OLD}, {TWO}, {MASK}, 0.1)": [
        "course.policy.clipping:ppo_clip_loss"
    ],
    f"grpo_loss({ROW}, {OLD}, {REF}, {TWO}, {MASK}, 0.1, 0.1)": [
        "course.policy.clipping:grpo_loss"
    ],
    f"reinforce_loss({ROW}, {TWO}, {MASK})": ["course.policy.losses:reinforce_loss"],
    f"shaped_rewards({TWO}, {OLD}, {REF}, {MASK}, 0.2)": [
        "course.policy.advantages:shaped_rewards"
    ],
    f"kl_estimators({ROW}, {REF})": ["course.policy.kl:kl_estimators"],
    f"group_advantages({FOUR}, 2)": ["course.policy.groups:group_advantages"],
    f"rloo_advantages({FOUR}, 2)": ["course.policy.groups:rloo_advantages"],
    f"dpo_loss({TWO}, 0.1)": ["course.policy.preference_losses:dpo_loss"],
    f"pairwise_loss({TWO}, {TWO} - 1)": ["course.reward.losses:pairwise_loss"],
    f"ordinal_loss({TWO}, torch.tensor([0, 2]), {TWO}.flip(0))": [
        "course.reward.losses:ordinal_loss"
    ],
    f"pool_estimate({FOUR}, {FOUR}.flip(0), 2)": [
        "course.reward.best_of_n:pool_estimate"
    ],
    f"best_of_n({FOUR})": ["course.reward.best_of_n:best_of_n"],
    "bradley_terry_fit(torch.tensor([[0.0, 3.0], [1.0, 0.0]]))": [
        "course.reward.ranking:bradley_terry_fit"
    ],
    "expected_calibration_error(torch.tensor([0.2, 0.9]), torch.tensor([0.0, 1.0]))": [
        "course.reward.metrics:expected_calibration_error"
    ],
    "bleu('a good film it is', 'it is a good film')": ["course.reward.overlap:bleu"],
    "rouge_l('a good film', 'a film')": ["course.reward.overlap:rouge_l"],
    f"top_p_filter({ROW}, 0.7)": ["course.lm.sampling:top_p_filter"],
    f"{TINY}({IDS})": [*GPT],
    f"RewardModel({TINY})({IDS}, {IDS} > 0)": [*GPT, "course.reward.model:RewardModel"],
    f"generate({TINY}, {IDS}, {IDS} > 0, max_new_tokens=4, eos_id=0, pad_id=0, "
    "generator=torch.Generator().manual_seed(1)).ids": [
        *GPT,
        "course.lm.sampling:generate",
    ],
}


def starts(names: list[str]) -> list[Ref]:
    return [Ref(*name.split(":")) for name in names]


def lifted(names: list[str]) -> str:
    """One file with the definitions and all that they need, and no import of ours."""
    found = reach(SOURCE, starts(names), all_needs=True)
    texts: dict[str, str] = {}
    lines: dict[str, None] = {}
    ordered: list[Ref] = []

    def place(ref: Ref) -> None:
        """What a class or a constant needs stands above it."""
        if ref not in ordered:
            waiting.add(ref)
            for needed in sorted(found[ref].needs & found.keys()):
                if needed not in waiting:
                    place(needed)
            ordered.append(ref)

    waiting: set[Ref] = set()
    for ref in sorted(found):
        place(ref)
    for ref in ordered:
        text = "\n".join(map(ast.unparse, map(without_ours, found[ref].statements)))
        if texts.setdefault(ref.name, text) != text:
            raise AssertionError(f"two definitions of {ref.name} collide in one file")
        for name, target in found[ref].outside.items():
            module, _, last = target.rpartition(".")
            plain = f"from {module} import {last}" if module else f"import {last}"
            lines[plain if name == last else f"{plain} as {name}"] = None
    return "\n".join([*lines, *texts.values()])


def without_ours(statement: ast.stmt) -> ast.stmt:
    """Without imports of the course: what they name stands in the same file."""
    statement = deepcopy(statement)
    for node in ast.walk(statement):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(body, list):
                body[:] = [n for n in body if not is_ours(n)] or [ast.Pass()]
    return statement


def is_ours(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "course"


def plain(value: object) -> object:
    """Tensors as lists."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, tuple) else value


RUN = """
import json, sys
for name in ("course", "transformers", "tokenizers", "datasets"):
    sys.modules[name] = None  # an import of it fails
import torch

def plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return [plain(v) for v in value] if isinstance(value, tuple) else value

found = {}
for line, text in json.load(sys.stdin).items():
    names = {"torch": torch, "__name__": "alone"}
    sys.modules["alone"] = type(sys)("alone")  # dataclasses look their module up
    exec(text, names)
    torch.manual_seed(0)
    with torch.no_grad():
        found[line] = plain(eval(line, names))
print(json.dumps(found))
"""


def test_twenty_functions_run_without_the_course_and_give_the_same():
    files = {line: lifted(names) for line, names in LIFTED.items()}
    assert len(files) >= 20
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(files),
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent / "tests",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for line, names in LIFTED.items():
        here = {"torch": torch}
        for module, name in starts(names):
            here[name] = getattr(__import__(module, fromlist=[name]), name)
        torch.manual_seed(0)
        with torch.no_grad():
            expected = json.loads(json.dumps(plain(eval(line, here))))
        assert found[line] == expected, names[-1]


@pytest.mark.parametrize("room", ROOMS)
def test_definitions_of_one_room_can_stand_in_one_file(room):
    """Two helpers of one name with different bodies collide in a copy."""
    forms: dict[str, list] = {}
    for path in sorted((PACKAGE / room).glob("*.py")):
        module = f"course.{room}.{path.stem}"
        for name, statements in SOURCE.module(module).own.items():
            if name and (
                name.startswith("_") or not isinstance(statements[0], ast.Assign)
            ):
                made = definition(SOURCE, Ref(module, name))
                forms.setdefault(name, []).append(str(made.form))
    different = [name for name, found in forms.items() if len(set(found)) > 1]
    assert not different
