"""``minisup run``, and whoever is called supervisord: read the configuration, then be the daemon.

Exit codes: 0 after an orderly end; 2 where the command line, the configuration or the system does not let us start;
1 for a log file that cannot be opened; 70 for a fault of our own.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from minisup.cli.arguments import UsageError, help_text, parse, usage, version_text
from minisup.cli.check import mistakes
from minisup.config.build import examine
from minisup.config.facts import Facts
from minisup.errors import ConfigError, MinisupError
from minisup.specs import Configuration, DaemonSpec


def run(argv0: str, words: Sequence[str]) -> int:
    """The command; returns its exit code.

    Args:
        argv0: the name that we were called by.
        words: the command line behind it (and behind ``run``).
    """
    facts = Facts.of_this_machine()
    try:
        options = parse(words, facts, argv0)
    except UsageError as error:
        return _refuse(usage(argv0, error))
    if options.action == "help":
        sys.stdout.write(help_text("supervisord" if os.path.basename(argv0) == "supervisord" else "minisup run"))
        return 0
    if options.action == "version":
        sys.stdout.write(version_text(argv0))
        return 0
    for notice in options.notices:
        _tell(f"{notice}\n")

    def load(log_problems: bool = False) -> Configuration:
        configuration, problems = examine(options.overrides, facts)
        if problems:
            if log_problems:
                _log(configuration.daemon, [str(problem) for problem in problems])
            raise ConfigError(problems)
        return configuration

    try:
        configuration = load(log_problems=True)
    except ConfigError as error:
        lines = "".join(f"{line}\n" for line in mistakes(error.problems, None, facts))
        # The last words are supervisord's own about the first problem: scripts look for them.
        return _refuse(lines + usage(argv0, error.problems[0].legacy))
    return _be(argv0, load, configuration)


def _be(argv0: str, load: Callable[[], Configuration], configuration: Configuration) -> int:
    from minisup import app
    from minisup.runtime.mainlog import LogError
    from minisup.runtime.sockets import SharedSocketError

    try:
        return app.run(load, configuration)
    except (LogError, SharedSocketError) as error:
        _refuse(f"Error: {error}\n")
        return 1
    except MinisupError as error:
        return _refuse(usage(argv0, str(error)))


def _log(daemon: DaemonSpec, lines: list[str]) -> None:
    """Why we did not start, in the log that the configuration names, for those who never see our stderr."""
    from minisup.runtime.mainlog import MainLog

    # Never made here: we may be root still, and the user that the daemon becomes could not open it afterwards.
    if daemon.logfile is None or daemon.logfile_default or not os.path.isfile(daemon.logfile):
        return
    try:
        log = MainLog(replace(daemon, nodaemon=False, logfile_maxbytes=0))
    except MinisupError:
        return
    for line in lines:
        log.log("critical", line)
    log.close()


def _refuse(text: str) -> int:
    _tell(text)
    return 2


def _tell(text: str) -> None:
    try:
        sys.stderr.write(text)
    except (OSError, AttributeError):
        pass  # nobody to tell
