"""The files of a configuration -> `Configuration`, or every problem of them at once.

The order of reading is the order of supervisord's checks: files, [supervisord], plugins, groups, servers, and at last
the user's name. `minisup.config.reading` says how problems are collected on the way.
"""

import posixpath
from typing import Any

from minisup.config import search_places
from minisup.config.document import HEADLESS, Block, lines_of, read_blocks
from minisup.config.facts import Facts, Overrides
from minisup.config.programs import read_groups
from minisup.config.reading import Reading, Scope
from minisup.config.remarks import advise, repeated, unknown
from minisup.config.schema import INET, MAIN_FACTORY, RPCINTERFACE, SUPERVISORD, UNIX, Kind
from minisup.config.values import SYSLOG, Refused, environment, expand, user
from minisup.errors import ConfigError, Problem
from minisup.specs import Configuration, DaemonSpec, PluginSpec, ServerSpec

__all__ = ["Facts", "Overrides", "examine", "load", "search_places"]

ROOT_WITHOUT_USER = (
    "Supervisor is running as root.  Privileges were not dropped because no user is specified in the config file.  "
    "If you intend to run as root, you can set user=root in the config file to avoid this message."
)


def load(overrides: Overrides, facts: Facts) -> Configuration:
    """Reads and checks a whole configuration.

    Args:
        overrides: what the command line said.
        facts: what may be known; the same object for the first reading and every later one.

    Raises:
        ConfigError: with every problem, in the order of supervisord's checks: ``problems[0].legacy`` is its text.
    """
    configuration, problems = examine(overrides, facts)
    if problems:
        raise ConfigError(problems)
    return configuration


def examine(overrides: Overrides, facts: Facts) -> tuple[Configuration, list[Problem]]:
    """As `load`, but what has problems is returned too, for its remarks: defaults stand where something is wrong.

    Raises:
        ConfigError: there is no text to look at.
    """
    path = overrides.configfile or _search(overrides.argv0, facts)
    here = posixpath.dirname(facts.absolute(path))
    reading = Reading(path, here, facts)
    _read_files(reading)
    document = reading.document
    headless = any(problem.path == path and problem.legacy.startswith(HEADLESS) for problem in reading.problems)
    if "supervisord" not in document.sections and not headless:
        legacy = ".ini file does not include supervisord section"
        reading.problem("cannot use the file: it has no [supervisord] section", legacy=legacy, path=path)
    scope = Scope(reading, SUPERVISORD, "supervisord", {**reading.names, "here": here})
    said: dict[str, Any] = {}
    common: dict[str, str] = {}
    for name in SUPERVISORD.keys:
        if name == "environment":
            common = _environment(scope)
        else:
            said[name] = scope.take(name)
    reading.names.update((f"ENV_{name}", value) for name, value in common.items())
    rpcinterfaces = _rpcinterfaces(reading)
    groups = read_groups(reading, common)
    servers = (*_servers(reading, INET), *_servers(reading, UNIX))
    daemon = _daemon(scope, said, overrides, common)
    if servers:
        _check_main_interface(reading, rpcinterfaces)
    strange = unknown(document)
    advise(reading, daemon, groups, servers, rpcinterfaces)
    configuration = Configuration(
        daemon=daemon,
        groups=groups,
        servers=servers,
        rpcinterfaces=rpcinterfaces,
        messages=_messages(reading, daemon, strange),
        unknown=strange,
        advice=tuple(reading.advice),
    )
    return configuration, reading.problems


def _search(argv0: str, facts: Facts) -> str:
    places = search_places(argv0)
    for place in places:
        if facts.exists(facts.absolute(place)):
            return place
    listed = ", ".join(places)
    legacy = f"No config file found at default paths ({listed}); use the -c option to specify a config file "
    legacy += "at a different path"
    raise ConfigError([Problem(f"cannot find a configuration: looked for {listed}; name one with -c", legacy=legacy)])


def _read_files(reading: Reading) -> None:
    """The main file and what it includes. Only a main file that cannot be read at all ends the reading."""
    facts, document = reading.facts, reading.document
    place = facts.absolute(reading.path)
    if not facts.exists(place):
        legacy = f"could not find config file {reading.path}"
        raise ConfigError([Problem(f"cannot read {reading.path!r}: no such file", legacy=legacy)])
    try:
        data = facts.read(place)
    except OSError as error:
        legacy = f"could not read config file {reading.path}"
        raise ConfigError([Problem(f"cannot read {reading.path!r}: {error.strerror}", legacy=legacy)]) from None
    blocks = _blocks(data, reading.path, reading)
    if blocks is None:
        raise ConfigError(reading.problems)
    repeated(reading, blocks, reading.path)
    document.add(blocks, reading.path, main=True)
    if "include" not in document.sections:
        return
    document.substitute_here(reading.here)
    for path in _included(reading):
        reading.infos.append(f'Included extra file "{path}" during parsing')
        try:
            data = facts.read(path)
        except OSError as error:
            # QUIRK(supervisor): what cannot be read adds nothing. tests/test_config_build.py: include unreadable
            reading.warnings.append(f'cannot read included file "{path}": {error.strerror}')
            continue
        blocks = _blocks(data, path, reading)
        if blocks is None:
            continue
        for block in blocks:
            if block.name == "include":
                reading.advice.append(f"{path}:{block.line}: [include] in an included file is ignored")
        repeated(reading, blocks, path)
        document.add(blocks, path, here=posixpath.dirname(path))


