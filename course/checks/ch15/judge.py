"""The walk of exercise 15.3, with its rules as arguments."""

import ast
import operator
import warnings

LONGEST, DEEPEST = 40, 12
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


class Judge:
    """The walk with one rule changed."""

    def __init__(self, **changes) -> None:
        rules = {
            "longest": LONGEST, "deepest": DEEPEST, "names": ("x",), "strip": True,
            "operators": OPERATORS, "minus": True, "numbers": lambda n: type(n) is int,
            "both": True, "compare": (ast.Eq,), "swap": False, "chained": False,
            "bare_compare": False, "outside": None, "plus": False, "counted": len,
            "truthy": False, "holds": None,
        }  # fmt: skip
        self.__dict__ |= rules | changes

    def __call__(self, program: str, x: int) -> int | None:
        if self.counted(program) > self.longest:
            return self.outside
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                text = program.strip() if self.strip else program
                return self.walk(ast.parse(text, mode="eval").body, x, 1)
        except (SyntaxError, ValueError):
            return self.outside

    def walk(self, node: ast.AST, x: int, depth: int) -> int:
        if depth > self.deepest:
            raise ValueError

        def below(child: ast.AST) -> int:
            return self.walk(child, x, depth + 1)

        if isinstance(node, ast.Constant) and self.numbers(node.value):
            return node.value
        if isinstance(node, ast.Name) and (not self.names or node.id in self.names):
            return x
        sign = type(node.op) if isinstance(node, ast.UnaryOp) else None
        if sign is ast.USub and self.minus:
            return -below(node.operand)
        if sign is ast.UAdd and self.plus:
            return below(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in self.operators:
            left, right = below(node.left), below(node.right)
            return self.operators[type(node.op)](left, right)
        if isinstance(node, ast.Compare) and self.bare_compare:
            return int(self.compared(node, below))
        if isinstance(node, ast.IfExp) and isinstance(node.test, ast.Compare):
            chosen = self.compared(node.test, below) != self.swap
            if self.both:
                yes, no = below(node.body), below(node.orelse)
                return yes if chosen else no
            return below(node.body if chosen else node.orelse)
        if isinstance(node, ast.IfExp) and self.truthy:
            return below(node.body if below(node.test) else node.orelse)
        raise ValueError

    def compared(self, node: ast.Compare, below) -> bool:
        if not isinstance(node.ops[0], self.compare):
            raise ValueError
        if len(node.ops) > 1 and not self.chained:
            raise ValueError
        equal = below(node.left) == below(node.comparators[0])
        if self.holds is not None:
            return self.holds(equal)
        return equal != isinstance(node.ops[0], ast.NotEq)
