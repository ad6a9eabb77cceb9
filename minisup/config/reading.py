"""One reading of a configuration while it goes on: what was found wrong, and options looked up by the schema.

Nothing is raised at a bad option: it is noted as a problem and its default counts, so that all problems are found at
once. They are noted in the order of supervisord's checks, so that the first one is what supervisord would have said.
"""

from collections.abc import Mapping
from typing import Any

from minisup.config.document import Document, Option
from minisup.config.facts import Facts
from minisup.config.schema import Key, Kind
from minisup.config.values import Refused, expand
from minisup.errors import Problem


class Reading:
    """What all sections of one reading share.

    Attributes:
        path: the main file as it was named.
        here: its directory, absolute, links not resolved.
        names: ``ENV_x`` for the expansions; grows by [supervisord] environment.
    """

    def __init__(self, path: str, here: str, facts: Facts) -> None:
        self.path = path
        self.here = here
        self.facts = facts
        self.document = Document()
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.infos: list[str] = []
        self.advice: list[str] = []
        self.names: dict[str, Any] = {f"ENV_{name}": value for name, value in facts.environ.items()}
        self._noted: set[tuple[str | None, int | None, str]] = set()

    def problem(self, text: str, *, legacy: str, path: str | None = None, line: int | None = None) -> None:
        """Notes a problem; one that is seen again (a program in two groups) counts once."""
        if (path, line, text) not in self._noted:
            self._noted.add((path, line, text))
            self.problems.append(Problem(text, path=path, line=line, legacy=legacy))

    def advise(self, section: str, option: str | None, text: str) -> None:
        """Notes what `minisup check` says although it is no error."""
        path, line = self.place(section, option)
        self.advice.append(f"{path}:{line}: {text}")

    def place(self, section: str, option: str | None = None) -> tuple[str, int | None]:
        """Where the option stands, else its section, else the main file."""
        found: Any = self.document.get(section, option) if option else None
        found = found or self.document.sections.get(section)
        return (found.path, found.line) if found else (self.path, None)

    def suffix(self, section: str) -> str:
        """What supervisord appends to errors in a program-like section."""
        found = self.document.sections[section]
        return f" in section {section!r} (file: {self.path if found.main else found.path!r})"


class Scope:
    """One section, read with certain names to expand.

    Attributes:
        section: its full name.
        names: what its options may expand; may grow while the section is read.
        suffix: what supervisord's text of an error ends with.
    """

    def __init__(self, reading: Reading, kind: Kind, section: str, names: dict[str, Any], suffix: str = "") -> None:
        self.reading = reading
        self.keys = kind.keys
        self.section = section
        self.names = names
        self.suffix = suffix

    def given(self, name: str) -> Option | None:
        """The option as written, or None."""
        return self.reading.document.get(self.section, name)

    def text(self, name: str, default: str | None = None, *, names: Mapping[str, Any] | None = None) -> str | None:
        """The expanded text, or the default, also after a problem."""
        option = self.given(name)
        if option is None:
            return default
        try:
            return expand(option.text, self.names if names is None else names, f"{self.section}.{name}")
        except Refused as error:
            self.refuse(name, error)
            return default

    def take(self, name: str, *, suffix: str = "", default: str | None = None) -> Any:
        """The value of an option: that of its default where it is missing or wrong.

        Args:
            name: an option of the schema.
            suffix: goes between supervisord's text of an error and the suffix of the scope.
            default: instead of that of the schema.
        """
        key: Key = self.keys[name]
        fallback = key.default if default is None else default
        text = self.text(name)
        if text is not None:
            try:
                return key.convert(text, self.reading.facts)
            except Refused as error:
                self.refuse(name, error, suffix)
        return None if fallback is None else key.convert(fallback, self.reading.facts)

    def refuse(self, name: str, error: Refused, suffix: str = "") -> None:
        """Notes that the text of an option cannot be used."""
        option = self.given(name)
        shown = f" {_shortened(option.text)!r}" if option is not None else ""
        self.problem(name, f"cannot use {name}{shown} in [{self.section}]: {error.why}", error.legacy + suffix)

    def missing(self, name: str, text: str, legacy: str) -> None:
        """Notes that an option is missing, unless a line that cannot be read begins with its name: that is noted."""
        found = self.reading.document.sections.get(self.section)
        if found is None or name not in found.broken:
            self.problem(name, text, legacy)

    def problem(self, name: str | None, text: str, legacy: str) -> None:
        """Notes a problem at an option, or at the section where the option is missing."""
        path, line = self.reading.place(self.section, name)
        self.reading.problem(text, legacy=legacy + self.suffix, path=path, line=line)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
