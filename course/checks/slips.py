"""Slips that every course meets, as changes of a right function: one list for all."""

from functools import cache

from torch import Tensor

from course.checks import argument_slips, result_slips, source_slips, stand_ins
from course.checks.exercise import Exercise
from course.checks.slip import Slip


@cache
def slips(exercise: Exercise) -> tuple[Slip, ...]:
    """All slips that make sense for the arguments and the result of an exercise."""
    fullest = max(exercise.calls(), key=lambda p: len(p.arguments))
    example, names = fullest.arguments, exercise.parameters
    calls = [probe.arguments for probe in exercise.calls()]
    found = [
        *result_slips.plain(),
        *argument_slips.exchanged(names, example),
        *argument_slips.masked(names, example),
    ]
    found += [
        *result_slips.scaled(names, example, calls),
        *argument_slips.together(names, example),
    ]
    found += [
        *argument_slips.others(exercise, example),
        *argument_slips.fixed_together(exercise, example),
        *argument_slips.tensors(names, example),
    ]
    if isinstance(exercise.load()(*example), Tensor):
        found += result_slips.tensor_shapes()
        found += stand_ins.rows_alone(names, example)
    if isinstance(exercise.load()(*example), str):
        found += result_slips.texts()
    found += argument_slips.joined(names, example)
    found += stand_ins.stand_ins(names, example)
    found += source_slips.in_the_lines(exercise)
    return tuple(found)
