"""Which command was meant, and its exit code.

    minisup run ...        be a daemon (`minisup.cli.run`)
    minisup spoke, hub     be the entrypoint of a container of a Radial wheel (`minisup.cli.spoke`)
    minisup check ...      read a configuration and say what is wrong with it (`minisup.cli.check`)
    minisup sample         print a configuration to start from (`minisup.config.sample`)
    minisup ctl ...        ask a daemon, and tell it what to do (`minisup.cli.ctl`)
    supervisord ...        `run`, for whoever was called by that name
    supervisorctl ...      `ctl`, likewise

Modules of a command are imported when the command is: a check needs no event loop, and `ctl` next to nothing.
"""

import os
import sys
from _signal import SIG_SETMASK, pthread_sigmask  # type: ignore[import-not-found]

from minisup import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HELP = """\
minisup {version}: runs the programs of a supervisord.conf, as supervisord does, without its delays.

  minisup run [-n] [-c FILE] ...     be the daemon; takes supervisord's options, and a few more
  minisup ctl [COMMAND ...]          ask the daemon, tell it what to do; takes supervisorctl's options and commands
  minisup check [-c FILE]            read the configuration, say all that is wrong with it, and leave
  minisup sample                     print a configuration to start from: all sections and options
  minisup spoke [COMMAND ...]        be the entrypoint of a Radial spoke
  minisup hub MODE                   be the entrypoint of a Radial hub
  minisup COMMAND --help             what a command takes
  minisup --version                  print the version

A first look, in a folder of its own:

  printf '%s\\n' '[supervisord]' '[program:clock]' 'command=sh -c "while date; do sleep 1; done"' \\
      stdout_logfile=/dev/stdout > supervisord.conf
  minisup run -n

Symlinks to minisup that are called supervisord and supervisorctl take their place:

  ln -s "$(command -v minisup)" /usr/local/bin/supervisord
"""


def main(argv: list[str]) -> None:
    """Run a command line, the program's name first; never returns.

    Raises:
        SystemExit: always.
    """
    name = os.path.basename(argv[0])
    if name == "supervisord":
        _leave(_run(argv[0], argv[1:]))
    if name == "supervisorctl":
        _ctl(argv[0], argv[1:])
    words = argv[1:]
    command = words[0] if words else "--help"
    if command == "run":
        _leave(_run(argv[0], words[1:]))
    if command in ("spoke", "hub"):
        from minisup.cli import spoke

        _leave((spoke.spoke if command == "spoke" else spoke.hub)(words[1:]))
    if command == "ctl":
        _ctl(argv[0], words[1:])
    _let_signals_in()
    if command == "help" and words[1:]:
        main([argv[0], words[1], "--help"])
    if command in ("-h", "--help", "help"):
        sys.stdout.write(HELP.format(version=__version__))
        sys.exit(0)
    if command in ("-v", "-V", "--version"):
        sys.stdout.write(f"{__version__}\n")
        sys.exit(0)
    handler = COMMANDS.get(command)
    if handler is None and command.startswith("-"):
        import shlex

        line = shlex.join(["minisup", "run", *words])
        sys.stderr.write(f"minisup: {command!r} stands where a command is due: {line}\n")
        sys.exit(2)
    if handler is None:
        there = ", ".join(("run", "ctl", "spoke", "hub", *COMMANDS))
        sys.stderr.write(f"minisup: there is no command {command!r} (there are: {there})\n")
        sys.exit(2)
    sys.exit(handler(argv[0], words[1:]))


def _let_signals_in() -> None:
    pthread_sigmask(SIG_SETMASK, ())


def _run(argv0: str, words: list[str]) -> int:
    from minisup.cli.run import run

    return run(argv0, words)


def _ctl(argv0: str, words: list[str]) -> None:
    try:
        _let_signals_in()
        from minisup.cli.ctl import run

        code = run(argv0, words)
    except KeyboardInterrupt:  # during the imports
        code = 130
    _leave(code)


def _check(argv0: str, words: list[str]) -> int:
    from minisup.cli.check import check

    return check(words, argv0=argv0)


def _sample(argv0: str, words: list[str]) -> int:
    from minisup.config.sample import sample

    if words and words[0] not in ("-h", "--help"):
        sys.stderr.write(f"minisup sample: cannot use {words[0]!r}: it takes no words\n")
        return 2
    sys.stdout.write("Usage: minisup sample > supervisord.conf\n" if words else sample())
    return 0


COMMANDS: "dict[str, Callable[[str, list[str]], int]]" = {"check": _check, "sample": _sample}


def _leave(code: int) -> None:
    """Everything is flushed and closed: skip the interpreter's own tidying, it takes longer than ours."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    os._exit(code)
