"""Exercise 12.1: the optimum in closed form."""

import torch
from torch import Tensor

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, draw, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    def call(*shape: int, beta: float, scale: float = 1.0):
        ref = torch.randn(shape, generator=generator).softmax(-1)
        return ref, torch.randn(shape, generator=generator) * scale, beta

    even = torch.tensor([0.5, 0.5])
    double = call(4, beta=0.5)
    return [
        Probe("two texts, beta 1", (even, torch.tensor([0.0, 1.0]), 1.0)),
        Probe("an unfair reference", (torch.tensor([0.9, 0.1]), torch.ones(2), 0.5)),
        Probe("five texts, beta 2", call(5, beta=2.0)),
        Probe("five texts, beta 0.3", call(5, beta=0.3)),
        Probe("three prompts", call(3, 4, beta=0.7)),
        Probe("as many prompts as texts", call(4, 4, beta=0.7)),
        Probe("a huge beta", call(6, beta=1000.0)),
        Probe("rewards of hundreds", call(6, beta=0.5, scale=300.0)),
        Probe(
            "prompts hundreds apart",
            (torch.full((2, 2), 0.5), torch.tensor([[500.0, 501.0], [0.0, 1.0]]), 1.0),
        ),
        Probe("double precision", (double[0].double(), double[1].double(), 0.5)),
    ]


@mistake(
    "the reference is missing: a text that it never writes stays improbable, whatever "
    "its reward; multiply by ref_probs"
)
def no_reference(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (rewards / beta).softmax(-1)


@mistake("you multiply the reward by beta: a large beta is a short leash, so divide")
def beta_upside_down(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (ref_probs.log() + rewards * beta).softmax(-1)


@mistake("beta is missing: it says how much reward a nat of KL may cost")
def no_beta(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (ref_probs.log() + rewards).softmax(-1)


@mistake("you do not divide by Z: the weights of a prompt's texts must sum to 1")
def not_normalised(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return ref_probs * (rewards / beta).exp()


@mistake("you divide by the sum of exp(r/β) alone: Z sums π_ref exp(r/β)")
def z_without_reference(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return ref_probs * (rewards / beta).softmax(-1)


@mistake("you normalise over the whole table: every prompt, a row, has its own Z")
def whole_table(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    weights = (ref_probs.log() + rewards / beta).flatten().softmax(0)
    return weights.view(ref_probs.shape)


@mistake("you normalise over the prompts: the texts of a prompt are the last dimension")
def first_dimension(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (ref_probs.log() + rewards / beta).softmax(0)


@mistake(
    "exp of a reward of some hundreds is infinite, and infinite divided by infinite is "
    "no number: add log ref_probs and r/β, then softmax"
)
def exp_overflows(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    weights = ref_probs * (rewards / beta).exp()
    return weights / weights.sum(-1, keepdim=True)


@mistake(
    "you subtract the largest number of the whole table before exp: a prompt whose "
    "rewards are all far below it becomes 0 / 0, so every row needs its own maximum; "
    "softmax takes care of it"
)
def maximum_of_the_table(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    scaled = rewards / beta
    weights = ref_probs * (scaled - scaled.max()).exp()
    return weights / weights.sum(-1, keepdim=True)


@mistake(
    "these are log-probabilities: return the probabilities, with softmax in place of "
    "log_softmax"
)
def logarithms(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (ref_probs.log() + rewards / beta).log_softmax(-1)


@mistake("beta divides the reward only, not the logarithm of the reference")
def all_divided(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return ((ref_probs.log() + rewards) / beta).softmax(-1)


@mistake("softmax expects logarithms: add log ref_probs, not ref_probs")
def reference_added(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (ref_probs + rewards / beta).softmax(-1)


@mistake("you give everything to one text: that is the limit for beta towards 0")
def best_text_only(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    best = (ref_probs.log() + rewards / beta).argmax(-1, keepdim=True)
    return torch.zeros_like(ref_probs).scatter(-1, best, 1.0)


@mistake("your sign is turned round: better texts become more probable")
def minus_sign(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return (ref_probs.log() - rewards / beta).softmax(-1)


def given() -> tuple[Tensor, Tensor, float]:
    return draw(3, 5, seed=1).softmax(-1), draw(3, 5, seed=2), 0.5


@mistake(
    "you mix the reference with a softmax of the rewards: multiply the reference by "
    "e^(r / β), then divide by the sum"
)
def mixed(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    return beta * ref_probs + (1 - beta) * torch.softmax(rewards, -1)


@mistake(
    "the exponential is missing: the weights are e^(r / β), not r / β, which may be 0 "
    "or negative"
)
def without_exponential(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    weights = ref_probs * rewards / beta
    return weights / weights.sum(-1, keepdim=True)


@mistake(
    "you limit r / β before the exponential: large rewards become equal; subtract the "
    "largest one instead, or use a softmax"
)
def limited(ref_probs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    weights = ref_probs * torch.exp((rewards / beta).clamp(max=50))
    return weights / weights.sum(-1, keepdim=True)


EXERCISE = Exercise(
    number="12.1",
    title="The optimum in closed form",
    minutes=10,
    difficulty=2,
    importance=5,
    reference="course.policy.preference_losses:optimal_policy",
    why="Every method that pays for KL is on its way to this policy; where texts can "
    "be listed, it tells you how far yours has come.",
    hints=(
        "Which texts should become more probable than under the reference, and what "
        "must the probabilities of all texts add up to?",
        "π*(y) is π_ref(y) exp(r(y)/β) divided by its sum over the texts of the "
        "prompt, the last dimension. exp of a large number is infinite: stay with "
        "logarithms until the end.",
        "`(ref_probs.log() + rewards / beta).…(-1)`: which function takes logarithms "
        "and returns probabilities?",
    ),
    probes=probes,
    properties=(
        always(
            "sums to one",
            given,
            lambda value: bool(((value.sum(-1) - 1).abs() < 1e-5).all()),
            "the probabilities of a prompt's texts must sum to 1",
        ),
        unchanged(
            "a shift of the rewards",
            given,
            lambda: (given()[0], given()[1] + 3.0, 0.5),
            "adding 3 to every reward",
        ),
        always(
            "equal rewards",
            lambda: (given()[0], torch.ones(3, 5), 0.5),
            lambda value: bool(((value - given()[0]).abs() < 1e-5).all()),
            "with equal rewards nothing is to be gained, so the optimum is the "
            "reference; yours is another policy",
        ),
    ),
    mistakes=mistakes_in(__name__),
)
