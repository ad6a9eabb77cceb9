"""The man pages, made from the help texts and the schema; `docs/generate.py` writes them."""

import re
from collections.abc import Iterator

from minisup import SUPERVISORD_VERSION, __version__
from minisup.cli import arguments, check, ctl, main, spoke
from minisup.config.schema import EVENTLISTENER, FCGI, KINDS, OURS, PROGRAM, Key, Kind
from minisup.ctl.commands import DefaultControllerPlugin
from minisup.ctl.controller import LSBInitExitStatuses, LSBStatusExitStatuses

EXPANSIONS = {
    "%(here)s": "the folder of the file",
    "%(ENV_NAME)s": "the environment variable NAME of minisup",
    "%(program_name)s, %(group_name)s": "the names of the program and of its group",
    "%(process_num)d, %(numprocs)d": "the number of the process, and how many there are",
    "%(host_node_name)s": "the name of the host",
    "%%": "a percent sign",
}

TYPES = {
    "autorestart": "true, false or unexpected",
    "boolean": "true, yes, on, 1, or false, no, off, 0",
    "byte size": "bytes; KB, MB and GB may follow the number",
    "environment": "NAME=value with commas between; quote a value that holds more than letters, digits and _/.+-():",
    "level": "critical, error, warn, info, debug, trace or blather",
    "logfile": "a path; AUTO for a file of a name of its own in childlogdir; NONE for none",
    "octal": "an octal number",
    "owner": "USER or USER:GROUP",
    "signal": "the name of a signal, with or without SIG, or its number",
}


def pages() -> dict[str, str]:
    """Name of a page -> its text."""
    return {
        "minisup.1": _page("minisup", 1, _commands()),
        "minisup-ctl.1": _page("minisup-ctl", 1, _client()),
        "minisup.conf.5": _page("minisup.conf", 5, _configuration()),
    }


def _page(name: str, section: int, lines: Iterator[str]) -> str:
    head = [
        '.\\" Made by docs/generate.py from the help texts and the schema.',
        f'.TH {name.upper()} {section} "" "minisup {__version__}"',
        ".ad l",
    ]
    return "\n".join([*head, *lines]) + "\n"


