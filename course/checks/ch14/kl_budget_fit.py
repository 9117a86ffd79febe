"""Exercise 14.1: the parabola over √KL, and its peak."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always


def probes(generator: torch.Generator) -> list[Probe]:
    def run(n: int, a: float, b: float, noise: float, far: float) -> tuple:
        kl = far * torch.rand(n, generator=generator, dtype=torch.float64) + 0.1
        gain = kl.sqrt() * (a - b * kl.sqrt())
        gain += noise * torch.randn(n, generator=generator, dtype=torch.float64)
        return kl, gain

    exact = torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64)
    return [
        Probe("two points", run(2, 1.0, 0.21, 0.0, 20.0)),
        Probe(
            "a parabola through three points",
            (exact, exact.sqrt() * (4 - exact.sqrt())),
        ),
        Probe("points on a curve that turns", run(8, 1.0, 0.1, 0.0, 100.0)),
        Probe("a noisy run", run(30, 0.8, 0.06, 0.2, 150.0)),
        Probe("a short run", run(12, 1.5, 0.4, 0.05, 9.0)),
        Probe("a gain that does not turn", run(10, 0.3, -0.06, 0.0, 40.0)),
        Probe("many steps", run(60, 0.9, 0.05, 0.3, 200.0)),
        Probe("a gain that only falls", run(10, -0.3, 0.06, 0.0, 40.0)),
        Probe("a peak beyond the data", run(8, 1.0, 0.06, 0.0, 20.0)),
    ]


def solved(columns: Tensor, target: Tensor) -> list[float]:
    return torch.linalg.lstsq(columns, target[:, None]).solution[:, 0].tolist()


def parabola(kl: Tensor, gain: Tensor) -> tuple[float, float]:
    d = kl.double().sqrt()
    a, b = solved(torch.stack((d, -d * d), 1), gain.double())
    return a, b


def turns(a: float, b: float, peak: float) -> Tensor:
    return numbers(a, b, peak if a > 0 and b > 0 else float("inf"))


def numbers(*found: float) -> Tensor:
    return torch.tensor(found, dtype=torch.float64)


@mistake("you fit over the KL itself: the curve's variable is its root, d = √KL")
def over_kl(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl**2, gain)
    return turns(a, b, (a / (2 * b)) ** 2)


@mistake("your peak is in √nats: square it to have nats")
def peak_in_root(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, a / (2 * b))


@mistake("your peak is at d = a / b, where the gain is back at 0: the top is half-way")
def peak_at_zero(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, (a / b) ** 2)


@mistake("your b has the other sign: the curve is d(a − b d), so a turn has b > 0")
def other_sign(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, (a / (2 * b)) ** 2) * numbers(1, -1, 1)


@mistake(
    "you let the curve start anywhere: gain is measured from the start, so the curve "
    "is 0 at d = 0 and has no constant"
)
def with_constant(kl: Tensor, gain: Tensor) -> Tensor:
    d = kl.double().sqrt()
    columns = torch.stack((torch.ones_like(d), d, -d * d), 1)
    _, a, b = solved(columns, gain.double())
    return turns(a, b, (a / (2 * b)) ** 2)


@mistake("you give a peak to a curve that does not turn: there it is infinity")
def always_a_peak(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return numbers(a, b, (a / (2 * b)) ** 2)


@mistake("you fit the form of RL, d(a − b ln d): the parabola is asked for")
def logarithm(kl: Tensor, gain: Tensor) -> Tensor:
    d = kl.double().sqrt()
    a, b = solved(torch.stack((d, -torch.xlogy(d, d)), 1), gain.double())
    return turns(a, b, (a / (2 * b)) ** 2)


@mistake("you take the KL of the best point for the peak: it is that of the curve")
def best_point(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, float(kl[gain.argmax()]))


@mistake("you return the curve's height at the peak: return the peak's KL")
def height(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, a * a / (4 * b))


@mistake("you return b before a")
def swapped(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, (a / (2 * b)) ** 2)[[1, 0, 2]]


@mistake("your b is doubled: the curve is d(a − b d), and only its slope has 2 b")
def doubled(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, (a / (2 * b)) ** 2) * numbers(1, 2, 1)


@mistake(
    "you fit gain / d by a line: that weighs the points near the start more; fit the "
    "gain itself"
)
def divided(kl: Tensor, gain: Tensor) -> Tensor:
    d = kl.double().sqrt()
    a, b = solved(torch.stack((torch.ones_like(d), -d), 1), gain.double() / d)
    return turns(a, b, (a / (2 * b)) ** 2)


@mistake("you give a peak to a curve that only falls: with a ≤ 0 it is infinity")
def falls_only(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return numbers(a, b, (a / (2 * b)) ** 2 if b > 0 else float("inf"))


@mistake("you write NaN where the curve does not turn: the peak is infinity there")
def not_a_number(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return numbers(a, b, (a / (2 * b)) ** 2 if a > 0 and b > 0 else float("nan"))


@mistake("you fit a line: the curve has a second number, b, that bends it")
def line(kl: Tensor, gain: Tensor) -> Tensor:
    d = kl.double().sqrt()
    (a,) = solved(d[:, None], gain.double())
    return numbers(a, 0.0, float("inf"))


@mistake("your second column is d², but the curve has −b d²: turn its sign")
def plus_in_the_curve(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, -b, (a / (2 * b)) ** 2)


@mistake("you fit the form of RL, d(a − b ln d): the parabola is asked for (its peak)")
def peak_of_the_logarithm(kl: Tensor, gain: Tensor) -> Tensor:
    d = kl.double().sqrt()
    a, b = solved(torch.stack((d, -torch.xlogy(d, d)), 1), gain.double())
    peak = torch.tensor(2 * (a / b - 1)).double().exp() if b else float("nan")
    return turns(a, b, float(peak))


@mistake("you subtract the first gain: gain is counted from the start already")
def from_first_point(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain - gain[0])
    return turns(a, b, (a / (2 * b)) ** 2)


@mistake("you write 0 where the curve does not turn: the peak is infinity there")
def zero_for_no_turn(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return numbers(a, b, (a / (2 * b)) ** 2 if a > 0 and b > 0 else 0.0)


@mistake("you square a alone: the peak is (a / 2b)², all of it squared")
def a_squared(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, a * a / (2 * b))


@mistake("you turned the ratio over: the slope a − 2 b d is 0 at d = a / (2 b)")
def ratio_turned(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return turns(a, b, (b / (2 * a)) ** 2)


@mistake("you cut the peak at the farthest point: the curve may turn beyond it")
def cut_at_the_end(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    peak = (a / (2 * b)) ** 2 if a > 0 and b > 0 else float("inf")
    return numbers(a, b, min(peak, float(kl.max())))


@mistake("you write minus infinity where the curve does not turn: it is plus infinity")
def minus_infinity(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return numbers(a, b, (a / (2 * b)) ** 2 if a > 0 and b > 0 else -float("inf"))


@mistake("a curve with a > 0 and b ≤ 0 never turns: its peak is infinity, too")
def rising_curve_turned(kl: Tensor, gain: Tensor) -> Tensor:
    a, b = parabola(kl, gain)
    return numbers(a, b, (a / (2 * b)) ** 2 if a > 0 else float("inf"))


def on_a_curve() -> tuple[Tensor, Tensor]:
    kl = torch.tensor([2.0, 8.0, 18.0, 50.0], dtype=torch.float64)
    return kl, kl.sqrt() * (1.2 - 0.1 * kl.sqrt())


EXERCISE = Exercise(
    number="14.1",
    title="The KL budget",
    minutes=12,
    difficulty=3,
    importance=3,
    reference="course.reward.overoptimisation:kl_budget_fit",
    why="Where a judge's curve turns, more climbing costs what the climb had won.",
    hints=(
        "In which variable is the curve a parabola, and does it have a constant?",
        "Two columns, d and −d², and least squares for the two numbers a and b. The "
        "slope a − 2 b d is 0 at the top.",
        "`torch.linalg.lstsq(torch.stack((…, …), 1), gain[:, None])`; the top lies at "
        "d = a / (2 b), and the KL is d².",
    ),
    probes=probes,
    properties=(
        always(
            "points on a curve give the curve back",
            on_a_curve,
            lambda found: torch.allclose(
                found.double(), numbers(1.2, 0.1, 36.0), rtol=1e-3
            ),
            "four points of d(1.2 − 0.1 d) must give a = 1.2, b = 0.1 and the peak at "
            "36 nats",
        ),
    ),
    mistakes=mistakes_in(__name__),
    tolerance=1e-4,
)