def _blocks(data: bytes, path: str, reading: Reading) -> list[Block] | None:
    """What a file says, or None where it is no text; notes what cannot be read in it.

    supervisord lets a NUL character pass, and fails where it comes to the system: no name and no word may hold one.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = f"cannot read byte 0x{data[error.start]:02x}: the file is not UTF-8"
        reading.problem(text, legacy=str(error), path=path, line=line)
        return None
    blocks = read_blocks(text.replace("\0", "\ufffd"), path, reading.problems)
    if "\0" in text:
        why = "cannot read the line: it holds a NUL character"
        for number, written in enumerate(lines_of(text), 1):
            if "\0" in written:
                reading.problem(why, legacy=f"{why}\nfile: {path!r}, line: {number}", path=path, line=number)
    return blocks


def _included(reading: Reading) -> list[str]:
    """Paths of all included files in the order of reading; notes patterns without a match."""
    facts = reading.facts
    option = reading.document.get("include", "files")
    path, line = reading.place("include", "files")
    if option is None:
        legacy = ".ini file has [include] section, but no files setting"
        reading.problem("cannot use [include]: it does not say which files", legacy=legacy, path=path, line=line)
        return []
    names = {**reading.names, "here": reading.here, "host_node_name": facts.host_node_name}
    try:
        patterns = expand(option.text, names, "include.files").split()
    except Refused as error:
        reading.problem(f"cannot use files in [include]: {error.why}", legacy=error.legacy, path=path, line=line)
        return []
    paths: list[str] = []
    for pattern in patterns:
        pattern = posixpath.join(reading.here, pattern)
        matches = sorted(facts.glob(pattern))
        if not matches:
            reading.warnings.append(f'No file matches via include "{pattern}"')
        paths.extend(matches)
    return paths


def _environment(scope: Scope) -> dict[str, str]:
    """[supervisord] environment.

    QUIRK(supervisor): expanded twice. A text that does not survive the second time counts as it was after the first, so
    that all of these work: ``%%%%`` (as 4.3 wants it), ``%%`` (as 4.4 will) and variables whose value contains a ``%``.
    tests/test_config_build.py: environment
    """
    option = scope.given("environment")
    if option is None:
        return {}
    facts = scope.reading.facts
    wider = {**scope.names, "host_node_name": facts.host_node_name}  # known to 4.3 only the second time
    text = option.text
    failed: list[Refused] = []
    for names, label in ((scope.names, "supervisord.environment"), (wider, "environment")):
        try:
            text = expand(text, names, label)
        except Refused as error:
            failed.append(error)
    try:
        if len(failed) == 2:
            raise failed[1]
        pairs: dict[str, str] = environment(text, facts)
    except Refused as error:
        legacy = failed[0].legacy if failed else error.legacy
        scope.refuse("environment", Refused(legacy, error.why))
        return {}
    return pairs


def _rpcinterfaces(reading: Reading) -> tuple[PluginSpec, ...]:
    """The [rpcinterface:x] in file order; only the main one is not imported."""
    factory_key = next(iter(RPCINTERFACE.keys))
    found = []
    for section in reading.document.sections:
        if not section.startswith(RPCINTERFACE.header):
            continue
        scope = Scope(reading, RPCINTERFACE, section, reading.names)
        if scope.given(factory_key) is None:
            legacy = f"section [{section}] does not specify a {factory_key}"
            scope.missing(factory_key, f"cannot use [{section}]: it has no {factory_key}", legacy)
            continue
        factory = scope.text(factory_key) or ""
        if factory != MAIN_FACTORY and (why := reading.facts.resolve(factory)):
            text = f"cannot use {factory_key} {factory!r} in [{section}]: {why}"
            scope.problem(factory_key, text, f"{factory} cannot be resolved within [{section}]")
        options = {key: scope.text(key) or "" for key in reading.document.keys(section) if key != factory_key}
        path, line = reading.place(section, factory_key)
        found.append(PluginSpec(section.split(":", 1)[1], factory, options, f"{path}:{line}"))
    return tuple(found)


def _check_main_interface(reading: Reading, interfaces: tuple[PluginSpec, ...]) -> None:
    """QUIRK(supervisor): an option of [DEFAULT] reaches it too and is fatal.

    tests/test_config_build.py: main interface
    """
    for interface in interfaces:
        if interface.factory == MAIN_FACTORY and interface.options:
            option = next(iter(interface.options))
            path, line = reading.place(f"rpcinterface:{interface.name}", option)
            why = f"{MAIN_FACTORY} takes no options"
            if option.startswith("["):
                why = "is its closing ] missing?"
            text = f"cannot use {option} in [rpcinterface:{interface.name}]: {why}"
            reading.problem(text, legacy=f"Could not make {interface.name} rpc interface", path=path, line=line)


def _servers(reading: Reading, kind: Kind) -> list[ServerSpec]:
    """Servers of one kind in file order.

    QUIRK(supervisor): any section whose name begins so is one. tests/test_config_build.py: server prefix
    """
    return [_server(reading, kind, name) for name in reading.document.sections if name.startswith(kind.header)]


def _server(reading: Reading, kind: Kind, section: str) -> ServerSpec:
    scope = Scope(reading, kind, section, reading.names)
    where: dict[str, Any] = {}
    if kind is UNIX:
        file = scope.text("file", names={**reading.names, "here": reading.here})
        if scope.given("file") is None:
            legacy = f"section [{section}] has no file value"
            scope.missing("file", f"cannot open [{section}]: it does not say which file", legacy)
        elif file is not None and not file.strip():
            scope.problem("file", f"cannot open [{section}]: file is empty", f"section [{section}] has no file value")
        where["path"] = reading.facts.normalize((file or "").strip())
        where.update(_account(scope))
        where.update(owner=scope.take("chown"), mode=scope.take("chmod"))
    else:
        where.update(_account(scope))
        if scope.given("port") is None:
            legacy = f"section [{section}] has no port value"
            scope.missing("port", f"cannot open [{section}]: it does not say which port", legacy)
        where["host"], where["port"] = scope.take("port") or ("", 0)
    ours = {name: scope.take(name) for name in ("max_body", "idle_timeout", "max_connections", "get_actions")}
    return ServerSpec(section=section, **where, **ours)


def _account(scope: Scope) -> dict[str, str | None]:
    account = {name: scope.text(name) for name in ("username", "password")}
    given = [name for name in account if scope.given(name) is not None]
    if len(given) == 1:
        legacy = (
            f"Section [{scope.section}] contains incomplete authentication: If a username or a password is specified, "
            "both the username and password must be specified"
        )
        missing = "password" if given == ["username"] else "username"
        scope.problem(given[0], f"cannot use {given[0]} in [{scope.section}]: {missing} is missing", legacy)
    return account


def _daemon(scope: Scope, said: dict[str, Any], overrides: Overrides, common: dict[str, str]) -> DaemonSpec:
    reading, facts = scope.reading, scope.reading.facts
    values = {**said, **overrides.values}
    values["uid"] = None
    name = values.pop("user")
    if name is not None:
        try:
            values["uid"] = user(name, facts)
        except Refused as error:
            if "user" in overrides.values:
                reading.problem(f"cannot run as user {name!r}: {error.why}", legacy=error.legacy)
            else:
                scope.refuse("user", error)
    logfile = values.pop("logfile")
    # QUIRK(supervisor): only the lower-case word is the syslog. tests/test_config_build.py: syslog
    values["log_syslog"] = logfile == SYSLOG
    values["logfile"] = None if logfile == SYSLOG else _path_or_none(logfile, facts)
    values["pidfile"] = _path_or_none(values["pidfile"], facts)
    values["childlogdir"] = facts.absolute(values["childlogdir"] or facts.tempdir)
    default = "logfile" not in overrides.values and scope.given("logfile") is None
    known = {name: value for name, value in values.items() if name in DaemonSpec.__dataclass_fields__}
    return DaemonSpec(
        configfile=facts.absolute(reading.path),
        here=reading.here,
        environment=common,
        start=overrides.start,
        logfile_default=default,
        **known,
    )


def _path_or_none(path: str, facts: Facts) -> str | None:
    """supervisord would make a file called NONE; nobody wants one."""
    return None if path.lower() in ("none", "off", "") else facts.normalize(path)


def _messages(reading: Reading, daemon: DaemonSpec, strange: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Critical, then warnings, then the rest, as supervisord logs them."""
    critical = [ROOT_WITHOUT_USER] if reading.facts.uid == 0 and daemon.uid is None else []
    warnings = list(reading.warnings)
    if strange:
        number = "1 unknown option or section" if len(strange) == 1 else f"{len(strange)} unknown options or sections"
        warnings.append(f'{number}; run "minisup check" to see {"it" if len(strange) == 1 else "them"}')
    texts = (("critical", critical), ("warn", warnings), ("info", reading.infos))
    return tuple((level, text) for level, found in texts for text in found)
