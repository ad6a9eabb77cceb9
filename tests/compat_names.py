"""Run by the Python of the real supervisor and by that of minisup-compat: names and signatures of modules, as JSON.

Usage: compat_names.py MODULE ...

It prints {"defined": {module: names}, "names": {module: names}, "signatures": {name: [[name, kind, default]]}}.
"""

import ast
import importlib
import importlib.util
import inspect
import json
import re
import sys
from pathlib import Path


def defined(module):
    """Public names that the text of a module defines, other than by an import."""
    names = []

    def walk(body):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.append(node.name)
            elif isinstance(node, ast.Assign):
                names.extend(target.id for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, (ast.If, ast.Try)):
                walk(node.body)

    walk(ast.parse(Path(importlib.util.find_spec(module).origin).read_text()).body)
    return sorted({name for name in names if not name.startswith("_")})


def signatures(module):
    """(name, parameters) of what can be called, and of the methods of classes."""
    found = importlib.import_module(module)
    for name, value in vars(found).items():
        if name.startswith("_") or not (inspect.isclass(value) or inspect.isroutine(value)):
            continue
        yield f"{module}.{name}", value
        if inspect.isclass(value):
            for method, function in inspect.getmembers(value, callable):
                if not method.startswith("_"):
                    yield f"{module}.{name}.{method}", function


def parameters(function):
    """[name, kind, default] of each parameter, or None where Python does not know."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [
        [p.name, p.kind.name, "-" if p.default is p.empty else re.sub(r" at 0x\w+", "", repr(p.default))] for p in found
    ]


print(
    json.dumps(
        {
            "defined": {module: defined(module) for module in sys.argv[1:]},
            "names": {module: list(vars(importlib.import_module(module))) for module in sys.argv[1:]},
            "signatures": {
                name: found
                for module in sys.argv[1:]
                for name, function in signatures(module)
                if (found := parameters(function)) is not None
            },
        }
    )
)
