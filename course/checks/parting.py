"""What parts right results from wrong ones: places, masks, and kinds of inputs."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from course.checks.comparing import same
from course.checks.recognise import Case


def numbers(case: Case) -> list[tuple[Tensor, Tensor]]:
    """(yours, expected) of every probe as double tensors; empty where one is not."""
    found = []
    for mine, theirs in zip(case.outcomes, case.expected, strict=True):
        if mine.error is not None:
            return []
        pair = []
        for value in (mine.value, theirs.value):
            if isinstance(value, Tensor):
                pair.append(value.detach().double())
            elif isinstance(value, (int, float)):
                pair.append(torch.tensor(float(value), dtype=torch.float64))
            else:
                return []
        if pair[0].shape != pair[1].shape:
            return []
        found.append((pair[0], pair[1]))
    return found


def proportional(case: Case) -> str | None:
    """One factor or one offset at every place, on every probe or on each."""
    pairs = [
        (a[a.isfinite() & b.isfinite()], b[a.isfinite() & b.isfinite()])
        for a, b in numbers(case)
    ]
    pairs = [(a, b) for a, b in pairs if len(b)]
    if len(pairs) < 3:
        return None
    near = {"rtol": 1e-4, "atol": 1e-6}
    spread = sum(len(b) > 1 and bool((b - b[0]).abs().max() > 1e-6) for _, b in pairs)
    gaps = [float((a - b).mean()) for a, b in pairs]
    if all(torch.allclose(a - b, (a - b).mean(), **near) for a, b in pairs):
        if max(gaps) - min(gaps) < 1e-5 and abs(gaps[0]) > 1e-6:
            return f"your result is the expected one plus {gaps[0]:.4g} on every probe"
        if spread >= 3 and max(gaps) - min(gaps) > 0.001:
            return (
                "your result is the expected one plus a constant that changes from "
                f"probe to probe, such as {_two(gaps)}: something that is the same at "
                "every place is added or left out"
            )
    factors = [float((a @ b) / (b @ b)) for a, b in pairs if float(b @ b) > 1e-9]
    used = [(a, b) for a, b in pairs if float(b @ b) > 1e-9]
    if len(used) >= 3 and all(
        torch.allclose(a, b * k, **near)
        for (a, b), k in zip(used, factors, strict=True)
    ):
        if max(factors) - min(factors) < 1e-4 and abs(factors[0] - 1) > 1e-3:
            return (
                f"your result is the expected one times {factors[0]:.4g} on every probe"
            )
        if spread >= 3 and max(factors) - min(factors) > 0.01:
            return (
                "your result is the expected one times a factor that changes from "
                f"probe to probe, such as {_two(factors)}: what you divide or multiply "
                "by is not the right number"
            )
    return None


def _two(values: list[float]) -> str:
    ordered = sorted(set(values))
    return f"{ordered[0]:.3g} and {ordered[-1]:.3g}"


def one_for_another(case: Case) -> str | None:
    """One number that stands at every place where another one is expected."""
    swaps = set()
    for mine, theirs in numbers(case):
        apart = ~torch.isclose(mine, theirs, 1e-4, 1e-5, equal_nan=True)
        swaps |= set(zip(mine[apart].tolist(), theirs[apart].tolist(), strict=True))
    if len(swaps) != 1:
        return None
    ((mine, theirs),) = swaps
    return f"your result has {mine:g} wherever {theirs:g} is expected"


def refused(case: Case) -> str | None:
    """A value in place of None wherever the answer is wrong, or None for a value."""
    pairs = [(case.outcomes[n].value, case.expected[n].value) for n in case.wrong]
    named = " and ".join(f"“{case.probes[n].name}”" for n in case.wrong[:2])
    if all(mine is not None and theirs is None for mine, theirs in pairs):
        return f"you return a value where None is expected, on {named}"
    if all(mine is None and theirs is not None for mine, theirs in pairs):
        return f"you return None where a value is expected, on {named}"
    return None


def capped(case: Case) -> str | None:
    """A loss that never rises above −log of a small number, where it should."""
    for mine, theirs in numbers(case):
        if mine.dim() or not mine.isfinite() or float(theirs) < float(mine) + 1:
            continue
        for power in range(4, 13):
            cap = power * math.log(10)
            if abs(float(mine) - cap) < 0.01:
                return (
                    "your result stops rising where the model is most wrong: a small "
                    "number added or clamped before the logarithm caps it there"
                )
    return None


def by_place(case: Case) -> str | None:
    """Places of the result that are wrong everywhere while all others are right."""
    pairs = numbers(case)
    pairs = [(a, b) for a, b in pairs if b.dim()]
    if len(pairs) < 3:
        return None
    tolerance = 10 * case.tolerance
    right = [
        torch.isclose(a, b, tolerance, tolerance, equal_nan=True) for a, b in pairs
    ]
    wide = [r for r in right if r.shape[-1] > 1]
    if len(wide) < 3:
        return None
    for words, inside in (
        ("first column", lambda r: r[..., :1]),
        ("last column", lambda r: r[..., -1:]),
    ):
        rest = slice(1, None) if words[0] == "f" else slice(None, -1)
        if all(r[..., rest].all() for r in wide) and not all(
            inside(r).all() for r in wide
        ):
            return (
                f"only the {words} of your result is wrong: all other places are right"
            )
    for place, name in enumerate(case.exercise.parameters):
        states = []
        for probe, (a, b) in zip(case.probes, numbers(case), strict=True):
            mask = probe.arguments[place] if place < len(probe.arguments) else None
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
                break
            if mask.shape == b.shape:
                states.append(
                    (torch.isclose(a, b, tolerance, tolerance, equal_nan=True), mask)
                )
        if len(states) < 3:
            continue
        if all(ok[mask].all() for ok, mask in states):
            return f"your result is wrong only where `{name}` is false"
        if all(ok[~mask].all() for ok, mask in states) and any(
            (~mask).any() for _, mask in states
        ):
            return f"your result is wrong only where `{name}` is true"
    return None


def _features(case: Case) -> Iterator[tuple[str, str, list[bool]]]:
    """(what, otherwise, which probes have it) for what may decide about a probe."""
    names, calls = case.exercise.parameters, [p.arguments for p in case.probes]
    for place, name in enumerate(names):
        values = [a[place] if place < len(a) else None for a in calls]
        if all(isinstance(v, Tensor) for v in values):
            if values[0].dtype == torch.bool:
                yield (
                    f"`{name}` is true everywhere", f"`{name}` has false entries",
                    [bool(v.all()) for v in values],
                )  # fmt: skip
            elif values[0].dim():
                yield (
                    f"`{name}` has a length of 1", f"`{name}` is longer",
                    [v.shape[0] == 1 for v in values],
                )  # fmt: skip
                yield (
                    f"`{name}` has one dimension", f"`{name}` has more dimensions",
                    [v.dim() == 1 for v in values],
                )  # fmt: skip
                yield (
                    f"`{name}` has no number above 30", f"`{name}` has large numbers",
                    [float(v.double().abs().nan_to_num(0, 0, 0).max()) <= 30
                     if v.numel() else True for v in values],
                )  # fmt: skip
        elif all(isinstance(v, (int, float)) for v in values):
            for fixed in sorted(set(values))[:12]:
                shown = str(fixed) if isinstance(fixed, bool) else f"{fixed:g}"
                yield (
                    f"`{name}` is {shown}", f"`{name}` is not {shown}",
                    [v == fixed for v in values],
                )  # fmt: skip
        elif all(isinstance(v, (str, list)) for v in values):
            yield (
                f"`{name}` is empty",
                f"`{name}` is not empty",
                [not v for v in values],
            )
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            values = [a[i : j + 1 : j - i] if j < len(a) else () for a in calls]
            if all(len(v) == 2 and isinstance(v[0], Tensor) for v in values):
                yield (
                    f"`{one}` and `{names[j]}` are equal", "they differ",
                    [same(*v, 1e-9) for v in values],
                )  # fmt: skip


def _ties(x: Tensor) -> bool:
    flat = x.flatten()
    return len(flat.unique()) < len(flat)


def _row_ties(x: Tensor) -> bool:
    rows = x.reshape(-1, x.shape[-1])
    return any(len(r.unique()) < len(r) for r in rows)


KINDS: tuple[tuple[str, Callable[[Tensor], bool]], ...] = (
    ("equal entries of `{}` (ties)", _ties),
    ("equal entries in a row of `{}` (ties)", lambda x: x.dim() > 0 and _row_ties(x)),
    ("negative entries of `{}`", lambda x: bool((x < 0).any())),
    ("a 0 in `{}`", lambda x: bool((x == 0).any())),
    ("entries of `{}` that are all equal",
     lambda x: x.numel() > 1 and bool((x == x.flatten()[0]).all())),
    ("a −∞ in `{}`", lambda x: bool((x == -torch.inf).any())),
    ("a NaN in `{}`", lambda x: bool(x.isnan().any())),
)  # fmt: skip


def by_kind(case: Case) -> str | None:
    """A kind of input that the answer treats wrongly, each time and nothing else."""
    for place, name in enumerate(case.exercise.parameters):
        values = [p.arguments[place] if place < len(p.arguments) else None
                  for p in case.probes]  # fmt: skip
        if not all(isinstance(v, Tensor) for v in values):
            continue
        for words, test in KINDS:
            if values[0].dtype == torch.bool:
                continue
            has = [v.numel() > 0 and test(v) for v in values]
            if (
                sum(has) == len(has)
                or [n for n, h in enumerate(has) if h] != case.wrong
            ):
                continue
            said = words.format(name)
            return f"your code treats {said} wrongly; all else is as expected"
    return None


def by_probe(case: Case) -> str | None:
    """A property of the inputs that parts the right results from the wrong ones."""
    right = [n not in case.wrong for n in range(len(case.probes))]
    if sum(right) < 1 or all(right):
        return None
    for what, otherwise, has in _features(case):
        for words, other, flags in (
            (what, otherwise, has),
            (otherwise, what, [not x for x in has]),
        ):
            if flags == right and sum(flags) > 1:
                return f"your result is right where {words}, and wrong where {other}"
    for what, otherwise, has in _features(case):
        for other, flags in ((otherwise, has), (what, [not x for x in has])):
            safe = [ok for ok, flag in zip(right, flags, strict=True) if flag]
            if len(safe) > 1 and all(safe) and not all(flags):
                return f"your result is wrong only where {other}"
    if 3 * len(case.wrong) <= len(right):
        named = " and ".join(f"“{case.probes[n].name}”" for n in case.wrong)
        return f"your result is right on all other probes, and wrong on {named}"
    return None


def close(case: Case) -> str | None:
    """A result that is nearly right everywhere."""
    worst = 0.0
    pairs = numbers(case)
    for mine, theirs in pairs:
        if not mine.isfinite().all() or not theirs.isfinite().all():
            return None
        size = float(theirs.abs().max()) if theirs.numel() else 0.0
        gap = float((mine - theirs).abs().max()) if theirs.numel() else 0.0
        worst = max(worst, gap / max(size, 1e-12))
    if pairs and 0 < worst < 0.03 and not math.isnan(worst):
        return (
            f"your result is off by {worst:.2g} of the expected size at most: a small "
            "constant or a rounding is not the expected one"
        )
    return None
