"""Answers to the exercises of chapter 14, written from their texts alone."""

import math
import statistics

import torch

from tools.try_answers import right, wrong

# 14.1 ---------------------------------------------------------------------------------


def solved(d, gain, columns=None, form=lambda a, b: (a / (2 * b)) ** 2, turn=True):
    """a, b and the peak from columns over d, all in the precision that is given."""
    M = torch.stack((d, -d * d), 1) if columns is None else columns
    a, b = torch.linalg.lstsq(M, gain[:, None]).solution[:2, 0]
    peak = form(a, b)
    if turn:
        peak = torch.where((a > 0) & (b > 0), peak, float("inf"))
    return torch.stack((a, b, peak))


def root(kl):
    return kl.double().sqrt()


right("14.1")(lambda kl, gain: solved(root(kl), gain.double()))


@right("14.1")
def by_qr(kl, gain):
    d, y = kl.double() ** 0.5, gain.double()
    q, r = torch.linalg.qr(torch.stack((d, d * d), 1))
    a, c = torch.linalg.solve_triangular(r, (q.T @ y)[:, None], upper=True)[:, 0]
    b = -c
    turns = bool(a > 0) and bool(b > 0)
    peak = a**2 / (4 * b**2) if turns else torch.tensor(math.inf).double()
    return torch.stack((a, b, peak))


@right("14.1")
def with_numpy(kl, gain):
    import numpy as np

    d = np.sqrt(kl.double().numpy())
    M = np.column_stack((d, -(d**2)))
    (a, b), *_ = np.linalg.lstsq(M, gain.double().numpy(), rcond=None)
    peak = (a / 2 / b) ** 2 if a > 0 and b > 0 else np.inf
    return torch.from_numpy(np.array([a, b, peak]))


@right("14.1")
def by_pinv(kl, gain):
    d = kl.to(torch.float64).sqrt()
    a, b = (torch.linalg.pinv(torch.stack((d, -(d**2))).T) @ gain.double()).tolist()
    peak = float("inf") if a <= 0 or b <= 0 else (0.5 * a / b) ** 2
    return torch.tensor([a, b, peak], dtype=torch.float64)


wrong("14.1", "KL in place of its root")(
    lambda kl, gain: solved(kl.double(), gain.double())
)
wrong("14.1", "peak of d, not of KL")(
    lambda kl, gain: solved(root(kl), gain.double(), form=lambda a, b: a / (2 * b))
)
wrong("14.1", "peak without the 2")(
    lambda kl, gain: solved(root(kl), gain.double(), form=lambda a, b: (a / b) ** 2)
)
wrong("14.1", "square of a alone")(
    lambda kl, gain: solved(root(kl), gain.double(), form=lambda a, b: a**2 / (2 * b))
)
wrong("14.1", "the height, not the place")(
    lambda kl, gain: solved(root(kl), gain.double(), form=lambda a, b: a**2 / (4 * b))
)
wrong("14.1", "a over b the other way round")(
    lambda kl, gain: solved(
        root(kl), gain.double(), form=lambda a, b: (b / (2 * a)) ** 2
    )
)
wrong("14.1", "no infinity")(
    lambda kl, gain: solved(root(kl), gain.double(), turn=False)
)


@wrong("14.1", "infinity only where b <= 0")
def only_b(kl, gain):
    a, b, peak = solved(root(kl), gain.double(), turn=False)
    return torch.stack((a, b, peak if b > 0 else torch.tensor(math.inf).double()))


@wrong("14.1", "infinity only where a <= 0")
def only_a(kl, gain):
    a, b, peak = solved(root(kl), gain.double(), turn=False)
    return torch.stack((a, b, peak if a > 0 else torch.tensor(math.inf).double()))


@wrong("14.1", "infinity only where both are")
def both(kl, gain):
    a, b, peak = solved(root(kl), gain.double(), turn=False)
    turns = (a > 0) | (b > 0)
    return torch.stack((a, b, peak if turns else torch.tensor(math.inf).double()))


