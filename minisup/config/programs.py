"""[program:x], [eventlistener:x], [fcgi-program:x] and [group:x] -> group specs.

The order of everything here is that of supervisord's checks (its ``processes_from_section`` and
``process_groups_from_parser``).
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from minisup.config.document import Option, Section
from minisup.config.facts import Facts
from minisup.config.reading import Reading, Scope
from minisup.config.schema import EVENTLISTENER, FCGI, GROUP, PROGRAM, Kind
from minisup.config.values import AUTO, SYSLOG, Refused, environment, expand, logfile, port, process_name
from minisup.errors import ConfigError
from minisup.specs import DaemonSpec, GroupSpec, LogSpec, PoolSpec, ProcessSpec, SocketSpec

_ONCE = (
    "priority", "autostart", "autorestart", "startsecs", "startretries", "stopsignal", "stopwaitsecs", "stopasgroup",
    "killasgroup", "exitcodes", "redirect_stderr", "numprocs", "numprocs_start", "stdout_capture_maxbytes",
    "stdout_events_enabled", "stderr_capture_maxbytes", "stderr_events_enabled", "serverurl", "user", "umask",
)  # fmt: skip
"""Options that are read once a section, in this order; the others once a process."""


def read_groups(reading: Reading, common: dict[str, str]) -> tuple[GroupSpec, ...]:
    """All groups, sorted as they are activated.

    Args:
        reading: its document is complete, its names hold [supervisord] environment.
        common: [supervisord] environment, for every process.
    """
    builder = _Builder(reading, common)
    sections = list(reading.document.sections)
    groups = [builder.group(name) for name in sections if name.startswith("group:")]
    members = builder.members
    groups += [builder.program(name) for name in sections if name.startswith("program:") and name not in members]
    groups += [builder.eventlistener(name) for name in sections if name.startswith("eventlistener:")]
    groups += [builder.fcgi(name) for name in sections if name.startswith("fcgi-program:") and name not in members]
    return tuple(sorted(groups, key=lambda group: (group.priority, group.name)))


def read_program(
    section: str, options: Mapping[str, str], group: str, daemon: DaemonSpec, facts: Facts
) -> tuple[ProcessSpec, ...]:
    """The processes of a program that stands in no file, read as if it were in the main one.

    Args:
        section: ``program:x``.
        options: as they would be written.
        group: the name of the group that they are for.
        daemon: of the configuration that they come to.
        facts: see `minisup.config.facts`.

    Raises:
        ConfigError: with every problem.
    """
    reading = Reading(daemon.configfile, daemon.here, facts)
    reading.names.update((f"ENV_{name}", value) for name, value in daemon.environment.items())
    found = reading.document.sections[section] = Section(section, daemon.configfile, 0, main=True)
    found.options = {key.lower(): Option(text, daemon.configfile, 0) for key, text in options.items()}
    processes = _Builder(reading, dict(daemon.environment)).processes(PROGRAM, section, group)
    if reading.problems:
        raise ConfigError(reading.problems)
    return processes


class _Builder:
    def __init__(self, reading: Reading, common: dict[str, str]) -> None:
        self.reading = reading
        self.common = common
        self.members: set[str] = set()

    def scope(self, kind: Kind, section: str, **names: Any) -> Scope:
        """The section as it is read for its group, before its processes."""
        return Scope(self.reading, kind, section, {**self.reading.names, "here": self.reading.here, **names})

    def name(self, scope: Scope) -> str:
        raw = scope.section.split(":", 1)[1]
        try:
            return str(process_name(raw, self.reading.facts))
        except Refused as error:
            scope.problem(None, f"cannot use the name {raw!r} of [{scope.section}]: {error.why}", error.legacy)
            return raw.strip()

    def group(self, section: str) -> GroupSpec:
        scope = self.scope(GROUP, section)
        name = self.name(scope)
        programs, priority = scope.take("programs"), scope.take("priority")
        processes: list[ProcessSpec] = []
        blamed = section
        for program in programs:
            headers = (f"program:{program}", f"fcgi-program:{program}")
            found = [header for header in headers if header in self.reading.document.sections]
            if len(found) != 1:
                # QUIRK(supervisor): after a right member, its section is blamed.
                # tests/test_config_programs.py: group label
                if found:
                    text = f"cannot tell which {program!r} is meant in [{section}]: it is a program and an fcgi-program"
                    legacy = f"[{blamed}] name {program} is ambiguous (exists as program and fcgi-program)"
                else:
                    text = f"cannot find {program!r} of [{section}]: there is no [program:{program}]"
                    legacy = f"[{blamed}] names unknown program or fcgi-program {program}"
                scope.problem("programs", text, legacy)
                continue
            blamed = found[0]
            self.members.add(blamed)
            kind = PROGRAM
            if blamed.startswith("fcgi-program:"):
                kind = FCGI
                text = f"[{blamed}] is in [{section}], so it runs as an ordinary program: its socket is not used"
                self.reading.advise(blamed, "socket", text)
            processes.extend(self.processes(kind, blamed, name))
        return GroupSpec(name=name, priority=priority, processes=tuple(processes))

    def program(self, section: str) -> GroupSpec:
        scope = self.scope(PROGRAM, section)
        name = self.name(scope)
        return GroupSpec(name=name, priority=scope.take("priority"), processes=self.processes(PROGRAM, section, name))

    def eventlistener(self, section: str) -> GroupSpec:
        scope = self.scope(EVENTLISTENER, section)
        # QUIRK(supervisor): the name of a pool keeps its outer blanks. tests/test_config_programs.py: listener blanks
        name = section.split(":", 1)[1]
        priority = scope.take("priority", default="-1")
        size = scope.take("buffer_size")
        if size < 1:
            text = f"cannot use buffer_size {size} in [{section}]: it must be 1 or more"
            scope.problem("buffer_size", text, f"[{section}] section sets invalid buffer_size ({size})")
        handler = scope.take("result_handler")
        if handler != EVENTLISTENER.keys["result_handler"].default and (why := self.reading.facts.resolve(handler)):
            text = f"cannot use result_handler {handler!r} in [{section}]: {why}"
            scope.problem("result_handler", text, f"{handler} cannot be resolved within [{section}]")
        events = scope.take("events", suffix=f" in [{section}] events")
        if not events and not self.failed(scope, "events"):
            legacy = f'[{section}] section requires an "events" line'
            scope.missing("events", f"cannot use [{section}]: it does not say which events it wants", legacy)
        if scope.take("redirect_stderr"):
            text = f"cannot use redirect_stderr in [{section}]: stderr would be taken for the answers on stdout"
            legacy = f"[{section}] section sets redirect_stderr=true but this is not allowed because it will interfere "
            scope.problem("redirect_stderr", text, legacy + "with the eventlistener protocol")
        processes = self.processes(EVENTLISTENER, section, name)
        pool = PoolSpec(events=events, buffer_size=size, result_handler=handler)
        return GroupSpec(name=name, priority=priority, processes=processes, pool=pool)

    def failed(self, scope: Scope, option: str) -> bool:
        """Whether the last problem is one of this option."""
        found = scope.given(option)
        last = self.reading.problems[-1:]
        return found is not None and any((problem.path, problem.line) == (found.path, found.line) for problem in last)

    def fcgi(self, section: str) -> GroupSpec:
        scope = self.scope(FCGI, section)
        name = self.name(scope)
        priority, uid = scope.take("priority"), scope.take("user")
        backlog = scope.take("socket_backlog")
        if backlog is not None and not 1 <= backlog <= 65535:
            text = f"cannot use socket_backlog {backlog} in [{section}]: it must be between 1 and 65535"
            scope.problem("socket_backlog", text, f"Invalid socket_backlog value {backlog}")
        owner, mode = scope.take("socket_owner"), scope.take("socket_mode")
        url = scope.text("socket", names={**scope.names, "program_name": name})
        socket = SocketSpec(url=url or "", owner=owner, mode=mode, backlog=backlog)
        if url:
            try:
                socket = self.socket(url, uid, owner, mode, backlog)
            except Refused as error:
                scope.refuse("socket", error, f" in [{section}] socket")
        elif not self.failed(scope, "socket"):
            legacy = f'[{section}] section requires a "socket" line'
            scope.missing("socket", f"cannot use [{section}]: it does not say which socket to listen on", legacy)
        return GroupSpec(name=name, priority=priority, processes=self.processes(FCGI, section, name), socket=socket)

    def socket(
        self, url: str, uid: int | None, owner: tuple[int, int] | None, mode: int | None, backlog: int | None
    ) -> SocketSpec:
        facts = self.reading.facts
        if url.startswith("unix://"):
            path = url[7:]
            if not path.startswith("/"):
                # QUIRK(supervisor): a tuple is printed, here and below. tests/test_config_programs.py: fcgi tuple
                raise Refused(f"('Unix socket path %s is not an absolute path', {path!r})", "the path is not absolute")
            if owner is None and uid is not None and uid != facts.uid:
                owner = facts.user(uid)
            path = facts.normalize(path)
            return SocketSpec(url=f"unix://{path}", owner=owner, mode=0o700 if mode is None else mode, backlog=backlog)
        if owner is not None or mode is not None:
            legacy = "socket_owner and socket_mode params should only be used with a Unix domain socket"
            raise Refused(legacy, "socket_owner and socket_mode are for unix sockets only")
        match = re.match(r"tcp://([^\s:]+):(\d+)$", url)
        if not match:
            raise Refused(f"('Bad socket format %s', {url!r})", "neither tcp://host:port nor unix:///absolute/path")
        return SocketSpec(url=f"tcp://{match[1].lower()}:{port(match[2], facts)}", backlog=backlog)

    def processes(self, kind: Kind, section: str, group: str) -> tuple[ProcessSpec, ...]:
        """The processes of one program-like section, sorted."""
        reading = self.reading
        scope = self.scope(kind, section)
        scope.suffix = reading.suffix(section)
        names = scope.names
        names.update(program_name=self.name(scope), host_node_name=reading.facts.host_node_name, group_name=group)
        once = {name: scope.take(name) for name in _ONCE if name != "killasgroup"}
        once["killasgroup"] = scope.take("killasgroup", default=str(once["stopasgroup"]))
        template = self.template(scope)
        if once["numprocs"] > 1 and "%(process_num)" not in template:
            legacy = "%(process_num) must be present within process_name when numprocs > 1"
            text = f"cannot make {once['numprocs']} processes of [{section}]: process_name needs %(process_num)d in it"
            scope.problem("process_name" if scope.given("process_name") else "numprocs", text, legacy)
        if once["stopasgroup"] and not once["killasgroup"]:
            text = f"cannot use killasgroup=false in [{section}]: stopasgroup=true needs it to be true"
            scope.problem("killasgroup", text, "Cannot set stopasgroup=true and killasgroup=false")
        found = []
        for number in range(once["numprocs_start"], once["numprocs_start"] + once["numprocs"]):
            # QUIRK(supervisor): `names` is the same for all numbers, so process N sees the environment of process N-1,
            # but for what supervisord's own environment has. tests/test_config_programs.py: environment leak
            names.update(process_num=number, numprocs=once["numprocs"])
            names.update(reading.names)
            found.append(self.process(scope, template, once))
        return tuple(sorted(found, key=lambda process: (process.priority, process.name)))

    def template(self, scope: Scope) -> str:
        """process_name as written: only the template is checked, not what it expands to."""
        option = scope.given("process_name")
        try:
            return str(process_name(option.text, self.reading.facts)) if option else "%(program_name)s"
        except Refused as error:
            scope.refuse("process_name", error)
            return "%(program_name)s"

    def process(self, scope: Scope, template: str, once: dict[str, Any]) -> ProcessSpec:
        own = self.environment(scope)
        scope.names.update((f"ENV_{name}", value) for name, value in own.items())
        directory = scope.text("directory")
        stdout, stderr = self.log(scope, "stdout", once), self.log(scope, "stderr", once)
        if once["redirect_stderr"]:
            if stderr.path is not None:
                self.reading.warnings.append(
                    f"For [{scope.section}], redirect_stderr=true but stderr_logfile has also been set to a filename, "
                    "the filename has been ignored"
                )
            stderr = replace(stderr, path=None, auto=False)
        command = scope.text("command")
        if scope.given("command") is None:
            self.no_command(scope)
        name = template
        try:
            name = expand(template, scope.names, "process_name")
        except Refused as error:
            scope.refuse("process_name", error)
        same = {key: once[key] for key in _SAME}
        return ProcessSpec(
            name=name,
            command=command or "",
            directory=directory,
            uid=once["user"],
            environment={**self.common, **own},
            stdout=stdout,
            stderr=stderr,
            **same,
            **self.ready(scope),
        )

    def ready(self, scope: Scope) -> dict[str, Any]:
        """What event listeners have not: they say READY on their stdout."""
        return {name: scope.take(name) for name in ("ready", "ready_timeout") if name in scope.keys}

    def no_command(self, scope: Scope) -> None:
        legacy = f"program section {scope.section} does not specify a command"
        scope.missing("command", f"cannot run [{scope.section}]: it has no command", legacy)

    def environment(self, scope: Scope) -> dict[str, str]:
        option = scope.given("environment")
        if option is None or not option.text:
            return {}
        try:
            pairs: dict[str, str] = environment(expand(option.text, scope.names, "environment"), self.reading.facts)
        except Refused as error:
            scope.refuse("environment", error)
            return {}
        return pairs

    def log(self, scope: Scope, channel: str, once: dict[str, Any]) -> LogSpec:
        option = f"{channel}_logfile"
        place: str | None = AUTO
        text = scope.text(option)
        if text is not None:
            try:
                # QUIRK(supervisor): expanded twice, so that one % is written %%%%.
                # tests/test_config_programs.py: log twice
                place = logfile(expand(text, scope.names, option), self.reading.facts)
            except Refused as error:
                scope.refuse(option, error)
        backups, maxbytes = scope.take(f"{option}_backups"), scope.take(f"{option}_maxbytes")
        syslog = scope.take(f"{channel}_syslog")
        if place == SYSLOG:
            self.reading.warnings.append(
                f"For [{scope.section}], {option}=syslog but this is deprecated and will be removed.  "
                f"Use {channel}_syslog=true to enable syslog instead."
            )
            place, syslog = None, True
        if place == AUTO and not maxbytes:
            self.reading.warnings.append(
                f"For [{scope.section}], AUTO logging used for {option} without rollover, set maxbytes > 0 to avoid "
                "filling up filesystem unintentionally"
            )
        return LogSpec(
            path=None if place == AUTO else place,
            auto=place == AUTO,
            maxbytes=maxbytes,
            backups=backups,
            syslog=syslog,
            capture_maxbytes=once[f"{channel}_capture_maxbytes"],
            events_enabled=once[f"{channel}_events_enabled"],
        )


_SAME = tuple(name for name in _ONCE if name in ProcessSpec.__dataclass_fields__)
"""Options that are fields of a ProcessSpec under their own name."""
