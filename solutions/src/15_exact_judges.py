# %% [markdown] id="15-title"
# # Exercises for chapter 15 · Exact judges
#
# Five functions: a metric that needs no words, the certainty below which silence pays,
# and three that judge a program. Write each in place of `raise NotImplementedError`,
# run its cell and the one below.
#
# `check` prints ✔ (correct), ✘ (wrong, and why) or ◌ (not attempted), and hands back
# a function that works in any case. No model is needed on this page.

# %% [markdown] id="15-1-text"
# - **Given** two texts, `hypothesis` and `reference`.
# - **Return** chrF, a number from 0 to 1. Take all white space out of both. For each
#   length $n = 1, \dots, 6$ for which *both* texts have an n-gram of characters, count
#   the matches, each n-gram at most as often as the other text has it. Precision is
#   their share of the hypothesis' n-grams, recall that of the reference's. Average each
#   over those $n$ to $P$ and $R$, and return $5 P R / (4 P + R)$; 0 where nothing
#   matches.
# - *About 9 lines.*

# %% id="15-1-stub" tags=["exercise"]
import ast
import operator
import random
import warnings
from collections import Counter


def chrf(hypothesis: str, reference: str) -> float:
    """F-score of character n-grams, n = 1 to 6; recall counts double.

    Returns a number from 0 to 1.
    """
    ### BEGIN SOLUTION
    a, b = "".join(hypothesis.split()), "".join(reference.split())
    precisions, recalls = [], []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one = Counter(a[i : i + n] for i in range(len(a) - n + 1))
        other = Counter(b[i : i + n] for i in range(len(b) - n + 1))
        matches = (one & other).total()
        precisions.append(matches / one.total())
        recalls.append(matches / other.total())
    if not sum(precisions):
        return 0.0
    P, R = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 5 * P * R / (4 * P + R)
    ### END SOLUTION


# %% id="15-1-check"
chrf = check(chrf)

# %% [markdown] id="15-1-use-text"
# Four translations of "Monday, January 17". The reference is the first.

# %% id="15-1-use" tags=["nbval-check-output"]
right = "понедельник, 17 января"
for text in (right, "понедельник, 17 апреля", "понедельник, 17", "17"):
    print(f"{chrf(text, right):.3f}  {text}")

# %% [markdown] id="15-2-text"
# - **Given** three scores of a metric: of a text that leaves something out (`silent`),
#   of one with a wrong guess in that place (`wrong`), and of one with the right guess
#   (`right`). `wrong` is smaller than `right`.
# - **Return** the certainty $p$, from 0 to 1, at which a guess earns as much as silence
#   on average: below it silence pays. 0 where silence never pays, 1 where it always
#   does.
# - *About 1 line.*


# %% id="15-2-stub" tags=["exercise"]
def silence_pays(silent: float, wrong: float, right: float) -> float:
    """The certainty below which leaving something out earns more than guessing it.

    silent, wrong, right: three scores, wrong < right.  Returns a number from 0 to 1.
    """
    ### BEGIN SOLUTION
    return min(1.0, max(0.0, (silent - wrong) / (right - wrong)))
    ### END SOLUTION


# %% id="15-2-check"
silence_pays = check(silence_pays)

# %% [markdown] id="15-2-use-text"
# By your own metric, how sure of the month must one be?

# %% id="15-2-use" tags=["nbval-check-output"]
silent, wrong = chrf("понедельник, 17", right), chrf("понедельник, 17 апреля", right)
print(f"silent {silent:.3f}, wrong {wrong:.3f}")
print(f"silence pays below {silence_pays(silent, wrong, 1.0):.2f}")

# %% id="15-2-claim" tags=["nbval-check-output"]
from course import claim

p = silence_pays(silent, wrong, 1.0)
even = p * 1.0 + (1 - p) * wrong
claim("at that certainty a guess earns what silence earns", abs(even - silent) < 1e-6)

