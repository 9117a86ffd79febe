"""What a run needs before it is paid for: memory, tokens per second, hours, money.

Bounds by counting: memory moved, and 2 operations for each weight and token read.
"""

from dataclasses import dataclass

from course.expect import at_least, one_number, present, whole, whole_number
from course.lm.model import GPTConfig, parameter_count

GB = 1e9  # bytes, as the makers of memory count


@dataclass(frozen=True)
class Fleet:
    """Some equal devices.  memory: GB each; bandwidth: GB/s each; speed: TFLOP/s each
    in the precision used; price: per device and hour.  Chapter 17.
    """

    devices: int
    memory: float
    bandwidth: float
    speed: float
    price: float = 0.0

    def __post_init__(self) -> None:
        whole(1, devices=self.devices)
        at_least(1e-9, memory=self.memory, bandwidth=self.bandwidth, speed=self.speed)
        at_least(0, price=self.price)


def training_gb(
    parameters: float, devices: int = 1, sharded: int = 0, trained: float | None = None
) -> float:
    """GB of model states on each device, for mixed precision with Adam.

    A weight is 2 bytes, its gradient 2, and Adam holds 12 (an fp32 copy and two
    moments).  sharded: 0 nothing; 1 Adam's, 2 also gradients, 3 also weights are dealt
    out over the devices (ZeRO's stages; FSDP is 3).  trained: how many of the
    parameters learn, with adapters; without, all.  Activations come on top.
    Raises ValueError on another stage.
    Source: Rajbhandari et al. 2020, "ZeRO", section 3 and figure 1.  Chapter 17.

    >>> [round(training_gb(7.5e9, 64, stage), 1) for stage in (0, 1, 2, 3)]
    [120.0, 31.4, 16.6, 1.9]
    """
    whole_number(sharded=sharded)
    one_number(**present(trained=trained))
    whole(1, devices=devices)
    at_least(0, parameters=parameters, trained=trained or 0)
    if sharded not in (0, 1, 2, 3):
        raise ValueError(f"got sharded = {sharded}, expected stage 0, 1, 2 or 3")
    trained = parameters if trained is None else trained
    over = [devices if sharded >= stage else 1 for stage in (3, 2, 1)]
    bytes_each = (2 * parameters, 2 * trained, 12 * trained)
    return sum(b / n for b, n in zip(bytes_each, over, strict=True)) / GB


def cache_bytes(config: GPTConfig, tokens: int, number: int = 2) -> int:
    """Bytes of keys and values of that many tokens; number: bytes of one number.

    Chapter 17.

    >>> llama = GPTConfig(128_256, 8192, 8192, 80, 64, 8, 28_672, tied=False)
    >>> cache_bytes(llama, 4096)  # Llama-3.1-70B
    1342177280
    """
    whole(0, tokens=tokens)
    whole(1, number=number)
    width = config.width // config.heads * config.kv_heads
    return 2 * config.layers * width * number * tokens


def decode_rate(
    config: GPTConfig,
    fleet: Fleet,
    texts: int = 1,
    context: int = 0,
    number: int = 2,
    efficiency: float = 1.0,
) -> float:
    """Tokens per second of all texts together, written at once.

    A copy of the weights lies on as few devices as hold it in half their memory, and
    the copies share the texts.  For a token of every text of a copy, its weights and
    the texts' caches of `context` tokens are read, and 2 operations are done for each
    weight and token; the slower of the two decides.  efficiency: the share of this
    bound that an engine reaches.  Chapter 17.

    >>> llama2 = GPTConfig(32_000, 4096, 4096, 32, 32, 32, 11_008, tied=False)
    >>> round(decode_rate(llama2, Fleet(1, 80, 2_000, 312)))  # gpt-fast reaches 105
    148
    """
    whole_number(number=number)
    whole(1, texts=texts)
    at_least(1e-9, efficiency=efficiency)
    n = parameter_count(config)
    together = 1
    while (
        2 * together <= fleet.devices and number * n / together > fleet.memory * GB / 2
    ):
        together *= 2
    copies = fleet.devices / together
    moved = copies * number * n + texts * cache_bytes(config, context, number)
    reading = moved / (fleet.devices * fleet.bandwidth * GB)
    computing = 2 * n * texts / (fleet.devices * fleet.speed * 1e12)
    return efficiency * texts / max(reading, computing)


@dataclass(frozen=True)
class Estimate:
    """What a run needs.  Chapter 17."""

    fits: bool
    states_gb: float  # of the trained model, on each device
    cache_gb: float  # of all texts that are written at once, on each device
    writing_s: float  # of a step
    training_s: float  # of a step, the reference's reading included
    hours: float  # of all steps
    cost: float


def run_cost(
    config: GPTConfig,
    fleet: Fleet,
    *,
    texts: int,
    prompt: int,
    completion: int,
    steps: int,
    adapters: float = 0.0,
    writing: float = 0.5,
    training: float = 0.35,
) -> Estimate:
    """Memory, time and price of GRPO or RLOO: write, read by the reference, update.

    texts: of a step, prompts times group; prompt, completion: tokens of each; adapters:
    parameters that learn, 0 for all (then the frozen reference has weights of its own).
    writing, training: the shares of the bounds that engines reach; traffic between
    devices is in them.  A token costs 2 operations a weight to be read and 4 to go
    back; adapters save the 2 for gradients of weights.  It fits when states, reference
    and cache fill at most 80 % of each device: a fifth is left to activations.
    Chapter 17.
    """
    one_number(adapters=adapters)
    whole(1, texts=texts, completion=completion, steps=steps)
    whole(0, prompt=prompt)
    at_least(1e-9, writing=writing, training=training)
    n, tokens = parameter_count(config), texts * (prompt + completion)
    states = training_gb(n, fleet.devices, 3, adapters or None)
    reference = 0.0 if adapters else 2 * n / fleet.devices / GB
    cache = cache_bytes(config, tokens) / fleet.devices / GB
    rate = decode_rate(
        config, fleet, texts, prompt + completion // 2, efficiency=writing
    )
    operations = 2 + (4 if adapters else 6)  # the reference reads; read and go back
    speed = training * fleet.devices * fleet.speed * 1e12
    step = texts * completion / rate, operations * n * tokens / speed
    hours = steps * sum(step) / 3600
    return Estimate(
        fits=states + reference + cache <= 0.8 * fleet.memory,
        states_gb=states + reference,
        cache_gb=cache,
        writing_s=step[0],
        training_s=step[1],
        hours=hours,
        cost=hours * fleet.devices * fleet.price,
    )
