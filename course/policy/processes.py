"""One step on several processes: each has the whole policy and texts of its own.

The mean of their gradients is shared; `shared` has the other numbers that a step
takes from the whole batch.
Source: Li et al. 2020, "PyTorch Distributed", arXiv 2006.15704.
"""

import os

import torch
import torch.distributed as dist
from torch import Tensor

from course.policy.guards import before_clipping
from course.runtime import CourseError, device


def join(asked: int) -> int:
    """Meet the processes that a launcher started; the number of this one, from 0.

    torchrun and `accelerate launch` say in the environment how many there are.  NCCL
    connects GPUs, one a process, and gloo everything else.  Raises CourseError unless
    there are as many as asked for: a launcher may start one in silence.  Chapter 17.
    """
    if not dist.is_initialized() and "WORLD_SIZE" in os.environ:
        on_gpu = device().type == "cuda"
        if on_gpu:
            torch.cuda.set_device(device())
        dist.init_process_group("nccl" if on_gpu else "gloo")
    if (got := count()) != asked:
        raise CourseError(
            f"Got {got} of the {asked} processes asked for; start them with "
            f"`torchrun --nproc-per-node {asked}`."
        )
    return dist.get_rank() if dist.is_initialized() else 0


def count() -> int:
    """How many processes there are: 1 before `join`.  Chapter 17."""
    return dist.get_world_size() if dist.is_initialized() else 1


def seed_of(rank: int, seed: int) -> int:
    """Another seed for each process, and none that another small seed gives.

    With `seed + rank`, the runs of seeds 0, 1 and 2 would share most of their texts.
    Chapter 17.
    """
    return seed + 1_000_003 * rank


def sum_of_all(values: Tensor) -> Tensor:
    """The sum of every process's tensor of this shape, in every process.  Chapter 17.

    >>> sum_of_all(torch.tensor([1.0, 2.0]))  # alone
    tensor([1., 2.])
    """
    if not dist.is_initialized():
        return values.clone()
    total = values.cpu() if dist.get_backend() == "gloo" else values
    total = total.clone()
    dist.all_reduce(total)
    return total.to(values.device)


@torch.no_grad()
def share_gradients(optimizer: torch.optim.Optimizer) -> None:
    """From now on every update of this optimizer takes the mean of all gradients.

    They are shared once an update, when all its parts are added up and before they are
    clipped.  Every process begins with the weights of process 0.  Call it once, on
    all.  Chapter 17.
    """
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    weights = [p for p in weights if p.requires_grad]
    first = count() == 1 or dist.get_rank() == 0
    for p in weights:
        p.copy_(sum_of_all(p if first else torch.zeros_like(p)))

    @torch.no_grad()
    def mean_of_all() -> None:
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in weights]
        flat = sum_of_all(torch.cat([g.flatten() for g in grads])) / count()
        sizes = [g.numel() for g in grads]
        for p, mean in zip(weights, flat.split(sizes), strict=True):
            p.grad = mean.view_as(p).to(p.dtype)

    before_clipping(optimizer, mean_of_all)