@wrong("14.1", "nan where it does not turn")
def nan(kl, gain):
    a, b, peak = solved(root(kl), gain.double())
    return torch.stack((a, b, torch.where(peak.isinf(), torch.nan, peak)))


@wrong("14.1", "zero where it does not turn")
def zero(kl, gain):
    a, b, peak = solved(root(kl), gain.double())
    return torch.stack((a, b, torch.where(peak.isinf(), 0.0, peak)))


@wrong("14.1", "minus infinity")
def minus(kl, gain):
    a, b, peak = solved(root(kl), gain.double())
    return torch.stack((a, b, torch.where(peak.isinf(), -peak, peak)))


@wrong("14.1", "sign of b")
def sign(kl, gain):
    a, b, peak = solved(root(kl), gain.double())
    return torch.stack((a, -b, peak))


wrong("14.1", "plus in the curve")(
    lambda kl, gain: solved(
        root(kl), gain.double(), torch.stack((root(kl), root(kl) ** 2), 1)
    )
)


@wrong("14.1", "with a start of its own")
def intercept(kl, gain):
    d = root(kl)
    M = torch.stack((d, -d * d, torch.ones_like(d)), 1)
    return solved(d, gain.double(), M)


@wrong("14.1", "the logarithm's form")
def logarithm(kl, gain):
    d = root(kl)
    M = torch.stack((d, -torch.xlogy(d, d)), 1)
    return solved(d, gain.double(), M, form=lambda a, b: (2 * (a / b - 1)).exp())


right("14.1")(lambda kl, gain: solved(kl.float().sqrt(), gain.float()))
right("14.1")(lambda kl, gain: solved(kl.float().sqrt(), gain.float()).double())
right("14.1")(lambda kl, gain: solved(kl.float().sqrt().double(), gain.double()))


@wrong("14.1", "dividing by d first")
def divided(kl, gain):
    d = root(kl)
    M = torch.stack((torch.ones_like(d), -d), 1)
    return solved(d, gain.double() / d, M)


