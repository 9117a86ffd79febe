"""Exercise 2.5: how many numbers a model has."""

from dataclasses import replace

import torch

from course.checks.exercise import Exercise, Probe, Property, mistake, mistakes_in
from course.lm.model import GPTConfig

SMALL = GPTConfig(
    vocab_size=5, context=4, width=4, layers=1, heads=2, kv_heads=2, feed_forward=3
)


def probes(generator: torch.Generator) -> list[Probe]:
    return [
        Probe("no blocks", (replace(SMALL, layers=0),)),
        Probe("one block", (SMALL,)),
        Probe("one key head", (replace(SMALL, kv_heads=1),)),
        Probe("a wide feed-forward part", (replace(SMALL, feed_forward=50),)),
        Probe("two blocks", (replace(SMALL, layers=2, width=8),)),
        Probe("a longer context", (replace(SMALL, context=999),)),
        Probe("the course's model", (GPTConfig(vocab_size=2048),)),
        Probe(
            "SmolLM2-135M",
            (GPTConfig(49_152, 2048, 576, 30, 9, 3, 1536),),
        ),
    ]


def counted(
    config: GPTConfig,
    *,
    embeddings: int = 1,
    matrices: int = 3,
    norms: int = 2,
    final: bool = True,
    grouped: bool = True,
    biases: bool = False,
    places: bool = False,
    layers: int | None = None,
) -> int:
    """The right answer, with each decision as a switch."""
    c, f = config.width, config.feed_forward
    narrow = c // config.heads * config.kv_heads if grouped else c
    block = 2 * c * c + 2 * c * narrow + matrices * c * f + norms * c
    block += (2 * c + 2 * narrow + 2 * f + c) * biases
    blocks = config.layers if layers is None else layers
    total = embeddings * config.vocab_size * c + blocks * block + c * final
    return total + places * config.context * c


@mistake(
    "you count the embedding twice: input and output share one matrix (tied weights)"
)
def embedding_twice(config: GPTConfig) -> int:
    return counted(config, embeddings=2)


@mistake(
    "keys and values have only kv_heads heads: their matrices are C × (C / heads · "
    "kv_heads)"
)
def ungrouped(config: GPTConfig) -> int:
    return counted(config, grouped=False)


@mistake("SwiGLU has three matrices, gate, up and down: you count two")
def two_matrices(config: GPTConfig) -> int:
    return counted(config, matrices=2)


@mistake(
    "you leave out the norms: each has a weight of C numbers, two a block and one at "
    "the end"
)
def norms_forgotten(config: GPTConfig) -> int:
    return counted(config, norms=0, final=False)


@mistake("you leave out the norm after the last block: C numbers")
def final_norm_forgotten(config: GPTConfig) -> int:
    return counted(config, final=False)


@mistake(
    "each block has two norms, one before attention and one before the feed-forward "
    "part"
)
def one_norm(config: GPTConfig) -> int:
    return counted(config, norms=1)


@mistake("you count biases: the matrices of this model have none")
def with_biases(config: GPTConfig) -> int:
    return counted(config, biases=True)


@mistake("you count a table of positions: rotary positions are computed, not learned")
def with_positions(config: GPTConfig) -> int:
    return counted(config, places=True)


@mistake("you count one block: there are config.layers of them")
def one_layer(config: GPTConfig) -> int:
    return counted(config, layers=1)


@mistake(
    "attention has four matrices: query, key, value and the output, which you leave out"
)
def output_forgotten(config: GPTConfig) -> int:
    return counted(config) - config.layers * config.width**2


def agrees_with_the_model(function) -> str | None:
    from course.lm.model import GPT

    config = replace(SMALL, layers=3, width=12, heads=3, kv_heads=1)
    real = sum(p.numel() for p in GPT(config).parameters())
    if function(config) == real:
        return None
    return (
        f"a GPT with 3 layers of width 12 has {real} numbers; yours counts "
        f"{function(config)}"
    )


@mistake("you count a weight and a bias for every norm: RMSNorm has a weight only")
def norms_with_bias(config: GPTConfig) -> int:
    return counted(config, norms=4) + config.width


@mistake("you count the norms of one block only: every block has two of them")
def norms_of_one_block(config: GPTConfig) -> int:
    return counted(config, norms=0) + 2 * config.width


EXERCISE = Exercise(
    number="2.5",
    title="Counting parameters",
    minutes=10,
    difficulty=2,
    importance=3,
    reference="course.lm.model:parameter_count",
    why="Memory, speed and price follow from this number; being able to count it means "
    "knowing every matrix of the model.",
    hints=(
        "Which matrices does one block own, and what lies outside the blocks?",
        "Embedding V·C (tied: it is also the output); each block has query and output "
        "C·C, key and value C·(D·K) with D = C/H, three feed-forward matrices C·F and "
        "two norms of C; one last norm of C.",
        "`return V * C + layers * (2 * C * C + 2 * C * … + 3 * C * F + …) + C`",
    ),
    probes=probes,
    properties=(Property("agrees with the model", agrees_with_the_model),),
    mistakes=mistakes_in(__name__),
)
