"""What is no error but worth a word: options that nothing reads, and meanings that may surprise."""

from collections.abc import Iterable

from minisup.config.document import Block, Document
from minisup.config.reading import Reading
from minisup.config.schema import KINDS, Kind, kind_of
from minisup.specs import DaemonSpec, GroupSpec, PluginSpec, ServerSpec


def unknown(document: Document) -> tuple[str, ...]:
    """Every option and section that nothing reads, as ``path:line: ...`` with the nearest known name."""
    found: list[tuple[str, int, str]] = []
    for name, section in document.sections.items():
        kind = kind_of(name)
        if kind is None:
            hint = _hint(_headers(name.strip()))
            found.append((section.path, section.line, f"unknown section [{name}]{hint}"))
            continue
        for key, option in section.options.items():
            # Where [DEFAULT] has the same option, the section's may be a copy that %(here)s made of it.
            inherited = document.defaults.get(key)
            copied = inherited is not None and (inherited.path, inherited.line) == (option.path, option.line)
            header = key.startswith("[")
            if not ((kind.free and not header) or copied or key in kind.keys):
                hint = " (is the closing ] missing?)" if header else nearest(key, kind.keys)
                text = f"unknown option {key!r} in [{name}]{hint}"
                found.append((option.path, option.line, text))
    everything = [key for kind in KINDS for key in kind.keys]
    for key, option in document.defaults.items():
        if key not in everything:
            found.append((option.path, option.line, f"unknown option {key!r} in [DEFAULT]{nearest(key, everything)}"))
    files = {path: number for number, path in enumerate(dict.fromkeys(path for path, _, _ in found))}
    found.sort(key=lambda item: (files[item[0]], item[1]))
    return tuple(f"{path}:{line}: {text}" for path, line, text in found)


def repeated(reading: Reading, blocks: Iterable[Block], path: str) -> None:
    """Adds to `reading.advice` what the blocks of a file say once more, before they are laid over what is known."""
    first = {name: (section.path, section.line) for name, section in reading.document.sections.items()}
    for block in blocks:
        if block.name == "include" and path != reading.path:
            continue  # is not read, and that is said
        place = first.setdefault(block.name, (path, block.line))
        if place != (path, block.line):  # a file that is read twice says nothing new
            text = f"[{block.name}] began at {place[0]}:{place[1]}: they are one section, and what is said here wins"
            reading.advice.append(f"{path}:{block.line}: {text}")
        for line, key in block.again.items():
            reading.advice.append(f"{path}:{line}: {key!r} is in [{block.name}] already: this one counts")


def advise(
    reading: Reading,
    daemon: DaemonSpec,
    groups: tuple[GroupSpec, ...],
    servers: tuple[ServerSpec, ...],
    rpcinterfaces: tuple[PluginSpec, ...],
) -> None:
    """Adds to `reading.advice` what supervisord accepts in silence although it is hardly meant."""
    if servers and all(interface.name != "supervisor" for interface in rpcinterfaces):
        text = "without a section [rpcinterface:supervisor] supervisorctl and other clients can do nothing here"
        reading.advise(servers[0].section, None, text)
    for section in reading.document.sections:
        kind = kind_of(section)
        if kind is not None and kind.header.endswith(":") and not section.split(":", 1)[1].strip():
            reading.advise(section, None, f"[{section}] has an empty name")
    if any(character in daemon.identifier for character in " :\n"):
        text = "identifier has a blank or a colon, which breaks the header of events"
        reading.advise("supervisord", "identifier", text)
    if daemon.nodaemon:
        for name in ("directory", "umask"):
            if reading.document.get("supervisord", name):
                reading.advise("supervisord", name, f"{name} is not applied with nodaemon=true, only when daemonizing")
    seen: set[str] = set()
    for group in groups:
        if group.name in seen:
            text = f"two groups are called {group.name!r}: only the first by (priority, name) counts"
            reading.advise(_section_of(reading, group), None, text)
        seen.add(group.name)
        names: set[str] = set()
        for process in group.processes:
            if process.name in names:
                text = f"two processes of group {group.name!r} are called {process.name!r}: the last one counts"
                reading.advise(_section_of(reading, group), None, text)
            names.add(process.name)


def _section_of(reading: Reading, group: GroupSpec) -> str:
    headers: tuple[str, ...] = ("group:", "program:")
    if group.pool is not None:
        headers = ("eventlistener:",)
    elif group.socket is not None:
        headers = ("fcgi-program:",)
    sections = reading.document.sections
    return next((header + group.name for header in headers if header + group.name in sections), "supervisord")


def _headers(section: str) -> list[str]:
    """Known headers that a mistyped one may have meant, nearest first."""
    prefix, colon, rest = section.partition(":")
    kinds: dict[str, Kind] = {kind.header.rstrip(":"): kind for kind in KINDS}
    close = _close(prefix, kinds)
    return [f"{near}:{rest if colon else 'NAME'}" if kinds[near].header.endswith(":") else near for near in close]


def nearest(word: str, known: Iterable[str]) -> str:
    """``(did you mean 'startsecs'?)`` behind a blank; nothing where no known word is near."""
    return _hint([repr(near) for near in _close(word, known)], brackets=False)


def _close(word: str, known: Iterable[str]) -> list[str]:
    import difflib  # on demand: most configurations have nothing unknown

    return difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)


def _hint(near: list[str], *, brackets: bool = True) -> str:
    if not near:
        return ""
    return f" (did you mean {f'[{near[0]}]' if brackets else near[0]}?)"