@wrong("14.1", "through two points")
def two_points(kl, gain):
    d, y = root(kl), gain.double()
    ends = [len(d) // 2, -1]
    return solved(d[ends], y[ends])


@wrong("14.1", "the best of the points")
def best_point(kl, gain):
    a, b, peak = solved(root(kl), gain.double())
    return torch.stack((a, b, kl.double()[gain.argmax()]))


@wrong("14.1", "order of the results")
def order(kl, gain):
    a, b, peak = solved(root(kl), gain.double())
    return torch.stack((b, a, peak))


wrong("14.1", "a and b alone")(lambda kl, gain: solved(root(kl), gain.double())[:2])
wrong("14.1", "the peak alone")(lambda kl, gain: solved(root(kl), gain.double())[2])
wrong("14.1", "numbers, not a tensor")(
    lambda kl, gain: tuple(solved(root(kl), gain.double()).tolist())
)
wrong("14.1", "gain from the first point on")(
    lambda kl, gain: solved(root(kl), gain.double() - gain.double()[0])
)
wrong("14.1", "the peak no farther than the points")(
    lambda kl, gain: solved(root(kl), gain.double()).minimum(
        torch.tensor([math.inf, math.inf, float(kl.max())]).double()
    )
)


@wrong("14.1", "a ridge for safety")
def ridge(kl, gain):
    d = root(kl)
    M = torch.stack((d, -d * d), 1)
    eye = 1e-3 * torch.eye(2).double()
    a, b = torch.linalg.solve(M.T @ M + eye, M.T @ gain.double())
    peak = torch.where((a > 0) & (b > 0), (a / (2 * b)) ** 2, float("inf"))
    return torch.stack((a, b, peak))


# 14.2 ---------------------------------------------------------------------------------

right("14.2")(lambda s, caution=1.0: s.mean(0) - caution * s.std(0, unbiased=False))
right("14.2")(
    lambda s, caution=1.0: s.mean(0) - caution * (s - s.mean(0)).square().mean(0).sqrt()
)


@right("14.2")
def column_by_column(scores, caution=1.0):
    found = []
    for column in scores.T.tolist():
        found.append(statistics.fmean(column) - caution * statistics.pstdev(column))
    return torch.tensor(found, dtype=scores.dtype)


@right("14.2")
def var_mean(scores, caution=1.0):
    variance, mean = torch.var_mean(scores.double(), dim=0, correction=0)
    return (mean - caution * variance.sqrt()).to(scores.dtype)


wrong("14.2", "n - 1")(lambda s, caution=1.0: s.mean(0) - caution * s.std(0))
wrong("14.2", "variance")(
    lambda s, caution=1.0: s.mean(0) - caution * s.var(0, correction=0)
)
wrong("14.2", "over the texts")(
    lambda s, caution=1.0: s.mean(1) - caution * s.std(1, correction=0)
)
wrong("14.2", "plus")(
    lambda s, caution=1.0: s.mean(0) + caution * s.std(0, correction=0)
)
wrong("14.2", "caution left out")(
    lambda s, caution=1.0: s.mean(0) - s.std(0, correction=0)
)
wrong("14.2", "the mean alone")(lambda s, caution=1.0: s.mean(0))
wrong("14.2", "the minimum")(lambda s, caution=1.0: s.amin(0))
wrong("14.2", "deviation over all scores")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(correction=0)
)
wrong("14.2", "mean over all scores")(
    lambda s, caution=1.0: s.mean() - caution * s.std(0, correction=0)
)
wrong("14.2", "median")(
    lambda s, caution=1.0: s.median(0).values - caution * s.std(0, correction=0)
)
wrong("14.2", "mean absolute deviation")(
    lambda s, caution=1.0: s.mean(0) - caution * (s - s.mean(0)).abs().mean(0)
)
wrong("14.2", "range")(
    lambda s, caution=1.0: s.mean(0) - caution * (s.amax(0) - s.amin(0))
)
wrong("14.2", "error of the mean")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(0, correction=0) / len(s) ** 0.5
)
wrong("14.2", "caution on both")(
    lambda s, caution=1.0: caution * (s.mean(0) - s.std(0, correction=0))
)
wrong("14.2", "deviation squared, caution, root")(
    lambda s, caution=1.0: s.mean(0) - (caution * s.var(0, correction=0)).sqrt()
)
wrong("14.2", "a convex mixture")(
    lambda s, caution=1.0: (1 - caution) * s.mean(0) + caution * s.amin(0)
)
wrong("14.2", "standardised first")(
    lambda s, caution=1.0: (
        ((s - s.mean()) / s.std()).mean(0)
        - caution * ((s - s.mean()) / s.std()).std(0, correction=0)
    )
)
wrong("14.2", "one number")(
    lambda s, caution=1.0: (s.mean(0) - caution * s.std(0, correction=0)).mean()
)
wrong("14.2", "keepdim")(
    lambda s, caution=1.0: (
        s.mean(0, keepdim=True) - caution * s.std(0, correction=0, keepdim=True)
    )
)
wrong("14.2", "for each model")(
    lambda s, caution=1.0: s - caution * s.std(0, correction=0)
)
wrong("14.2", "deviation of the texts")(
    lambda s, caution=1.0: s.mean(0) - caution * s.std(1, correction=0).mean()
)
wrong("14.2", "an epsilon in the root")(
    lambda s, caution=1.0: s.mean(0) - caution * (s.var(0, correction=0) + 1e-3).sqrt()
)


# 14.3 ---------------------------------------------------------------------------------


def rings(
    values,
    calm=6,
    width=4.0,
    run=2,
    deviation=statistics.stdev,
    outside=None,
    place=lambda step, run: step,
    from_step=None,
    neighbours=True,
    never=None,
):
    values = list(values)
    if len(values) < calm:
        return never
    quiet = values[:calm]
    middle, sd = statistics.fmean(quiet), deviation(quiet)
    outside = outside or (lambda x: abs(x - middle) > width * sd)
    count = 0
    for step in range(calm if from_step is None else from_step, len(values)):
        if outside(values[step]):
            count += 1
        elif neighbours:
            count = 0
        if count == run:
            return place(step, run)
    return never


