"""The normal form of a definition, and what it refers to."""

import ast
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from course.definitions.modules import BARE, IMPORT, Ref, Source, acts, bound

# Fields that say nothing, or that the parser fills differently.
SILENT = {"ctx", "kind", "type_comment"}
COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass
class Definition:
    """One definition: its statements, their normal form, and what it refers to.

    decides: what its result rests on.  needs: that, and what type hints and messages
    of errors use.  outside: name -> what it stands for in another package.
    """

    ref: Ref
    statements: list[ast.stmt]
    form: Any = None
    decides: set[Ref] = field(default_factory=set)
    needs: set[Ref] = field(default_factory=set)
    outside: dict[str, str] = field(default_factory=dict)


@cache
def definition(source: Source, ref: Ref) -> Definition:
    """Read one definition.  Raises ValueError when its module does not define it."""
    there = source.path(ref.module) and source.module(ref.module).own.get(ref.name)
    if not there and ref.name != BARE:
        raise ValueError(f"got {'.'.join(ref)}, expected a name that a module defines")
    made = Definition(ref, there or [])
    made.form = _Reader(source, made).form(made.statements, ())
    made.needs |= made.decides
    return made


class _Reader:
    """Walks one definition; `scopes` are (is a class, its names), outermost first."""

    def __init__(self, source: Source, into: Definition):
        self.source, self.into = source, into
        self.module = source.module(into.ref.module)
        self.decides = True

    def form(self, node: Any, scopes: tuple) -> Any:
        """Nested lists of strings; what a name refers to is a set of Ref."""
        match node:
            case list():
                kept = [n for n in node if acts(n) and not isinstance(n, IMPORT)]
                return [self.form(n, scopes) for n in kept]
            case ast.Constant():
                return [type(node.value).__name__, ascii(node.value)]
            case ast.Name() | ast.Attribute():
                return self._chain(node, scopes)
            case ast.Raise(exc=ast.Call(func=func)):
                self._aside(node.exc, scopes)
                return ["Raise", self.form(func, scopes)]
            case ast.JoinedStr():
                return ["JoinedStr", *self.form(list(_joined(node.values)), scopes)]
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                return self._function(node, scopes)
            case ast.ClassDef():
                shell = copy(node)
                shell.body = []
                inner = (*scopes, (True, bound(node.body, self.module.package)))
                return [*self._fields(shell, scopes), self.form(node.body, inner)]
        if isinstance(node, COMPREHENSION):
            targets = [loop.target for loop in node.generators]
            scopes = (*scopes, (False, bound(targets, self.module.package)))
        if isinstance(node, ast.AST):
            return self._fields(node, scopes)
        return node

    def _fields(self, node: ast.AST, scopes: tuple) -> list:
        """Empty fields are left out: newer Pythons have more of them."""
        fields = [
            [name, self.form(value, scopes)]
            for name, value in ast.iter_fields(node)
            if name not in SILENT and value is not None and value != []
        ]
        return [type(node).__name__, *sorted(fields, key=lambda pair: pair[0])]

    def _function(self, node: Any, scopes: tuple) -> list:
        a = node.args
        groups = [a.posonlyargs, a.args, [a.vararg], a.kwonlyargs, [a.kwarg]]
        members = [arg for group in groups for arg in group if arg]
        hints = [arg.annotation for arg in members] + [getattr(node, "returns", None)]
        for hint in hints:
            if hint:
                self._aside(hint, scopes)
        body = node.body if isinstance(node.body, list) else [node.body]
        local = bound(body, self.module.package)
        local |= {arg.arg: set() for arg in members}
        return [
            type(node).__name__,
            getattr(node, "name", ""),
            [[arg.arg for arg in group if arg] for group in groups],
            self.form([*a.defaults, *a.kw_defaults], scopes),
            self.form(getattr(node, "decorator_list", []), scopes),
            self.form(body, (*scopes, (False, local))),
        ]

    def _aside(self, node: ast.AST, scopes: tuple) -> None:
        """Note what a node needs that decides no result."""
        before, self.decides = self.decides, False
        self.form(node, scopes)
        self.decides = before

    def _chain(self, node: ast.Name | ast.Attribute, scopes: tuple) -> list:
        """A dotted name: a local one, a definition that is walked, or another's."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ["Attribute", self.form(node, scopes), *attributes]
        # A class body's names are seen in it, and not in its methods.
        seen = [names for is_class, names in scopes[:-1] if not is_class]
        seen += [names for _, names in scopes[-1:]]
        targets = next(
            (names[node.id] for names in seen[::-1] if node.id in names), None
        )
        if targets == set():
            return ["local", node.id, *attributes]
        if targets is None and node.id in self.module.own:
            found = [({Ref(self.into.ref.module, node.id)}, 0)]
        else:
            targets = sorted(targets or self.module.imports.get(node.id, ()))
            found = [self.source.target(target, attributes) for target in targets]
        refs = {ref for some, _ in found for ref in some}
        if targets and not refs:
            self.into.outside[node.id] = targets[0]
            return ["outside", *targets, *attributes]
        (self.into.decides if self.decides else self.into.needs).update(refs)
        used = max((used for _, used in found), default=0)
        return ["name", refs or node.id, *attributes[used:]]


def _joined(values: list[ast.expr]) -> Iterator[ast.expr]:
    """The parts of an f-string, adjacent pieces of text as one."""
    text = ""
    for value in [*values, None]:
        if isinstance(value, ast.Constant):
            text += value.value
            continue
        if text:
            yield ast.FormattedValue(ast.Constant(text), -1)
        text = ""
        if value:
            yield value
