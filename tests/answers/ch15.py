"""Answers to the exercises of chapter 15, written from their texts alone."""

import ast
import operator
import random
import re
from collections import Counter

from course.tasks.program_tests import wanted
from tools.try_answers import right, wrong


def runs(text, n):
    return Counter(text[i : i + n] for i in range(len(text) - n + 1))


def squeezed(text):
    return re.sub(r"\s", "", text)


@right("15.1")
def by_list(hypothesis, reference):
    a, b = squeezed(hypothesis), squeezed(reference)
    P = R = lengths = 0
    for n in range(1, 7):
        one, other = runs(a, n), runs(b, n)
        if not one or not other:
            continue
        matches = sum(min(count, other[gram]) for gram, count in one.items())
        P += matches / (len(a) - n + 1)
        R += matches / (len(b) - n + 1)
        lengths += 1
    if P + R == 0:
        return 0.0
    P, R = P / lengths, R / lengths
    return 5 * P * R / (4 * P + R)


@right("15.1")
def crossed_off(hypothesis, reference):
    a, b = squeezed(hypothesis), squeezed(reference)
    shares = []
    for n in range(1, 1 + min(6, len(a), len(b))):
        left = [b[i : i + n] for i in range(len(b) - n + 1)]
        total, hits = len(left), 0
        grams = [a[i : i + n] for i in range(len(a) - n + 1)]
        for gram in grams:
            if gram in left:
                left.remove(gram)
                hits += 1
        shares.append((hits / len(grams), hits / total))
    if not any(p for p, _ in shares):
        return 0
    P = sum(p for p, _ in shares) / len(shares)
    R = sum(r for _, r in shares) / len(shares)
    return 1 / (0.2 / P + 0.8 / R)


@right("15.1")
def by_sacrebleu(hypothesis, reference):
    import sacrebleu

    return sacrebleu.sentence_chrf(hypothesis, [reference]).score / 100


def chrf(
    hypothesis,
    reference,
    top=6,
    bottom=1,
    beta=2,
    clip=True,
    squeeze=squeezed,
    always=False,
    swap=False,
):
    a, b = squeeze(hypothesis), squeeze(reference)
    shares = []
    for n in range(bottom, top + 1):
        one, other = runs(a, n), runs(b, n)
        if always or (one and other):
            hits = (
                (one & other).total()
                if clip
                else sum(one[g] for g in one if g in other)
            )
            shares.append((hits / max(one.total(), 1), hits / max(other.total(), 1)))
    if not any(map(sum, shares)):
        return 0.0
    P, R = (sum(x) / len(shares) for x in zip(*shares, strict=True))
    P, R = (R, P) if swap else (P, R)
    return (1 + beta**2) * P * R / (beta**2 * P + R)


wrong("15.1", "beta 1")(lambda a, b: chrf(a, b, beta=1))
wrong("15.1", "precision doubled")(lambda a, b: chrf(a, b, swap=True))
wrong("15.1", "spaces kept")(lambda a, b: chrf(a, b, squeeze=str))
wrong("15.1", "outer spaces only")(lambda a, b: chrf(a, b, squeeze=str.strip))
wrong("15.1", "only blanks, tabs stay")(
    lambda a, b: chrf(a, b, squeeze=lambda t: t.replace(" ", ""))
)
wrong("15.1", "lower case")(lambda a, b: chrf(a.lower(), b.lower()))
wrong("15.1", "up to 5")(lambda a, b: chrf(a, b, top=5))
wrong("15.1", "up to 4, as BLEU")(lambda a, b: chrf(a, b, top=4))
wrong("15.1", "from 2")(lambda a, b: chrf(a, b, bottom=2))
wrong("15.1", "6 alone")(lambda a, b: chrf(a, b, bottom=6))
wrong("15.1", "letters alone")(lambda a, b: chrf(a, b, top=1))
wrong("15.1", "not clipped")(lambda a, b: chrf(a, b, clip=False))
wrong("15.1", "always six lengths")(lambda a, b: chrf(a, b, always=True))
wrong("15.1", "per cent")(lambda a, b: 100 * chrf(a, b))
wrong("15.1", "F of 4")(lambda a, b: chrf(a, b, beta=4))


@wrong("15.1", "sets of n-grams")
def as_sets(a, b):
    a, b = squeezed(a), squeezed(b)
    shares = []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = set(runs(a, n)), set(runs(b, n))
        hits = len(one & other)
        shares.append((hits / len(one), hits / len(other)))
    if not any(map(sum, shares)):
        return 0.0
    P, R = (sum(x) / len(shares) for x in zip(*shares, strict=True))
    return 5 * P * R / (4 * P + R)


