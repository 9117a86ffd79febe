"""Modules as files: which names each binds, and what an imported name stands for."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

IMPORT = ast.Import | ast.ImportFrom
BARE = ""  # the name of a module's statements that bind none


class Ref(NamedTuple):
    """Where a definition stands: its module and its name there."""

    module: str
    name: str


class Module:
    """The top level of one module.

    own: name -> the statements that bind it.  imports: name -> what it may stand for,
    such as "course.lm.model.GPT".
    """

    def __init__(self, tree: ast.Module, package: str):
        self.package = package
        self.own: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, set[str]] = {}
        for statement in tree.body:
            names = bound([statement], package)
            for name, targets in names.items():
                if targets:
                    self.imports.setdefault(name, set()).update(targets)
            if isinstance(statement, IMPORT) or _only_for_types(statement):
                continue
            for name in names or [BARE] * acts(statement):
                self.own.setdefault(name, []).append(statement)


class Source:
    """What to read; roots: name of a package or module -> its folder or file."""

    def __init__(self, roots: Mapping[str, Path]):
        self.roots = dict(roots)
        self.module = cache(self._module)

    def path(self, module: str) -> Path | None:
        """The file of a module; None where there is none below the roots."""
        root, rest = module, []
        while root and root not in self.roots:
            root, _, last = root.rpartition(".")
            rest.insert(0, last)
        if not root:
            return None
        place = self.roots[root].joinpath(*rest)
        tried = (place / "__init__.py", place.with_name(f"{place.name}.py"), place)
        return next((file for file in tried if file.is_file()), None)

    def _module(self, name: str) -> Module:
        file = self.path(name)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        return Module(tree, package)

    def resolve(self, module: str, chain: list[str]) -> tuple[set[Ref], int]:
        """What the attributes `chain` of a module mean, and how many of them say it.

        A module that is itself the value, or whose attribute nobody can name from its
        text, stands for all that it defines.
        """
        own, imports = self.module(module).own, self.module(module).imports
        name, rest = (chain or [BARE])[0], chain[1:]
        if name and name in own:
            return {Ref(module, name)}, 1
        if name in imports:
            found = [self.target(target, rest) for target in sorted(imports[name])]
            refs = {ref for some, _ in found for ref in some}
            return refs, 1 + max(used for _, used in found)
        if name and self.path(f"{module}.{name}"):
            refs, used = self.resolve(f"{module}.{name}", rest)
            return refs, used + 1
        return {Ref(module, name) for name in own if name != BARE}, 0

    def target(self, target: str, rest: list[str]) -> tuple[set[Ref], int]:
        """The same for what an import names and the attributes `rest` behind it."""
        parts = target.split(".")
        for end in range(len(parts), 0, -1):
            if self.path(module := ".".join(parts[:end])):
                refs, used = self.resolve(module, [*parts[end:], *rest])
                return refs, max(0, used - len(parts[end:]))
        return set(), 0


def acts(statement: ast.stmt) -> bool:
    """Whether a statement does anything: a docstring and `pass` do not."""
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not text and not isinstance(statement, ast.Pass)


def bound(body: list[ast.AST], package: str) -> dict[str, set[str]]:
    """The names that statements bind in their own scope; an import's with its targets.

    package: where the statements stand, for relative imports.
    """
    found: dict[str, set[str]] = {}
    elsewhere: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        names, into = [], list(ast.iter_child_nodes(node))
        match node:
            case ast.Import() | ast.ImportFrom():
                for name, target in _imported(node, package):
                    found.setdefault(name, set()).add(target)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names, into = [node.name], []
            case ast.Lambda():
                into = []
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                into = [n for n in ast.walk(node) if isinstance(n, ast.NamedExpr)]
            case ast.Global() | ast.Nonlocal():
                elsewhere.update(node.names)
            case ast.Name(ctx=ast.Store() | ast.Del()):
                names = [node.id]
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                names = [node.name] if node.name else []
            case ast.MatchMapping(rest=str()):
                names = [node.rest]
        for name in names:
            found.setdefault(name, set())
        waiting += into
    return {name: v for name, v in found.items() if name not in elsewhere}


def _imported(node: Any, package: str) -> Iterator[tuple[str, str]]:
    """Pairs of a name and what it stands for."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                parts = package.split(".")
                base = parts[: len(parts) - node.level + 1] + base
            yield alias.asname or alias.name, ".".join([*base, alias.name])
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            top = alias.name.partition(".")[0]
            yield top, top


def _only_for_types(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.If)
        and ast.unparse(statement.test).split(".")[-1] == "TYPE_CHECKING"
    )