# %% [markdown] id="15-3-text"
# - **Given** `program`, a text that a model wrote, and `x`, a whole number.
# - **Return** its value, an `int`; `None` where it has none. Allowed are whole numbers,
#   the name `x`, `+ - *`, a minus in front, brackets, and `a if b == c else d`, with
#   one `==` and all parts allowed. Space around the program is forgiven. At most 40
#   characters, the space included, and 12 levels of the tree (`x` is one level, `-x`
#   are two). Nothing may be run: no `eval`, no `exec`.
# - `ast.parse(text, mode="eval").body` is the tree. It raises `SyntaxError` or
#   `ValueError` on what is no expression.
# - *About 20 lines.*


# %% id="15-3-stub" tags=["exercise"]
def safe_value(program: str, x: int) -> int | None:
    """What the program is at x; None where it holds anything that is not allowed."""
    ### BEGIN SOLUTION
    operators = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}

    def walk(node, depth):
        if depth > 12:
            raise ValueError("too deep")
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name) and node.id == "x":
            return x
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand, depth + 1)
        if isinstance(node, ast.BinOp) and type(node.op) in operators:
            left, right = walk(node.left, depth + 1), walk(node.right, depth + 1)
            return operators[type(node.op)](left, right)
        if isinstance(node, ast.IfExp) and isinstance(node.test, ast.Compare):
            test = node.test
            if len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
                parts = (test.left, test.comparators[0], node.body, node.orelse)
                a, b, yes, no = (walk(part, depth + 1) for part in parts)
                return yes if a == b else no
        raise ValueError("not allowed")

    if len(program) > 40:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(program.strip(), mode="eval")
        return walk(tree.body, 1)
    except (SyntaxError, ValueError):
        return None
    ### END SOLUTION


# %% id="15-3-check"
safe_value = check(safe_value)

# %% id="15-3-use" tags=["nbval-check-output"]
for program in ("(x+7)*8", "120 if x==8 else 112", "open('notes')", "9**9**9"):
    print(f"{program:<22} {safe_value(program, 8)}")

# %% [markdown] id="15-4-text"
# - **Given** `program` and `tests`, a list of pairs: an x, and what the program must be
#   there.
# - **Return** `True` if its value is right in every test, else `False`; a program
#   without a value fails. Without a test, raise `ValueError`: whatever was written
#   would pass.
# - *About 3 lines, with `safe_value`.*


# %% id="15-4-stub" tags=["exercise"]
def passes(program: str, tests: list[tuple[int, int]]) -> bool:
    """Whether the program has the right value in every test.

    tests: pairs (x, expected value), at least one.
    """
    ### BEGIN SOLUTION
    if not tests:
        raise ValueError("got no tests, expected at least one")
    return all(safe_value(program, x) == y for x, y in tests)
    ### END SOLUTION


# %% id="15-4-check"
passes = check(passes)

# %% id="15-4-use" tags=["nbval-check-output"]
visible = [(8, 120), (7, 112)]
for program in ("(x+7)*8", "x+7*8", "120 if x==8 else 112"):
    print(f"{program:<22} passes: {passes(program, visible)}")

# %% [markdown] id="15-5-text"
# - **Given** `prompt`, which describes a function; `seed`; and `n`.
# - **Return** a list of n pairs (x, what the function is at x). The x are those of
#   `random.Random(seed).sample(range(-20, 40), n)`, in that order. `wanted(prompt, x)`
#   says what the function is.
# - *About 2 lines.*

# %% id="15-5-stub" tags=["exercise"]
from course.tasks.program_tests import wanted


def fresh_tests(prompt: str, seed: int, n: int) -> list[tuple[int, int]]:
    """n tests at different x from -20 to 39, others for each seed."""
    ### BEGIN SOLUTION
    xs = random.Random(seed).sample(range(-20, 40), n)
    return [(x, wanted(prompt, x)) for x in xs]
    ### END SOLUTION


# %% id="15-5-check"
fresh_tests = check(fresh_tests)

# %% [markdown] id="15-5-use-text"
# Which of the three programs survive a test that nobody has seen?

# %% id="15-5-use" tags=["nbval-check-output"]
prompt = "add 7, then times 8. f(8)=120 f(7)=112: "
print("tests:", fresh_tests(prompt, 0, 2))
for program in ("(x+7)*8", "x+7*8", "120 if x==8 else 112"):
    print(f"{program:<22} passes: {passes(program, fresh_tests(prompt, 0, 2))}")