@wrong("15.1", "mean of F")
def mean_of_f(a, b):
    a, b = squeezed(a), squeezed(b)
    values = []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = runs(a, n), runs(b, n)
        hits = (one & other).total()
        P, R = hits / one.total(), hits / other.total()
        values.append(5 * P * R / (4 * P + R) if hits else 0.0)
    return sum(values) / len(values) if values else 0.0


@wrong("15.1", "all lengths pooled")
def pooled(a, b):
    a, b = squeezed(a), squeezed(b)
    hits = one_all = other_all = 0
    for n in range(1, min(6, len(a), len(b)) + 1):
        one, other = runs(a, n), runs(b, n)
        hits += (one & other).total()
        one_all += one.total()
        other_all += other.total()
    if not hits:
        return 0.0
    P, R = hits / one_all, hits / other_all
    return 5 * P * R / (4 * P + R)


@wrong("15.1", "words")
def of_words(a, b):
    a, b = a.split(), b.split()
    shares = []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one = Counter(tuple(a[i : i + n]) for i in range(len(a) - n + 1))
        other = Counter(tuple(b[i : i + n]) for i in range(len(b) - n + 1))
        hits = (one & other).total()
        shares.append((hits / one.total(), hits / other.total()))
    if not any(map(sum, shares)):
        return 0.0
    P, R = (sum(x) / len(shares) for x in zip(*shares, strict=True))
    return 5 * P * R / (4 * P + R)


@wrong("15.1", "precision alone")
def precision_alone(a, b):
    a, b = squeezed(a), squeezed(b)
    top = min(6, len(a), len(b))
    shares = [(runs(a, n) & runs(b, n)).total() / (len(a) - n + 1)
              for n in range(1, top + 1)]  # fmt: skip
    return sum(shares) / len(shares) if shares else 0.0


@wrong("15.1", "0 / 0 where nothing matches")
def unguarded(a, b):
    a, b = squeezed(a), squeezed(b)
    top = min(6, len(a), len(b))
    hits = [(runs(a, n) & runs(b, n)).total() for n in range(1, top + 1)]
    P = sum(h / (len(a) - n) for n, h in enumerate(hits)) / len(hits)
    R = sum(h / (len(b) - n) for n, h in enumerate(hits)) / len(hits)
    return 5 * P * R / (4 * P + R)


@wrong("15.1", "one n-gram too few")
def one_short(a, b):
    a, b = squeezed(a), squeezed(b)
    shares = []
    for n in range(1, min(6, len(a), len(b)) + 1):
        one = Counter(a[i : i + n] for i in range(len(a) - n))
        other = Counter(b[i : i + n] for i in range(len(b) - n))
        hits = (one & other).total()
        shares.append((hits / max(1, one.total()), hits / max(1, other.total())))
    if not any(map(sum, shares)):
        return 0.0
    P, R = (sum(x) / len(shares) for x in zip(*shares, strict=True))
    return 5 * P * R / (4 * P + R)


@right("15.2")
def solved(silent, wrong, right):
    if silent <= wrong:
        return 0.0
    if silent >= right:
        return 1.0
    return (silent - wrong) / (right - wrong)


@right("15.2")
def sorted_three(silent, wrong, right):
    return sorted([0.0, (wrong - silent) / (wrong - right), 1.0])[1]


@right("15.2")
def by_halving(silent, wrong, right):
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        if p * right + (1 - p) * wrong < silent:
            low = p
        else:
            high = p
    return high if high > 1e-15 else 0.0


@right("15.2")
def clipped_score(silent, wrong, right):
    return (min(max(silent, wrong), right) - wrong) / (right - wrong)


def clip(p):
    return min(1.0, max(0.0, p))


