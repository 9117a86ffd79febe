"""Why a run does not learn: the signs in its log, and the faults that leave them."""

from dataclasses import dataclass
from statistics import fmean, median

from course.lm.training import History

SIGNS = {  # fault -> its sign in the shared metrics, and what to do
    "unscorable texts dropped": (
        "`score/missing` is above 0",
        "give every text a score, the worst one to those that cannot be read",
    ),
    "no end token": (
        "`completion/eos_rate` is 0",
        "train the start on texts with their end token, and sample with its id",
    ),
    "wrong mask": (
        "first ratio not 1; all texts have the longest length, though they end",
        "count tokens up to and including the end, and none after it",
    ),
    "shift by one": (
        "first ratio not 1; more than a nat per token between two readings",
        "take the logits at t - 1 for the token at t",
    ),
    "left padding read from the wrong side": (
        "first ratio not 1 where prompts differ in length; KL is 0 at first",
        "pad prompts on the left and hide the padding; test one long, one short prompt",
    ),
    "top-p in the sampler": (
        "first ratio not 1, its mean below 1; KL above 0 at the first step",
        "sample with top-p 1, top-k off and the temperature of the update",
    ),
    "dropout while sampling": (
        "first ratio not 1, its mean 1; KL above 0 at the first step",
        "call `.eval()` before sampling, or train without dropout",
    ),
    "old log-probabilities recomputed": (
        "several updates, and the ratio is 1 in all of them",
        "take the old log-probabilities once per rollout, before the first update",
    ),
    "reward clipped to a constant": (
        "`score/std` is 0 in every step",
        "print the scores before the clip, and widen it",
    ),
    "learning rate too large": (
        "`policy/approx_kl` above 0.2 in one step; entropy or ends collapse",
        "divide the learning rate by 3 until it is below 0.05",
    ),
    "equal groups": (
        "`frac_reward_zero_std` is near 1 though `score/std` is not 0",
        "choose questions that are solved sometimes, or larger groups",
    ),
    "beta too large": (
        "the leash allows next to no KL: (score/std / beta)² / 2 is tiny",
        "lower beta until that number is a few nats",
    ),
    "learning rate too small": (
        "gradients, but `kl_seq` stays at 0",
        "multiply the learning rate by 3 until KL grows",
    ),
}
FIRST = 5  # steps that show whether the two readings of a text agree


@dataclass(frozen=True)
class Finding:
    """A likely fault and the numbers that speak for it.  Appendix B."""

    fault: str
    measured: str

    def __str__(self) -> str:
        sign, remedy = SIGNS[self.fault]
        return f"{self.fault}: {sign} ({self.measured}). Try: {remedy}."


def diagnose(history: History) -> list[Finding]:
    """The likely faults of a policy-gradient run, by the signs in its shared metrics.

    A fault whose metrics were not logged is not looked for; what several readings of
    one text disagree on is told apart by the KL of the first step, so the run must
    begin at its reference.  An empty list says that no known sign was found, not that
    the run is sound.
    Raises ValueError for a history without `score/mean` and `kl_seq`.  Appendix B.
    """
    if not history["score/mean"] or not history["kl_seq"]:
        raise ValueError(
            "got a history without score/mean and kl_seq, expected the metrics of a "
            "policy-gradient run"
        )
    looked = (_missing, _end, _readings, _recomputed, _constant, _rate, _equal, _leash)
    return [found for look in looked if (found := look(history))]


def told(findings: list[Finding]) -> str:
    """The findings as lines of text, or "nothing found".  Appendix B."""
    return "\n".join(map(str, findings)) or "nothing found"


def _missing(history: History) -> Finding | None:
    share = history["score/missing"]
    if share and fmean(share) > 0.01:
        return Finding("unscorable texts dropped", f"{fmean(share):.2f} of the texts")
    return None


def _end(history: History) -> Finding | None:
    ended = history["completion/eos_rate"]
    if ended and fmean(ended) < 0.05:
        return Finding("no end token", f"{fmean(ended):.2f} of the texts end")
    return None


def _readings(history: History) -> Finding | None:
    """Two readings of the same text, before anything moved, must give one number."""
    errors = history["first/ratio_error"][:FIRST]
    if not errors or max(errors) < 0.05:
        return None
    said = f"first ratio off by {max(errors):.2g}"
    lengths, ended = history["completion/length"], history["completion/eos_rate"]
    if len(set(lengths)) == 1 and ended and fmean(ended) > 0.5:
        return Finding("wrong mask", f"{said}, every length {lengths[0]:g}")
    began, ratio = history["kl_tok"][0], fmean(history["policy/ratio_mean"])
    if began > 0.005:
        said += f", KL {began:.2g} nats per token at the start, mean ratio {ratio:.2f}"
        top_p = ratio < 0.97
        return Finding("top-p in the sampler" if top_p else _DROPOUT, said)
    moved = median(history["policy/approx_kl"][:FIRST])
    said += f", {moved:.2g} nats per token apart"
    return Finding("shift by one" if moved > 1 else _PADDING, said)


_DROPOUT, _PADDING = "dropout while sampling", "left padding read from the wrong side"


def _recomputed(history: History) -> Finding | None:
    updates, spread = history["updates"], history["policy/ratio_var"]
    moved = [n for n in history["grad_norm"] if n > 0]
    if updates and min(updates) > 1 and moved and max(spread) < 1e-10:
        return Finding(
            "old log-probabilities recomputed", f"{updates[0]:g} updates a step"
        )
    return None


def _constant(history: History) -> Finding | None:
    spread = history["score/std"]
    if spread and max(spread) < 1e-6:
        mean = history["score/mean"][0]
        return Finding("reward clipped to a constant", f"every score {mean:g}")
    return None


def _equal(history: History) -> Finding | None:
    equal = history["frac_reward_zero_std"]
    if equal and fmean(equal) > 0.7 and not _constant(history):
        return Finding("equal groups", f"{fmean(equal):.2f} of the groups")
    return None


def _leash(history: History) -> Finding | None:
    """With a spread s of scores the optimum is about (s / beta)² / 2 nats away."""
    pairs = zip(history["reward/kl_penalty"], history["kl_seq"], strict=False)
    betas = [-penalty / kl for penalty, kl in pairs if abs(kl) > 1e-6]
    spread = fmean(history["score/std"]) if history["score/std"] else 0.0
    if not betas or median(betas) <= 0 or spread == 0:
        return None
    nats = (spread / median(betas)) ** 2 / 2
    if nats > 0.05:
        return None
    return Finding("beta too large", f"beta {median(betas):.3g}, {nats:.2g} nats")


def _rate(history: History) -> Finding | None:
    moved, sound = history["policy/approx_kl"], history["first/ratio_error"]
    if moved and max(moved) > 0.2 and not (sound and max(sound) > 0.05):
        return Finding("learning rate too large", f"{max(moved):.2g} nats per token")
    norms, kl = history["grad_norm"], history["kl_seq"]
    still = len(kl) >= 20 and max(map(abs, kl)) < 0.05
    if still and norms and fmean(norms) > 1e-6 and not _leash(history):
        return Finding(
            "learning rate too small", f"{max(map(abs, kl)):.2g} nats at most"
        )
    return None
