"""Exercise 1.2: bits per byte."""

import math

import torch

from course.checks.exercise import Exercise, Probe, mistake, mistakes_in
from course.checks.properties import always, unchanged


def probes(generator: torch.Generator) -> list[Probe]:
    return [
        Probe("one bit in one byte", (math.log(2), 1)),
        Probe("eight bits in one byte", (8 * math.log(2), 1)),
        Probe("nothing to say", (0.0, 3)),
        Probe("ten nats in five bytes", (10.0, 5)),
        Probe("one nat in many bytes", (1.0, 1000)),
        Probe("a test set", (141_234.5, 98_765)),
        Probe("very many nats", (3e8, 10_000_000)),
        Probe("a whole number of nats", (12, 4)),
    ]


@mistake("this is nats per byte: divide by ln 2 to get bits")
def nats_per_byte(nats: float, n_bytes: int) -> float:
    return nats / n_bytes


@mistake(
    "you multiply by ln 2: a bit is smaller than a nat, so there are more bits than "
    "nats; divide"
)
def times_log_two(nats: float, n_bytes: int) -> float:
    return nats * math.log(2) / n_bytes


@mistake("your fraction is upside down: this is bytes per bit")
def bytes_per_bit(nats: float, n_bytes: int) -> float:
    return n_bytes / (nats / math.log(2)) if nats else math.inf


@mistake(
    "nats are already a logarithm: convert them by a factor, do not take log2 again"
)
def log_of_nats(nats: float, n_bytes: int) -> float:
    return math.log2(nats) / n_bytes if nats else -math.inf


@mistake(
    "this is the perplexity of a byte: leave out the exponential and turn nats into "
    "bits"
)
def perplexity_per_byte(nats: float, n_bytes: int) -> float:
    return math.exp(nats / n_bytes)


@mistake("you divide by ln 10, which gives decimal digits: bits need ln 2")
def base_ten(nats: float, n_bytes: int) -> float:
    return nats / math.log(10) / n_bytes


@mistake("these are the bits of the whole text: divide by the number of bytes")
def total_bits(nats: float, n_bytes: int) -> float:
    return nats / math.log(2)


@mistake(
    "a byte has 8 bits of storage, but the measure is per byte: no factor of 8 belongs "
    "here"
)
def per_bit_of_text(nats: float, n_bytes: int) -> float:
    return nats / math.log(2) / (8 * n_bytes)


EXERCISE = Exercise(
    number="1.2",
    title="Bits per byte",
    minutes=5,
    difficulty=1,
    importance=5,
    reference="course.lm.evaluation:bits_per_byte",
    why="Tokens differ between tokenizers, bytes do not: this makes any two language "
    "models comparable.",
    hints=(
        "How many nats is one bit, the surprise of a fair coin?",
        "One bit is ln 2 = 0.693 nats. Turn the total into bits, then share it among "
        "the bytes.",
        "`return nats / (math.log(2) * …)`",
    ),
    probes=probes,
    properties=(
        always(
            "a fair byte costs 8 bits",
            lambda: (math.log(256) * 7, 7),
            lambda bits: abs(float(bits) - 8) < 1e-5,
            "bytes that are all equally likely cost ln 256 nats each, which is 8 bits",
        ),
        unchanged(
            "per byte",
            lambda: (6.5, 4),
            lambda: (13.0, 8),
            "a text twice as long with twice the nats",
        ),
    ),
    tolerance=1e-6,
    mistakes=mistakes_in(__name__),
)
