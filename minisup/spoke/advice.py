"""What ``minisup check --spoke`` finds strange in the configuration of a wheel. Pure."""

import re
from collections.abc import Iterator

from minisup.specs import Configuration, GroupSpec, ProcessSpec, make_namespec


def advice(configuration: Configuration, host: str) -> list[str]:
    """A line for everything that works under one supervisor and hurts in a wheel.

    Args:
        configuration: as a spoke reads it.
        host: the name of the spoke's folders, which its logs should be in.
    """
    return [
        *_autostart(configuration),
        *_serverurls(configuration),
        *_shared_logs(configuration),
        *_logs(configuration, host),
    ]


def _processes(configuration: Configuration) -> Iterator[tuple[GroupSpec, ProcessSpec, str]]:
    for group in configuration.groups:
        for process in group.processes:
            yield group, process, make_namespec(group.name, process.name)


def _autostart(configuration: Configuration) -> Iterator[str]:
    if len(configuration.groups) > 1:
        for _, process, name in _processes(configuration):
            if process.autostart:
                yield (
                    f"program {name!r} has autostart=true: under supervisord every spoke of the wheel would start it "
                    "(minisup spoke starts its own group only)"
                )


def _serverurls(configuration: Configuration) -> Iterator[str]:
    ours = {_squeezed(server.url) for server in configuration.servers}
    for _, process, name in _processes(configuration):
        if process.serverurl and _squeezed(process.serverurl) not in ours:
            yield (
                f"program {name!r} has serverurl={process.serverurl}, which is no socket of this spoke: in an included "
                "file %(here)s is that file's folder since supervisor 4.0 (leave serverurl out)"
            )


def _squeezed(url: str) -> str:
    scheme, _, path = url.partition("://")
    while "//" in path:
        path = path.replace("//", "/")
    return f"{scheme}://{path}"


def _shared_logs(configuration: Configuration) -> Iterator[str]:
    seen: dict[str, str] = {}
    for _, process, name in _processes(configuration):
        for path in _paths(process):
            if seen.setdefault(path, name) != name:
                yield f"programs {seen[path]!r} and {name!r} share the log file {path}"


def _logs(configuration: Configuration, host: str) -> Iterator[str]:
    whole = re.compile(rf"(?<![a-zA-Z0-9]){re.escape(host)}(?![a-zA-Z0-9])")
    for _, process, name in _processes(configuration):
        for path in _paths(process):
            if not whole.search(path):
                yield f"program {name!r} logs to {path}, which every spoke of the wheel shares (use %(host_node_name)s)"


def _paths(process: ProcessSpec) -> list[str]:
    logs = (process.stdout, None if process.redirect_stderr else process.stderr)
    return [log.path for log in logs if log and log.path and not log.path.startswith(("/dev/", "/proc/"))]
