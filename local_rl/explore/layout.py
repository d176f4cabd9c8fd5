"""A long assignment on several lines, as a formatter would break it."""

from __future__ import annotations

import ast

WIDTH = 100


def laid_out(name: str, source: str, width: int = WIDTH) -> str:
    """`name = source`, its outermost calls and lists broken where a line would be too long."""
    return f"{name} = {_broken(ast.parse(source, mode='eval').body, 0, len(name) + 3, width)}"


def _broken(node: ast.expr, indent: int, before: int, width: int) -> str:
    whole = ast.unparse(node)
    if indent + before + len(whole) <= width:
        return whole
    match node:
        case ast.Call(func=func, args=args, keywords=keywords):
            opening, closing = f"{ast.unparse(func)}(", ")"
            items = [("", arg) for arg in args]
            items += [(f"{keyword.arg}=", keyword.value) for keyword in keywords]
        case ast.List(elts=elements):
            opening, closing = "[", "]"
            items = [("", element) for element in elements]
        case ast.Tuple(elts=elements) if len(elements) > 1:
            opening, closing = "(", ")"
            items = [("", element) for element in elements]
        case _:
            return whole
    inner = indent + 4
    lines = [f"{' ' * inner}{start}{_broken(item, inner, len(start) + 1, width)}," for start, item in items]
    return "\n".join([opening, *lines, f"{' ' * indent}{closing}"])
