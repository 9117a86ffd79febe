"""From a few definitions to all that they rest on, and one hash of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from course.definitions.form import Definition, definition
from course.definitions.modules import BARE, Ref, Source


def reach(
    source: Source,
    starts: Iterable[Ref],
    stop: Collection[str] = (),
    all_needs: bool = False,
) -> dict[Ref, Definition]:
    """The definitions that the starts rest on, themselves included.

    stop: modules ("course.plots") and names ("course.runtime.progress") that are not
    entered.  all_needs: also what type hints and messages of errors use.  Raises
    ValueError on a start that is not there.
    """
    found: dict[Ref, Definition] = {}
    waiting = list(starts)
    while waiting:
        ref = waiting.pop()
        if ref in found or ref.module in stop or ".".join(ref) in stop:
            continue
        found[ref] = made = definition(source, ref)
        waiting += made.needs if all_needs else made.decides
        if source.module(ref.module).own.get(BARE):  # what an import of it runs
            waiting.append(Ref(ref.module, BARE))
    return found


def digest(definitions: Mapping[Ref, Definition]) -> str:
    """Hash of the normal forms; where a definition stands does not count.

    Two of the same name are told apart by their modules.
    """
    times = Counter(ref.name for ref in definitions)

    def label(ref: Ref) -> str:
        return ref.name if times[ref.name] < 2 else ".".join(ref)

    rows = sorted(
        json.dumps(
            [label(ref), made.form], default=lambda refs: sorted(map(label, refs))
        )
        for ref, made in definitions.items()
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
