"""The rules of the house that a machine can keep: layers, purity, size, lazy imports, the seam of the operating system.

A checker takes modules (dotted name -> source) and gives complaints, so that each is also shown to be able to fail.
"""

import ast
import graphlib
import io
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "minisup"

Modules = dict[str, str]

# Which room may import which (itself always). A room is a folder or a file of minisup/; "words" is the vocabulary.
# DESIGN.md draws its picture from this table.
WORDS = {"errors", "events", "names", "signals", "specs", "states"}
LAYERS = {
    "words": set(),
    "core": {"words"},
    "protocol": {"words"},
    "config": {"words"},
    "runtime": {"words", "core", "protocol"},
    "control": {"words", "core", "protocol"},
    "ctl": {"words", "protocol", "config"},
    "supervision": {"words", "core", "protocol", "config", "runtime", "control"},
    "app": {"words", "core", "protocol", "config", "runtime", "control", "supervision"},
    "embed": {"words", "core", "config", "runtime", "control", "supervision"},
    "blocking": {"words", "embed"},
    "testing": {"words", "core", "config", "embed"},
    "spoke": {"words", "runtime"},
    "cli": {"words", "config", "ctl", "app", "runtime", "spoke"},
    "__main__": {"cli"},
}

PURE = {"core", "protocol"}
IMPURE_IMPORTS = {
    *{"anyio", "asyncio", "logging", "os", "random", "secrets", "select", "selectors", "signal", "socket"},
    *{"subprocess", "tempfile", "threading", "time", "trio"},
}

LAZY = {"msgpack", "psutil", "xmlrpc"}
"""Imported on first use only: they cost every start and every idle megabyte."""

# Rule 5 of the design: who may touch processes.
SEAM = {f"minisup.runtime.{name}" for name in ("daemonize", "pidfd", "posix", "remains")}
SEAM_CALLS = {
    *{"execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe", "fork", "forkpty", "kill"},
    *{"killpg", "posix_spawn", "posix_spawnp", "setgid", "setgroups", "setpgid", "setpgrp", "setsid", "setuid"},
    *{"system", "wait", "wait3", "wait4", "waitid", "waitpid"},
}

BAD_NAMES = {"common", "compat", "helper", "helpers", "manager", "misc", "options", "util", "utils"}
LONGEST = 400
"""Lines of code in a module, docstrings and comments not counted."""
MOST_MODULES = 91


def read_modules() -> Modules:
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text()
    return modules


def room_of(module: str) -> str:
    """``minisup.core.words`` is in core, ``minisup.specs`` in words, ``minisup`` itself (the version) in words too.

    What ``minisup`` offers to those who embed it is imported when they ask for it.
    """
    _, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    return "words" if not room or room in WORDS else room


def imports(modules: Modules, module: str, *, everywhere: bool = True) -> Iterator[tuple[str, int]]:
    """(imported module, line): of ours the module itself, however it is imported; of others the dotted name.

    Args:
        everywhere: count imports inside functions too.
    """
    tree = ast.parse(modules[module])
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module}:{node.lineno}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner if inner in modules else node.module), node.lineno


def layers(modules: Modules) -> Iterator[str]:
    for module in modules.keys() - {"minisup"}:
        room = room_of(module)
        if room not in LAYERS:
            yield f"{module}: room {room!r} is not in the table of layers"
            continue
        for imported, line in imports(modules, module):
            ours = imported == "minisup" or imported.startswith("minisup.")
            if ours and room_of(imported) not in LAYERS[room] | {room}:
                yield f"{module}:{line}: {room} must not import {imported}"


def purity(modules: Modules) -> Iterator[str]:
    for module, source in modules.items():
        if room_of(module) not in PURE:
            continue
        for imported, line in imports(modules, module):
            if imported.partition(".")[0] in IMPURE_IMPORTS:
                yield f"{module}:{line}: a pure module imports {imported}"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.AsyncFunctionDef):
                yield f"{module}:{node.lineno}: a pure module has async def {node.name}"


def words_need_nothing(modules: Modules) -> Iterator[str]:
    for module in modules:
        if room_of(module) != "words":
            continue
        for imported, line in imports(modules, module):
            if (top := imported.partition(".")[0]) != "minisup" and top not in sys.stdlib_module_names:
                yield f"{module}:{line}: the vocabulary imports {imported}"