wrong("15.2", "not clipped")(lambda s, w, r: (s - w) / (r - w))
wrong("15.2", "never below 0 only")(lambda s, w, r: max(0.0, (s - w) / (r - w)))
wrong("15.2", "never above 1 only")(lambda s, w, r: min(1.0, (s - w) / (r - w)))
wrong("15.2", "the complement")(lambda s, w, r: clip((r - s) / (r - w)))
wrong("15.2", "by 1, not right")(lambda s, w, r: clip((s - w) / (1 - w)))
wrong("15.2", "by right")(lambda s, w, r: clip((s - w) / r))
wrong("15.2", "ratio")(lambda s, w, r: clip(s / r))
wrong("15.2", "difference")(lambda s, w, r: clip(s - w))
wrong("15.2", "swapped guesses")(lambda s, w, r: clip((s - r) / (w - r) - 1))
wrong("15.2", "sign")(lambda s, w, r: clip((w - s) / (r - w)))
wrong("15.2", "sum below")(lambda s, w, r: clip((s - w) / (r + w)))
wrong("15.2", "a bool")(lambda s, w, r: s > w)
wrong("15.2", "half")(lambda s, w, r: clip((s - w) / (r - w) / 2))
wrong("15.2", "always 0 to 1 inverted")(
    lambda s, w, r: 1.0 if s <= w else 0.0 if s >= r else (s - w) / (r - w)
)
wrong("15.2", "0 where it always pays")(
    lambda s, w, r: (s - w) / (r - w) if w < s < r else 0.0
)
wrong("15.2", "rounded")(lambda s, w, r: round(clip((s - w) / (r - w)), 2))
wrong("15.2", "absolute")(lambda s, w, r: min(1.0, abs(s - w) / (r - w)))
wrong("15.2", "gain of right over silence")(lambda s, w, r: clip((r - s) / r))


SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


def value(
    program,
    x,
    *,
    length=40,
    levels=12,
    strip=True,
    signs=SIGNS,
    bools=False,
    floats=False,
    minus=True,
    plus=False,
    names=("x",),
    lazy=False,
    compare=(ast.Eq,),
    chain=False,
    truthy=False,
    measured=lambda text: text,
    first=1,
    always_else=False,
    swapped=False,
    error=None,
    caught=(SyntaxError, ValueError, ZeroDivisionError, OverflowError),
):  # fmt: skip
    class No(Exception):
        pass

    def go(node, depth):
        if depth > levels:
            raise No
        if isinstance(node, ast.Constant):
            kinds = (int,) + ((bool,) if bools else ()) + ((float,) if floats else ())
            if type(node.value) in kinds:
                return node.value
        if isinstance(node, ast.Name) and node.id in names:
            return x
        if isinstance(node, ast.UnaryOp):
            if minus and isinstance(node.op, ast.USub):
                return -go(node.operand, depth + 1)
            if plus and isinstance(node.op, ast.UAdd):
                return go(node.operand, depth + 1)
        if isinstance(node, ast.BinOp) and type(node.op) in signs:
            a, b = go(node.left, depth + 1), go(node.right, depth + 1)
            return signs[type(node.op)](a, b)
        if isinstance(node, ast.IfExp):
            t = node.test
            if isinstance(t, ast.Compare) and isinstance(t.ops[0], compare):
                if len(t.ops) > 1 and not chain:
                    raise No
                same = go(t.left, depth + 1) == go(t.comparators[0], depth + 1)
            elif truthy:
                same = bool(go(t, depth + 1))
            else:
                raise No
            if always_else:
                same = False
            if swapped:
                same = not same
            if lazy:
                return go(node.body if same else node.orelse, depth + 1)
            yes, no = go(node.body, depth + 1), go(node.orelse, depth + 1)
            return yes if same else no
        raise No

    if len(measured(program)) > length:
        return error
    try:
        text = program.strip() if strip else program
        return go(ast.parse(text, mode="eval").body, first)
    except (No, *caught):
        return error


@right("15.3")
def in_two_passes(program, x):
    if len(program) > 40:
        return None
    try:
        tree = ast.parse(program.strip(), mode="eval").body
    except Exception:
        return None

    def allowed(node):
        match node:
            case ast.Constant(value=v):
                return type(v) is int
            case ast.Name(id="x"):
                return True
            case ast.UnaryOp(op=ast.USub(), operand=a):
                return allowed(a)
            case ast.BinOp(left=a, op=ast.Add() | ast.Sub() | ast.Mult(), right=b):
                return allowed(a) and allowed(b)
            case ast.IfExp(
                test=ast.Compare(left=a, ops=[ast.Eq()], comparators=[b]),
                body=c,
                orelse=d,
            ):
                return all(map(allowed, (a, b, c, d)))
        return False

    def depth(node):
        if isinstance(node, ast.IfExp):
            t = node.test
            parts = [t.left, *t.comparators, node.body, node.orelse]
        elif isinstance(node, ast.BinOp):
            parts = [node.left, node.right]
        elif isinstance(node, ast.UnaryOp):
            parts = [node.operand]
        else:
            return 1
        return 1 + max(map(depth, parts))

    def find(node):
        match node:
            case ast.Constant(value=v):
                return v
            case ast.Name():
                return x
            case ast.UnaryOp(operand=a):
                return -find(a)
            case ast.BinOp(left=a, op=op, right=b):
                return SIGNS[type(op)](find(a), find(b))
            case ast.IfExp(test=t, body=c, orelse=d):
                return find(c if find(t.left) == find(t.comparators[0]) else d)

    return find(tree) if allowed(tree) and depth(tree) <= 12 else None