right("14.3")(rings)


@right("14.3")
def windows(values, calm=6, width=4.0, run=2):
    x = torch.as_tensor(list(values), dtype=torch.float64)
    if len(x) < calm + run:
        return None
    out = (x - x[:calm].mean()).abs() > width * x[:calm].std()
    out[:calm] = False
    full = out.unfold(0, run, 1).all(1).nonzero()
    return int(full[0, 0]) + run - 1 if len(full) else None


@right("14.3")
def grouped(values, calm=6, width=4.0, run=2):
    import itertools

    if len(values) < calm:
        return None
    m, s = statistics.mean(values[:calm]), statistics.stdev(values[:calm])
    steps = range(calm, len(values))
    test = lambda n: not m - width * s <= values[n] <= m + width * s  # noqa: E731
    for out, group in itertools.groupby(steps, test):
        group = list(group)
        if out and len(group) >= run:
            return group[run - 1]
    return None


@right("14.3")
def with_numpy_bands(values, calm=6, width=4.0, run=2):
    import numpy as np

    x = np.asarray(values, dtype=float)
    if x.size < calm:
        return None
    band = width * x[:calm].std(ddof=1)
    out = np.abs(x - x[:calm].mean()) > band
    for end in range(calm + run - 1, x.size):
        if out[end - run + 1 : end + 1].all():
            return end
    return None


wrong("14.3", "the first of the run")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, place=lambda step, run: step - run + 1
    )
)
wrong("14.3", "counted from 1")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, place=lambda step, run: step + 1
    )
)
wrong("14.3", "counted from the end of the calm")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, place=lambda step, run: step - calm
    )
)
wrong("14.3", "deviation divided by n")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, deviation=statistics.pstdev
    )
)
wrong("14.3", "variance")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, deviation=statistics.variance
    )
)
wrong("14.3", "the run need not be in a row")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, neighbours=False
    )
)
wrong("14.3", "the calm steps can ring")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, from_step=0
    )
)
wrong("14.3", "the last calm step counts")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, from_step=calm - 1
    )
)
wrong("14.3", "begins one late")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, from_step=calm + 1
    )
)
wrong("14.3", "−1 for never")(
    lambda values, calm=6, width=4.0, run=2: rings(values, calm, width, run, never=-1)
)
wrong("14.3", "the length for never")(
    lambda values, calm=6, width=4.0, run=2: rings(
        values, calm, width, run, never=len(values)
    )
)
wrong("14.3", "one is enough")(
    lambda values, calm=6, width=4.0, run=2: rings(values, calm, width, 1)
)
wrong("14.3", "run ignored: always two")(
    lambda values, calm=6, width=4.0, run=2: rings(values, calm, width, 2)
)
wrong("14.3", "width ignored")(
    lambda values, calm=6, width=4.0, run=2: rings(values, calm, 4.0, run)
)
wrong("14.3", "calm ignored")(
    lambda values, calm=6, width=4.0, run=2: rings(values, 6, width, run)
)
wrong("14.3", "run + 1 neighbours")(
    lambda values, calm=6, width=4.0, run=2: rings(values, calm, width, run + 1)
)
wrong("14.3", "half the band")(
    lambda values, calm=6, width=4.0, run=2: rings(values, calm, width / 2, run)
)


@wrong("14.3", "only above")
def above(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values[:calm]), statistics.stdev(values[:calm])
    return rings(values, calm, width, run, outside=lambda x: x > m + width * s)


@wrong("14.3", "only below")
def below(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values[:calm]), statistics.stdev(values[:calm])
    return rings(values, calm, width, run, outside=lambda x: x < m - width * s)