def circles(modules: Modules) -> Iterator[str]:
    graph = {
        module: {imported for imported, _ in imports(modules, module, everywhere=False) if imported in modules}
        - {module}
        for module in modules
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        yield f"circle: {' -> '.join(error.args[1])}"


def code_lines(source: str) -> int:
    """Lines that carry code: not empty, no comment, not a string that stands for itself."""
    lines: set[int] = set()
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in blank:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def sizes(modules: Modules) -> Iterator[str]:
    for module, source in modules.items():
        if (count := code_lines(source)) > LONGEST:
            yield f"{module}: {count} lines of code, at most {LONGEST}"
    if (count := sum(code_lines(source) > 0 for source in modules.values())) > MOST_MODULES:
        yield f"{count} modules, at most {MOST_MODULES}"


def names(modules: Modules) -> Iterator[str]:
    for module in modules:
        for part in module.split("."):
            if part.strip("_") in BAD_NAMES:
                yield f"{module}: {part!r} says nothing"


def seam(modules: Modules) -> Iterator[str]:
    for module, source in modules.items():
        if module in SEAM:
            continue
        for imported, line in imports(modules, module):
            if imported == "subprocess":
                yield f"{module}:{line}: only {sorted(SEAM)} may start processes"
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "os"
                and node.attr in SEAM_CALLS
            ):
                yield f"{module}:{node.lineno}: os.{node.attr} outside of {sorted(SEAM)}"


CHECKERS: dict[str, Callable[[Modules], Iterator[str]]] = {
    checker.__name__: checker for checker in (layers, purity, words_need_nothing, circles, sizes, names, seam)
}

# What each checker must notice: name -> (checker, modules, part of the complaint).
OFFENDERS = {
    "upward": ("layers", {"minisup.core.a": "import minisup.runtime.b"}, "core must not import minisup.runtime.b"),
    "upward in a function": (
        "layers",
        {"minisup.config.a": "def f():\n    from minisup.core import b"},
        "minisup.config.a:2: config must not import minisup.core",
    ),
    "sideways": ("layers", {"minisup.control.a": "from minisup.runtime import b"}, "must not import minisup.runtime"),
    "app from below": ("layers", {"minisup.runtime.a": "from minisup.app import run"}, "must not import minisup.app"),
    "new room": ("layers", {"minisup.attic": ""}, "room 'attic' is not in the table"),
    "clock in core": ("purity", {"minisup.core.a": "from time import monotonic"}, "imports time"),
    "await in protocol": ("purity", {"minisup.protocol.a": "async def f(): ..."}, "async def f"),
    "third party word": ("words_need_nothing", {"minisup.specs": "import attrs"}, "imports attrs"),
    "circle": (
        "circles",
        {"minisup.core.a": "import minisup.core.b", "minisup.core.b": "from minisup.core import a"},
        "circle",
    ),
    "long": ("sizes", {"minisup.core.a": '"""\ndoc\n"""\n' + "# why\na = 1\n" * (LONGEST + 1)}, "401 lines of code"),
    "many": ("sizes", {f"minisup.core.a{n}": "a = 1" for n in range(MOST_MODULES + 1)}, f"{MOST_MODULES + 1} modules"),
    "util": ("names", {"minisup.core.util": ""}, "'util' says nothing"),
    "compat": ("names", {"minisup.compat": ""}, "'compat' says nothing"),
    "fork": ("seam", {"minisup.runtime.pump": "import os\nos.fork()"}, "os.fork outside"),
    "popen": ("seam", {"minisup.app": "def f():\n    import subprocess"}, "may start processes"),
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_rule(checker: str) -> None:
    assert list(CHECKERS[checker](read_modules())) == []


@pytest.mark.parametrize("name", OFFENDERS)
def test_rule_can_fail(name: str) -> None:
    checker, modules, complaint = OFFENDERS[name]
    assert any(complaint in text for text in CHECKERS[checker](modules))


def test_code_lines_counts_code_only() -> None:
    three = "a = (\n    1\n)  # why\n"
    rest = 'def f():\n    """Doc."""\n    return """x\n"""\n'
    source = '"""Doc.\n\nLong.\n"""\n\n# comment\n' + three + rest
    assert code_lines(source) == 6


def test_the_package_alone_is_light() -> None:
    program = "import sys, minisup\nprint(sorted(name for name in sys.modules if name.startswith('minisup')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert (done.stdout, done.stderr) == ("['minisup']\n", "")


def test_heavy_imports_are_lazy() -> None:
    """All of minisup imported, none of the heavy libraries is."""
    program = f"import sys, {', '.join(read_modules())}\nprint(sorted({LAZY!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
