"""A bandit playground: the policy gradient with one state and a few arms."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ipywidgets as w
import torch
from torch import Tensor

from course import plots
from course.expect import at_least, cpu_generator, one_number, whole_number
from course.expect_lists import real_numbers
from course.plots import COLOURS, MARKERS
from course.widgets import panel


@dataclass(frozen=True)
class BanditState:
    """A softmax policy over arms and what happened to it so far.

    means: expected reward of each arm; noise: standard deviation of a reward.
    logits: the policy's parameters, one an arm (zeros when not given).
    arms, rewards: one a step; policies: probabilities before the first step and
    after each step, (steps + 1, arms).
    """

    means: tuple[float, ...] = (4.0, 4.5, 5.0)
    noise: float = 0.5
    logits: tuple[float, ...] = ()
    arms: tuple[int, ...] = ()
    rewards: tuple[float, ...] = ()
    policies: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        one_number(noise=self.noise)
        if len(self.means) < 2 or self.noise < 0:
            raise ValueError(
                f"got {len(self.means)} arms and noise {self.noise}, "
                "expected at least 2 arms and noise 0 or more"
            )
        if not self.logits:
            object.__setattr__(self, "logits", (0.0,) * len(self.means))
        if not self.policies:
            object.__setattr__(self, "policies", (tuple(_policy(self).tolist()),))


def _policy(state: BanditState) -> Tensor:
    return torch.tensor(state.logits, dtype=torch.float64).softmax(0)


def bandit_step(
    state: BanditState, lr: float, baseline: bool, generator: torch.Generator
) -> BanditState:
    """Pull one arm and follow one REINFORCE gradient; the state given is unchanged.

    The gradient of log pi(arm) is onehot(arm) - pi; it is multiplied by the reward
    minus the baseline, which is the mean of the *earlier* rewards: it does not
    depend on this arm, so the expected gradient stays the same.
    Source: Sutton & Barto (2018), section 2.8.
    """
    cpu_generator(generator)
    one_number(lr=lr)
    if lr < 0:
        raise ValueError(f"got the learning rate {lr}, expected 0 or more")
    policy = _policy(state)  # (arms,)
    arm = int(torch.multinomial(policy, 1, generator=generator))
    noise = float(torch.randn((), generator=generator, dtype=torch.float64))
    reward = state.means[arm] + state.noise * noise
    level = sum(state.rewards) / max(1, len(state.rewards)) if baseline else 0.0
    gradient = -policy
    gradient[arm] += 1
    moved = torch.tensor(state.logits, dtype=torch.float64)
    moved += lr * (reward - level) * gradient
    after = replace(
        state,
        logits=tuple(moved.tolist()),
        arms=(*state.arms, arm),
        rewards=(*state.rewards, reward),
    )
    policies = (*state.policies, tuple(_policy(after).tolist()))
    return replace(after, policies=policies)


def run_bandit(
    steps: int, lr: float, baseline: bool, seed: int = 0, **options: Any
) -> BanditState:
    """A fresh bandit after `steps` steps; options are those of BanditState."""
    whole_number(steps=steps, seed=seed)
    at_least(0, steps=steps, lr=lr)
    state, generator = BanditState(**options), torch.Generator().manual_seed(seed)
    for _ in range(steps):
        state = bandit_step(state, lr, baseline, generator)
    return state


def gradient_variance(state: BanditState, baseline: float) -> float:
    """Exact variance of one sampled gradient at the state's policy.

    Summed over the logits; unit reward squared.  Every arm is enumerated:
    E|g|^2 - |E g|^2 with g = (reward - baseline) (onehot(arm) - pi).

    >>> even = BanditState(means=(1.0, 3.0), noise=0.0)
    >>> gradient_variance(even, baseline=0.0), gradient_variance(even, baseline=2.0)
    (2.0, 0.0)
    """
    one_number(baseline=baseline)
    policy = _policy(state)
    means = torch.tensor(state.means, dtype=torch.float64) - baseline
    scores = torch.eye(len(policy), dtype=torch.float64) - policy  # (arm, logit)
    squares = (means**2 + state.noise**2) * scores.square().sum(1)
    gradient = (policy * means) @ scores
    return float(policy @ squares - gradient.square().sum())


def bandit_sentence(state: BanditState) -> str:
    """What happened so far and what the next gradient's variance is, in words."""
    policy, recent = state.policies[-1], state.rewards[-50:]
    expected = sum(p * m for p, m in zip(policy, state.means, strict=True))
    reward = "no reward yet"
    if recent:
        mean = sum(recent) / len(recent)
        reward = f"mean of the last {len(recent)} rewards {mean:.2f}"
    variance = [gradient_variance(state, b) for b in (0.0, expected)]
    steps = f"{len(state.arms)} step{'' if len(state.arms) == 1 else 's'}"
    return (
        f"After {steps}: {reward}; "
        f"expected reward of the policy {expected:.2f}. "
        f"Variance of the next gradient: {variance[0]:.3f} without a baseline, "
        f"{variance[1]:.3f} with the expected reward as baseline."
    )


