"""docs/api.md, made from the signatures and docstrings of what programs import; `docs/generate.py` writes it."""

import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

import minisup
import minisup.blocking
import minisup.testing

HEAD = """\
# The interface for Python

What a program that embeds minisup may use; [embedding.md](embedding.md) shows how. Everything else may change.

This page is made by `docs/generate.py` from the signatures and docstrings; a test compares it with them.
"""

MODULES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "minisup": (
        minisup,
        (
            *("Supervisor", "Program", "ProgramOptions", "Info", "Stream", "Event", "Line"),
            *("MinisupError", "ConfigError", "ProcessError", "StartError", "TimedOut", "UnknownProgram"),
        ),
    ),
    "minisup.blocking": (minisup.blocking, ("Supervisor", "Stream")),
    "minisup.testing": (minisup.testing, ("World", "Habits", "exited", "killed")),
}


MADE = (minisup.Stream, minisup.blocking.Stream, minisup.Event)
"""What one gets and does not make."""


def page() -> str:
    """The text of docs/api.md."""
    lines = [HEAD]
    for name, (module, public) in MODULES.items():
        lines.append(f"## {name}\n")
        if module is not minisup:
            lines += [*prose(module.__doc__), ""]
        for one in public:
            lines += list(described(one, getattr(module, one)))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip("\n") + "\n"


def described(name: str, what: Any) -> Iterator[str]:
    """One public name and, of a class, its methods."""
    yield f"### {name}\n"
    if not inspect.isclass(what):
        yield from (f"```python\n{signature(name, what)}\n```\n", *prose(what.__doc__), "")
        return
    if typing.is_typeddict(what):
        yield from (*prose(what.__doc__), "", "```python")
        yield from (f"{option}: {written(kind)}" for option, kind in inspect.get_annotations(what).items())
        yield "```\n"
        return
    if "__init__" in vars(what) and what not in MADE and not issubclass(what, Exception):
        yield f"```python\n{signature(name, what.__init__)}\n```\n"
    if issubclass(what, Exception):
        yield f"{', '.join(f'`{base.__name__}`' for base in what.__bases__)}\n"
    yield from (*prose(what.__doc__), "")
    same = []
    for method, function in vars(what).items():
        plain = function.__func__ if isinstance(function, staticmethod) else function
        if method.startswith("_") or not inspect.isfunction(plain):
            continue
        if what is not minisup.Supervisor and plain.__doc__ == getattr(
            vars(minisup.Supervisor).get(method), "__doc__", ""
        ):
            same.append(signature(method, plain))
            continue
        yield from (f"#### {name}.{method}\n", f"```python\n{signature(method, plain)}\n```\n", *prose(plain.__doc__))
    if same:
        yield from ("The methods of `minisup.Supervisor`, without await:\n", "```python", *same, "```\n")


def signature(name: str, function: Any) -> str:
    """As one would write it, without `self`."""
    found = inspect.signature(function)
    parameters = [one for one in found.parameters.values() if one.name != "self"]
    text = str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    for one in parameters:
        if one.annotation is not inspect.Parameter.empty:
            text = text.replace(inspect.formatannotation(one.annotation), written(one.annotation))
    back = found.return_annotation
    arrow = "" if back in (inspect.Signature.empty, None) or name[0].isupper() else f" -> {written(back)}"
    head = "async def " if inspect.iscoroutinefunction(function) else "" if name[0].isupper() else "def "
    return f"{head}{name}{text}{arrow}"


def written(annotation: Any) -> str:
    """A type as one would write it."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])", "", text)
    text = re.sub(r"Union\[(\w+), (.*)\]", r"\1 | \2", text)
    text = text.replace("~", "").replace("str | PathLike[str]", "Path")
    return text.replace("*<class 'ProgramOptions'>", "ProgramOptions")


def prose(docstring: str | None) -> Iterator[str]:
    """Google's sections as lists, examples as code, the rest as it is."""
    assert docstring, "every public name says what it is"
    for block in re.split(r"\n{2,}(?=\S|    \S)", inspect.cleandoc(docstring)):
        head, *rest = block.splitlines()
        if head in ("Args:", "Attributes:", "Returns:", "Raises:"):
            yield f"*{head}*"
            yield ""
            text = inspect.cleandoc("\n".join(["", *rest]))
            yield from listed(text) if head != "Returns:" else (f"- {' '.join(text.split())}",)
        elif block.startswith("    "):
            yield from ("```python", inspect.cleandoc("\n" + block), "```")
        else:
            yield block.replace("``", "`")
        yield ""


def listed(text: str) -> Iterator[str]:
    for name, meaning in re.findall(r"^([\w`]+): (.*(?:\n .*)*)", text, flags=re.MULTILINE):
        yield f"- `{name}`: {' '.join(meaning.split())}".replace("``", "`")