def text(words: str) -> str:
    """Plain words as roff."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)


def bold(words: str) -> str:
    return f"\\fB{text(words)}\\fR"


# --- minisup(1) -----------------------------------------------------------------------------------------------------


def _commands() -> Iterator[str]:
    head, *rest = main.HELP.format(version=__version__).split("\n\n")
    yield from (".SH NAME", f"minisup \\- {text(head.partition(': ')[2].rstrip('.'))}")
    yield from (".SH SYNOPSIS", ".nf", bold("minisup COMMAND [options]"), bold("supervisord [options]"), ".fi")
    yield ".SH DESCRIPTION"
    yield from helped("\n\n".join(rest))
    for name, help in (
        ("run", arguments.help_text()),
        ("check", check.HELP_TEXT),
        ("spoke", spoke.SPOKE_HELP),
        ("hub", spoke.HUB_HELP),
    ):
        yield f".SH MINISUP {name.upper()}"
        yield from helped(help)
    yield ".SH SIGNALS"
    for signals, meaning in (
        ("TERM, INT, QUIT", "Stop all programs and leave; a second one kills what is still there."),
        ("HUP", "Read the configuration; if it is good, stop all programs and begin anew."),
        ("USR2", "Open all logs anew, after they were moved away."),
    ):
        yield from (".TP", bold(signals), text(meaning))
    yield from (".SH SEE ALSO", "\\fBminisup\\-ctl\\fR(1), \\fBminisup.conf\\fR(5)")


def helped(help: str) -> Iterator[str]:
    """A help text: what is indented is a list, all else paragraphs."""
    for block in help.strip("\n").split("\n\n"):
        if block.startswith("Usage: "):
            yield from (".PP", bold(block.removeprefix("Usage: ")))
            continue
        lines = block.splitlines()
        if all(line.startswith("  ") for line in lines) and (len(lines) == 1 or "\\\n" in block):
            yield from (".PP", ".nf", ".RS", *map(text, lines), ".RE", ".fi")  # something to be typed
            continue
        paragraph: list[str] = []
        for line in lines:
            found = re.fullmatch(r"  (\S.*?)(?: {2,}(\S.*))?", line)
            if found:
                yield from paragraph_of(paragraph)
                yield from (".TP", bold(found[1]), *([text(found[2])] if found[2] else []))
            elif line.startswith("   "):
                term = re.fullmatch(r" +(-.*?) {2,}(\S.*)", line)  # an option without a letter
                yield from (".TP", bold(term[1]), text(term[2])) if term else (text(line.strip()),)
            else:
                paragraph.append(line)
        yield from paragraph_of(paragraph)


def paragraph_of(lines: list[str]) -> Iterator[str]:
    if lines:
        yield from (".PP", *map(text, lines))
        lines.clear()


# --- minisup-ctl(1) -------------------------------------------------------------------------------------------------


def commands() -> dict[str, str]:
    """The commands of the client, and the help of each."""
    names = sorted(name for name in dir(DefaultControllerPlugin) if name.startswith("do_") and name != "do_EOF")
    return {name[3:]: getattr(DefaultControllerPlugin, name).__doc__ or "" for name in names}


def _client() -> Iterator[str]:
    usage, rest = ctl.help_text("minisup ctl").split("\n\n", 1)
    yield from (".SH NAME", "minisup\\-ctl \\- asks minisup and supervisord, and tells them what to do")
    yield from (".SH SYNOPSIS", bold(usage.removeprefix("Usage: ")), ".SH DESCRIPTION")
    yield from helped(rest)
    yield ".SH COMMANDS"
    for name, help in commands().items():
        if name == "help":
            continue
        for line in help.splitlines():
            words, tab, meaning = line.strip().partition("\t")
            yield from (".TP", bold(words), text(meaning.strip())) if tab else (".br", text(words))
    yield from (".TP", bold("help [COMMAND]"), "Say which commands there are, or what one does")
    yield ".SH EXIT STATUS"
    for kind, names in ((LSBInitExitStatuses, "all commands"), (LSBStatusExitStatuses, "status")):
        yield from (".TP", bold(names))
        codes = {name.lower().replace("_", " "): code for name, code in vars(kind).items() if name.isupper()}
        yield text(", ".join(f"{code} {name}" for name, code in codes.items()))
    yield from (".SH SEE ALSO", "\\fBminisup\\fR(1), \\fBminisup.conf\\fR(5)")


# --- minisup.conf(5) ------------------------------------------------------------------------------------------------


def _configuration() -> Iterator[str]:
    yield from (".SH NAME", "minisup.conf \\- the configuration of minisup, a supervisord.conf")
    yield ".SH DESCRIPTION"
    yield text(f"minisup reads what supervisord {SUPERVISORD_VERSION} reads. A file consists of sections, [NAME], and")
    yield text("of options, KEY=VALUE; lines that begin with white space go on with the value before. A line")
    yield text("that begins with ; or # is a comment, and so is the rest of a line after white space and one of")
    yield text("them. What stands in [DEFAULT] is an option of every section. Unknown sections and options are no")
    yield from ("mistake;", bold("minisup check"), "names them.")
    yield from (".SH EXPANSIONS", "In values these are replaced:")
    for name, meaning in EXPANSIONS.items():
        yield from (".TP", bold(name), text(meaning))
    yield from (".SH TYPES", "What is written for a value, where the name of its type does not say it:")
    for name, meaning in TYPES.items():
        yield from (".TP", bold(name), text(meaning))
    yield ".SH SECTIONS"
    for kind in KINDS:
        yield from _section(kind)
    yield from (".SH SEE ALSO", "\\fBminisup\\fR(1)")


def _section(kind: Kind) -> Iterator[str]:
    yield from (f".SS {text(f'[{kind.header}NAME]' if kind.header.endswith(':') else f'[{kind.header}]')}",)
    yield text(kind.help)
    own = list(kind.keys.values())
    if kind in (EVENTLISTENER, FCGI):
        own = [key for key in own if key.name not in PROGRAM.keys]
        yield text("Takes all options of [program:NAME], and:")
    for key in own:
        yield from (".TP", f"{bold(key.name)} ({text(_kind(key))})", text(key.help))
        if key.since == OURS:
            yield text("Only minisup has it.")
    if kind.free:
        yield from (".PP", text("Any other option is handed to the plugin."))


def _kind(key: Key) -> str:
    return f"{key.type}, required" if key.required else f"{key.type}, {key.default}" if key.default else key.type