def bandit_rows(state: BanditState) -> list[tuple[object, ...]]:
    """One row an arm: name, mean reward, pulls, probability, bar of text."""
    return [
        (chr(65 + arm), f"{mean:.2f}", state.arms.count(arm), f"{p:.3f}", panel.bar(p))
        for arm, (mean, p) in enumerate(
            zip(state.means, state.policies[-1], strict=True)
        )
    ]


HEAD = ("arm", "mean reward", "pulls", "probability", "")


def draw_probabilities(axes: Any, state: BanditState, title: str) -> None:
    """The policy's probabilities over the steps, a line and a marker for each arm."""
    every = max(1, len(state.policies) // 10)
    for arm, line in enumerate(zip(*state.policies, strict=True)):
        axes.plot(line, label=f"{chr(65 + arm)} (mean {state.means[arm]:g})",
                  color=COLOURS[arm % len(COLOURS)], marker=MARKERS[arm % len(MARKERS)],
                  markevery=every, markersize=5)  # fmt: skip
    axes.set(title=title, xlabel="step", ylabel="probability", ylim=(-0.03, 1.03))
    axes.legend(fontsize=8)


def draw_rewards(axes: Any, state: BanditState) -> None:
    """Each reward as a dot and the mean of the last 20 as a line."""
    steps = range(1, len(state.rewards) + 1)
    axes.plot(steps, state.rewards, ".", color=COLOURS[5], markersize=3, label="reward")
    means = [sum(state.rewards[max(0, n - 20) : n]) / min(n, 20) for n in steps]
    axes.plot(steps, means, color=COLOURS[6], label="mean of the last 20")
    axes.set(title="Reward of each step", xlabel="step", ylabel="reward")
    axes.legend(fontsize=8)


def show_bandit(
    steps: int = 200, lr: float = 0.1, baselines: Sequence[bool] = (False, True),
    seed: int = 0, **options: Any,
) -> None:  # fmt: skip
    """Draw and print runs without and with a baseline: the playground by code."""
    whole_number(steps=steps)
    import matplotlib.pyplot as plt

    _, places = plt.subplots(1, len(baselines), figsize=(3.6 * len(baselines), 3),
                             squeeze=False)  # fmt: skip
    said = []
    for axes, baseline in zip(places[0], baselines, strict=True):
        state = run_bandit(steps, lr, baseline, seed, **options)
        name = "with a baseline" if baseline else "no baseline"
        draw_probabilities(axes, state, f"{name}, learning rate {lr:g}")
        print(f"{name}\n{panel.text_table(HEAD, bandit_rows(state))}")
        panel.say(bandit_sentence(state))
        said.append(f"{name.capitalize()}: {bandit_sentence(state)}")
    plots.show("Lines: the probability of each arm over the steps. " + " ".join(said))


@dataclass
class Playground:
    """What the playground keeps: the bandit and the settings of its controls."""

    bandit: BanditState = field(default_factory=BanditState)
    generator: torch.Generator = field(
        default_factory=lambda: torch.Generator().manual_seed(0)
    )
    lr: float = 0.1
    baseline: bool = False
    seed: int = 0


def bandit_playground(
    means: Sequence[float] = (4.0, 4.5, 5.0), noise: float = 0.5, key: str = "bandit"
) -> w.VBox:
    """The panel: step, run, reset, baseline, learning rate and seed of a bandit."""
    real_numbers(means=means)
    one_number(noise=noise)
    fresh = BanditState(tuple(means), noise)
    state = panel.panel_state(key, Playground)
    if (state.bandit.means, state.bandit.noise) != (fresh.means, fresh.noise):
        state.bandit = fresh
    lr, lr_row = panel.number("learning rate", state.lr, 0.0, 1.0, 0.01)
    baseline = w.Checkbox(value=state.baseline, indent=False,
                          description="baseline: mean of earlier rewards")  # fmt: skip
    seed = w.BoundedIntText(value=state.seed, min=0, max=9999, description="seed")
    step, run, reset = (
        w.Button(description=name) for name in ("Step", "Run 100 steps", "Reset")
    )
    words, rows, image = w.HTML(), w.HTML(), w.HTML()

    def render() -> None:
        state.lr, state.baseline, state.seed = lr.value, baseline.value, seed.value
        bandit = state.bandit
        words.value = panel.status(bandit_sentence(bandit))
        rows.value = panel.table("The policy now", HEAD, bandit_rows(bandit))
        made, (left, right) = panel.figure(2, width=8, height=2.9)
        draw_probabilities(left, bandit, "Probability of each arm")
        draw_rewards(right, bandit)
        alt = f"Lines of probabilities, dots of rewards. {bandit_sentence(bandit)}"
        image.value = plots.picture(made, alt)

    def advance(steps: int) -> None:
        for _ in range(steps):
            state.bandit = bandit_step(
                state.bandit, lr.value, baseline.value, state.generator
            )
        render()

    def restart(_: Any) -> None:
        state.bandit = fresh
        state.generator = torch.Generator().manual_seed(seed.value)
        render()

    step.on_click(lambda _: advance(1))
    run.on_click(lambda _: advance(100))
    reset.on_click(restart)
    seed.observe(restart, names="value")
    panel.watch(render, lr, baseline)
    return w.VBox(
        [
            lr_row,
            w.HBox([baseline, seed]),
            w.HBox([step, run, reset]),
            words,
            rows,
            image,
        ]
    )