@wrong("14.3", "the edge is outside")
def at_the_edge(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values[:calm]), statistics.stdev(values[:calm])
    return rings(values, calm, width, run, outside=lambda x: abs(x - m) >= width * s)


@wrong("14.3", "band of all values")
def all_values(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values), statistics.stdev(values)
    return rings(values, calm, width, run, outside=lambda x: abs(x - m) > width * s)


@wrong("14.3", "band around 0")
def around_zero(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    s = statistics.stdev(values[:calm])
    return rings(values, calm, width, run, outside=lambda x: abs(x) > width * s)


@wrong("14.3", "band around the median")
def around_median(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.median(values[:calm]), statistics.stdev(values[:calm])
    return rings(values, calm, width, run, outside=lambda x: abs(x - m) > width * s)


@wrong("14.3", "a moving band")
def moving(values, calm=6, width=4.0, run=2):
    count = 0
    for step in range(calm, len(values)):
        quiet = values[step - calm : step]
        m, s = statistics.fmean(quiet), statistics.stdev(quiet)
        count = count + 1 if abs(values[step] - m) > width * s else 0
        if count == run:
            return step
    return None


@wrong("14.3", "a band that grows")
def growing(values, calm=6, width=4.0, run=2):
    count = 0
    for step in range(calm, len(values)):
        quiet = values[:step]
        m, s = statistics.fmean(quiet), statistics.stdev(quiet)
        count = count + 1 if abs(values[step] - m) > width * s else 0
        if count == run:
            return step
    return None


@wrong("14.3", "the last time it rings")
def last_time(values, calm=6, width=4.0, run=2):
    found, count = None, 0
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values[:calm]), statistics.stdev(values[:calm])
    for step in range(calm, len(values)):
        count = count + 1 if abs(values[step] - m) > width * s else 0
        if count >= run:
            found = step
    return found


@wrong("14.3", "all steps at which it rings")
def all_times(values, calm=6, width=4.0, run=2):
    first = rings(values, calm, width, run)
    return [] if first is None else [first]


@wrong("14.3", "True or False")
def whether(values, calm=6, width=4.0, run=2):
    return rings(values, calm, width, run) is not None


@wrong("14.3", "the value, not the step")
def value(values, calm=6, width=4.0, run=2):
    step = rings(values, calm, width, run)
    return None if step is None else values[step]


@wrong("14.3", "both neighbours on one side")
def one_side(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values[:calm]), statistics.stdev(values[:calm])
    high = rings(values, calm, width, run, outside=lambda x: x > m + width * s)
    low = rings(values, calm, width, run, outside=lambda x: x < m - width * s)
    found = [step for step in (high, low) if step is not None]
    return min(found) if found else None


@wrong("14.3", "outside is forgotten only by two quiet steps")
def forgiving(values, calm=6, width=4.0, run=2):
    if len(values) < calm:
        return None
    m, s = statistics.fmean(values[:calm]), statistics.stdev(values[:calm])
    count, quiet = 0, 0
    for step in range(calm, len(values)):
        if abs(values[step] - m) > width * s:
            count, quiet = count + 1, 0
        else:
            quiet += 1
            count = 0 if quiet > 1 else count
        if count == run:
            return step
    return None


# 14.4 ---------------------------------------------------------------------------------

right("14.4")(
    lambda scores, worst: torch.tensor(
        [float(worst) if s is None else float(s) for s in scores]
    )
)


@right("14.4")
def fill(scores, worst):
    out = torch.full((len(scores),), float(worst))
    for n, s in enumerate(scores):
        if s is not None:
            out[n] = s
    return out


@right("14.4")
def by_nan(scores, worst):
    x = torch.tensor([math.nan if s is None else s for s in scores])
    return torch.where(x.isnan(), worst, x)


@right("14.4")
def with_numpy_floats(scores, worst):
    import numpy as np

    x = np.array(scores, dtype=float)  # None becomes nan
    return torch.from_numpy(np.where(np.isnan(x), worst, x))


wrong("14.4", "dropped")(
    lambda scores, worst: torch.tensor([float(s) for s in scores if s is not None])
)
wrong("14.4", "crash as 0")(
    lambda scores, worst: torch.tensor([0.0 if s is None else float(s) for s in scores])
)
wrong("14.4", "crash as −1")(
    lambda scores, worst: torch.tensor(
        [-1.0 if s is None else float(s) for s in scores]
    )
)
wrong("14.4", "0 counts as a crash")(
    lambda scores, worst: torch.tensor([float(s or worst) for s in scores])
)
wrong("14.4", "not s")(
    lambda scores, worst: torch.tensor([worst if not s else float(s) for s in scores])
)
wrong("14.4", "nan")(
    lambda scores, worst: torch.tensor(
        [math.nan if s is None else float(s) for s in scores]
    )
)
wrong("14.4", "minus infinity")(
    lambda scores, worst: torch.tensor(
        [-math.inf if s is None else float(s) for s in scores]
    )
)
wrong("14.4", "a list")(
    lambda scores, worst: [worst if s is None else float(s) for s in scores]
)
wrong("14.4", "the mean")(
    lambda scores, worst: torch.tensor(
        [worst if s is None else float(s) for s in scores]
    ).mean()
)
wrong("14.4", "whole numbers")(
    lambda scores, worst: torch.tensor([int(worst if s is None else s) for s in scores])
)


@wrong("14.4", "the lowest score in the list")
def lowest(scores, worst):
    seen = [s for s in scores if s is not None]
    low = min(seen, default=worst)
    return torch.tensor([low if s is None else float(s) for s in scores])


@wrong("14.4", "the mean of the scored")
def mean_of_scored(scores, worst):
    seen = [s for s in scores if s is not None]
    mean = sum(seen) / len(seen) if seen else worst
    return torch.tensor([mean if s is None else float(s) for s in scores])


@wrong("14.4", "crashes last")
def crashes_last(scores, worst):
    seen = [float(s) for s in scores if s is not None]
    return torch.tensor(seen + [float(worst)] * (len(scores) - len(seen)))


@wrong("14.4", "no score below the worst of the scored")
def clamped(scores, worst):
    return torch.tensor([worst if s is None else max(0.0, float(s)) for s in scores])


@wrong("14.4", "worst below every score, by one")
def one_below(scores, worst):
    return torch.tensor([worst - 1.0 if s is None else float(s) for s in scores])


@wrong("14.4", "worst subtracted from all")
def shifted(scores, worst):
    return torch.tensor([0.0 if s is None else float(s) - worst for s in scores])


@wrong("14.4", "the first crash only")
def first_only(scores, worst):
    out, seen = [], False
    for s in scores:
        if s is None and not seen:
            out.append(worst)
            seen = True
        elif s is not None:
            out.append(float(s))
    return torch.tensor(out)


@wrong("14.4", "a column")
def column(scores, worst):
    return torch.tensor([[worst if s is None else float(s)] for s in scores])


@wrong("14.4", "a mask beside the scores")
def with_mask(scores, worst):
    filled = torch.tensor([worst if s is None else float(s) for s in scores])
    return filled, torch.tensor([s is not None for s in scores])


@wrong("14.4", "all are the worst where one crashes")
def contagious(scores, worst):
    if any(s is None for s in scores):
        return torch.full((len(scores),), float(worst))
    return torch.tensor([float(s) for s in scores])


@wrong("14.4", "the absolute value of the worst")
def absolute(scores, worst):
    return torch.tensor([abs(worst) if s is None else float(s) for s in scores])


@wrong("14.4", "the worst with its sign changed")
def negated(scores, worst):
    return torch.tensor([-worst if s is None else float(s) for s in scores])


@wrong("14.4", "replaces None in the list it was given")
def in_place(scores, worst):
    for n, s in enumerate(scores):
        if s is None:
            scores[n] = worst
    return torch.tensor([float(s) for s in scores])