@right("15.3")
def with_closure(program, x):
    def no(*_):
        raise ValueError

    def build(node, levels):
        if levels == 0:
            no()
        below = levels - 1
        if isinstance(node, ast.BinOp):
            f = SIGNS.get(type(node.op), no)
            return f(build(node.left, below), build(node.right, below))
        if isinstance(node, ast.UnaryOp) and type(node.op) is ast.USub:
            return 0 - build(node.operand, below)
        if isinstance(node, ast.Name):
            return {"x": x}[node.id]
        if isinstance(node, ast.Constant):
            return node.value if type(node.value) is int else no()
        if not isinstance(node, ast.IfExp) or not isinstance(node.test, ast.Compare):
            no()
        (op,), (other,) = node.test.ops, node.test.comparators
        if not isinstance(op, ast.Eq):
            no()
        a, b, yes, no_ = (
            build(part, below)
            for part in (node.test.left, other, node.body, node.orelse)
        )
        return yes if a == b else no_

    try:
        return build(ast.parse(program.strip(), mode="eval").body, 12) if (
            len(program) <= 40
        ) else None  # fmt: skip
    except (SyntaxError, ValueError, KeyError):
        return None


@right("15.3")
def by_default(program, x):
    return value(program, x)


wrong("15.3", "eval")(lambda p, x: eval(p, {"x": x}))


@wrong("15.3", "eval without builtins")
def bare_eval(program, x):
    try:
        return eval(program.strip(), {"__builtins__": {}}, {"x": x})
    except Exception:
        return None


@wrong("15.3", "eval after a list of forbidden words")
def black_list(program, x):
    if len(program) > 40 or re.search(r"import|open|exec|eval|__|print|exit", program):
        return None
    try:
        return eval(program.strip(), {"x": x})
    except Exception:
        return None


@wrong("15.3", "eval after a set of characters")
def character_list(program, x):
    if len(program) > 40 or not re.fullmatch(r"[0-9x+\-*() =ifels]*", program):
        return None
    try:
        return eval(program.strip(), {"x": x})
    except Exception:
        return None


wrong("15.3", "no limit of length")(lambda p, x: value(p, x, length=10**9))
wrong("15.3", "39 at most")(lambda p, x: value(p, x, length=39))
wrong("15.3", "length without the space")(
    lambda p, x: value(p, x, measured=lambda text: text.strip())
)
wrong("15.3", "no limit of depth")(lambda p, x: value(p, x, levels=1000))
wrong("15.3", "11 levels")(lambda p, x: value(p, x, levels=11))
wrong("15.3", "13 levels, counted from 0")(lambda p, x: value(p, x, first=0))
wrong("15.3", "space not forgiven")(lambda p, x: value(p, x, strip=False))
wrong("15.3", "powers")(
    lambda p, x: value(p, x, signs=SIGNS | {ast.Pow: lambda a, b: a ** min(b, 9)})
)
wrong("15.3", "division")(
    lambda p, x: value(p, x, signs=SIGNS | {ast.FloorDiv: operator.floordiv})
)
wrong("15.3", "truth values are ints")(lambda p, x: value(p, x, bools=True))
wrong("15.3", "floats")(lambda p, x: value(p, x, floats=True))
wrong("15.3", "no minus in front")(lambda p, x: value(p, x, minus=False))
wrong("15.3", "a plus in front")(lambda p, x: value(p, x, plus=True))
wrong("15.3", "any name is x")(lambda p, x: value(p, x, names=("x", "y", "X", "n")))
wrong("15.3", "the branch not taken may hold anything")(
    lambda p, x: value(p, x, lazy=True)
)
wrong("15.3", "any comparison")(
    lambda p, x: value(p, x, compare=(ast.Eq, ast.Lt, ast.Gt, ast.NotEq))
)
wrong("15.3", "chained ==, the first counts")(lambda p, x: value(p, x, chain=True))
wrong("15.3", "any test")(lambda p, x: value(p, x, truthy=True))
wrong("15.3", "always else")(lambda p, x: value(p, x, always_else=True))
wrong("15.3", "branches swapped")(lambda p, x: value(p, x, swapped=True))
wrong("15.3", "0 for None")(lambda p, x: value(p, x, error=0))
wrong("15.3", "syntax errors escape")(lambda p, x: value(p, x, caught=()))
wrong("15.3", "no multiplication")(
    lambda p, x: value(p, x, signs={ast.Add: operator.add, ast.Sub: operator.sub})
)
wrong("15.3", "minus the wrong way")(
    lambda p, x: value(p, x, signs=SIGNS | {ast.Sub: lambda a, b: b - a})
)
wrong("15.3", "a float")(lambda p, x: None if (v := value(p, x)) is None else float(v))
wrong("15.3", "no condition")(lambda p, x: value(p, x, compare=()))
wrong("15.3", "without brackets, left to right")(
    lambda p, x: value(p.replace("(", "").replace(")", ""), x)
)


