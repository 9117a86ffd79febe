"""Will it fit, how long, how much?  python examples/fit.py

A table for three models on three fleets, by `course.lm.budget`; change the numbers to
yours.  Prices are examples: put in what you are asked for.
"""

from course.lm.budget import Fleet, run_cost
from course.lm.model import GPTConfig

MODELS = {
    "SmolLM2-135M": GPTConfig(49_152, 8192, 576, 30, 9, 3, 1536),
    "Llama-2-7B": GPTConfig(32_000, 4096, 4096, 32, 32, 32, 11_008, tied=False),
    "Llama-3.1-70B": GPTConfig(128_256, 8192, 8192, 80, 64, 8, 28_672, tied=False),
}
# Memory and bandwidth of the H100's data sheet; a laptop of four cores, fp32.
LAPTOP = Fleet(1, memory=16, bandwidth=50, speed=0.6)
EIGHT = Fleet(8, memory=80, bandwidth=3_350, speed=989, price=2.5)
SIXTY_FOUR = Fleet(64, memory=80, bandwidth=3_350, speed=989, price=2.5)
ROWS = [
    ("SmolLM2-135M", "adapters", LAPTOP, {"texts": 16, "prompt": 24, "completion": 20,
     "steps": 18, "adapters": 460_800}),
    ("Llama-2-7B", "all weights", EIGHT, {"texts": 512, "prompt": 256,
     "completion": 512, "steps": 500}),
    ("Llama-3.1-70B", "all weights", EIGHT, {"texts": 512, "prompt": 256,
     "completion": 512, "steps": 500}),
    ("Llama-3.1-70B", "all weights", SIXTY_FOUR, {"texts": 1024, "prompt": 256,
     "completion": 512, "steps": 500}),
]  # fmt: skip


def main() -> None:
    """Print the table."""
    print(
        f"{'model':14}{'trains':12}{'devices':>8}{'GB each':>9}{'cache':>7}{'fits':>6}"
        f"{'write s':>9}{'train s':>9}{'hours':>8}{'cost':>9}"
    )
    for name, trains, fleet, run in ROWS:
        e = run_cost(MODELS[name], fleet, **run)
        print(
            f"{name:14}{trains:12}{fleet.devices:8}{e.states_gb:9.1f}{e.cache_gb:7.1f}"
            f"{'yes' if e.fits else 'no':>6}{e.writing_s:9.1f}{e.training_s:9.1f}"
            f"{e.hours:8.1f}{e.cost:9,.0f}"
        )


if __name__ == "__main__":
    main()