def safe(program, x):
    return value(program, x)


@right("15.4")
def one_by_one(program, tests):
    if len(tests) == 0:
        raise ValueError("no tests")
    verdict = True
    for x, y in tests:
        verdict = verdict and safe(program, x) == y
    return verdict


@right("15.4")
def as_lists(program, tests):
    xs, ys = zip(*tests, strict=True)
    return [safe(program, x) for x in xs] == list(ys)


@right("15.4")
def none_fails(program, tests):
    if not tests:
        raise ValueError
    return not [1 for x, y in tests if safe(program, x) != y]


@right("15.4")
def counted(program, tests):
    right_ones = sum(safe(program, x) == y for x, y in tests)
    if not tests:
        raise ValueError("what would that prove?")
    return right_ones == len(tests)


wrong("15.4", "no tests pass")(lambda p, tests: all(safe(p, x) == y for x, y in tests))
wrong("15.4", "no tests fail")(
    lambda p, tests: bool(tests) and all(safe(p, x) == y for x, y in tests)
)


def needs_tests(answer):
    def passes(program, tests):
        if not tests:
            raise ValueError("no tests")
        return answer(program, tests)

    return passes


wrong("15.4", "any")(needs_tests(lambda p, t: any(safe(p, x) == y for x, y in t)))
wrong("15.4", "first test")(needs_tests(lambda p, t: safe(p, t[0][0]) == t[0][1]))
wrong("15.4", "last test")(needs_tests(lambda p, t: safe(p, t[-1][0]) == t[-1][1]))
wrong("15.4", "share")(
    needs_tests(lambda p, t: sum(safe(p, x) == y for x, y in t) / len(t))
)
wrong("15.4", "most")(
    needs_tests(lambda p, t: sum(safe(p, x) == y for x, y in t) > len(t) / 2)
)
wrong("15.4", "count")(needs_tests(lambda p, t: sum(safe(p, x) == y for x, y in t)))
wrong("15.4", "list")(needs_tests(lambda p, t: [safe(p, x) == y for x, y in t]))
wrong("15.4", "pairs turned round")(
    needs_tests(lambda p, t: all(safe(p, y) == x for x, y in t))
)
wrong("15.4", "all but one")(
    needs_tests(lambda p, t: sum(safe(p, x) != y for x, y in t) <= 1)
)
wrong("15.4", "negated")(needs_tests(lambda p, t: all(safe(p, x) != y for x, y in t)))
wrong("15.4", "has a value")(
    needs_tests(lambda p, t: all(safe(p, x) is not None for x, _ in t))
)
wrong("15.4", "absolute value")(
    needs_tests(lambda p, t: all(abs(safe(p, x) or 0) == abs(y) for x, y in t))
)
wrong("15.4", "None counts as 0")(
    needs_tests(lambda p, t: all((safe(p, x) or 0) == y for x, y in t))
)
wrong("15.4", "no value is no failure")(
    needs_tests(lambda p, t: all(safe(p, x) in (None, y) for x, y in t))
)
wrong("15.4", "raises on no value")(
    needs_tests(lambda p, t: all(safe(p, x) - y == 0 for x, y in t))
)
wrong("15.4", "eval")(
    needs_tests(lambda p, t: all(eval(p, {"x": x}) == y for x, y in t))
)


@wrong("15.4", "an assertion")
def asserted(program, tests):
    assert tests
    return all(safe(program, x) == y for x, y in tests)


@wrong("15.4", "raises where a test fails")
def raises(program, tests):
    if not tests:
        raise ValueError("no tests")
    for x, y in tests:
        if safe(program, x) != y:
            raise ValueError("wrong")
    return True


@wrong("15.4", "returns at the first test")
def too_early(program, tests):
    if not tests:
        raise ValueError("no tests")
    for x, y in tests:
        return safe(program, x) == y


@right("15.5")
def looped(prompt, seed, n):
    draw, pairs = random.Random(seed), []
    for x in draw.sample(range(-20, 40), n):
        pairs.append((x, wanted(prompt, x)))
    return pairs


@right("15.5")
def zipped(prompt, seed, n):
    r = random.Random()
    r.seed(seed)
    xs = r.sample(range(-20, 40), k=n)
    return list(zip(xs, (wanted(prompt, x) for x in xs), strict=True))


@right("15.5")
def from_list(prompt, seed, n):
    draw = random.Random(seed).sample
    xs = draw(list(range(-20, 40)), n)
    return [*zip(xs, [wanted(prompt, x) for x in xs], strict=True)]


@right("15.5")
def kept_state(prompt, seed, n):
    state = random.getstate()
    random.seed(seed)
    xs = random.sample(range(-20, 40), n)
    random.setstate(state)
    return [(x, wanted(prompt, x)) for x in xs]


def drawn(seed, n, low=-20, high=40):
    return random.Random(seed).sample(range(low, high), n)


wrong("15.5", "sorted")(
    lambda p, s, n: [(x, wanted(p, x)) for x in sorted(drawn(s, n))]
)
wrong("15.5", "with repeats")(
    lambda p, s, n: [
        (x, wanted(p, x)) for x in random.Random(s).choices(range(-20, 40), k=n)
    ]
)
wrong("15.5", "to 40")(
    lambda p, s, n: [(x, wanted(p, x)) for x in drawn(s, n, high=41)]
)
wrong("15.5", "from 0")(lambda p, s, n: [(x, wanted(p, x)) for x in drawn(s, n, 0)])
wrong("15.5", "no seed")(lambda p, s, n: [(x, wanted(p, x)) for x in drawn(None, n)])
wrong("15.5", "always seed 0")(lambda p, s, n: [(x, wanted(p, x)) for x in drawn(0, n)])
wrong("15.5", "one x")(lambda p, s, n: [(x, wanted(p, x)) for x in drawn(s, n)[:1] * n])
wrong("15.5", "two tests always")(
    lambda p, s, n: [(x, wanted(p, x)) for x in drawn(s, 2)]
)
wrong("15.5", "pairs turned round")(
    lambda p, s, n: [(wanted(p, x), x) for x in drawn(s, n)]
)
wrong("15.5", "values alone")(lambda p, s, n: [wanted(p, x) for x in drawn(s, n)])
wrong("15.5", "a dictionary")(lambda p, s, n: {x: wanted(p, x) for x in drawn(s, n)})
right("15.5")(lambda p, s, n: [[x, wanted(p, x)] for x in drawn(s, n)])
wrong("15.5", "a generator")(lambda p, s, n: ((x, wanted(p, x)) for x in drawn(s, n)))
wrong("15.5", "x twice")(lambda p, s, n: [(x, x) for x in drawn(s, n)])
wrong("15.5", "n random draws with one seed each")(
    lambda p, s, n: [(x, wanted(p, x)) for i in range(n) for x in drawn(s + i, 1)]
)
wrong("15.5", "hidden tests")(
    lambda p, s, n: [(x, wanted(p, x)) for x in range(10, 10 + n)]
)
wrong("15.5", "one too many")(
    lambda p, s, n: [(x, wanted(p, x)) for x in drawn(s, n + 1)]
)


@right("15.5")
def common(prompt, seed, n):
    random.seed(seed)
    return [(x, wanted(prompt, x)) for x in random.sample(range(-20, 40), n)]


@wrong("15.5", "randint")
def randint(prompt, seed, n):
    draw = random.Random(seed)
    xs = [draw.randint(-20, 39) for _ in range(n)]
    return [(x, wanted(prompt, x)) for x in xs]


@wrong("15.5", "seed of the prompt")
def of_prompt(prompt, seed, n):
    return [(x, wanted(prompt, x)) for x in drawn(f"{prompt}{seed}", n)]


@wrong("15.5", "the visible tests")
def visible(prompt, seed, n):
    found = re.findall(r"f\((-?\d+)\)=(-?\d+)", prompt)
    return [(int(x), int(y)) for x, y in found][:n]
