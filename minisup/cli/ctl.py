"""``minisup ctl``, and ``supervisorctl`` where we are called by that name: options, then a command or a shell.

Whoever was waiting for it waits for all that is imported here: nothing is that one command does not need.
"""

import os
import sys

from minisup.cli.switches import HELP, Switch, UsageError, split, table
from minisup.ctl.commands import DefaultControllerPlugin
from minisup.ctl.controller import Controller
from minisup.ctl.settings import Settings
from minisup.errors import MinisupError

SWITCHES = (
    Switch("c", "configuration", "configfile", "The configuration to read.", argument="FILE"),
    HELP,
    Switch("i", "interactive", "interactive", "Ask before a shutdown or a reload, and for a password."),
    Switch("s", "serverurl", "serverurl", "Where the daemon is: http://HOST:PORT or unix:///PATH.", argument="URL"),
    Switch("u", "username", "username", "User name for the daemon.", argument="NAME"),
    Switch("p", "password", "password", "Password for the daemon.", argument="TEXT"),
    Switch("r", "history_file", "history_file", "Where the shell keeps its history.", argument="FILE"),
)

INTERRUPTED = 130
"""What shells make of a command that Ctrl-C ended."""


def run(argv0: str, words: list[str]) -> int:
    """The command.

    Args:
        argv0: how we were called.
        words: what follows.

    Returns:
        The exit code: of the last command that failed; 0 of a shell, 2 where nothing could be tried.
    """
    program = argv0 if os.path.basename(argv0) == "supervisorctl" else "minisup ctl"
    _open_what_is_closed()
    try:
        settings = client(argv0, words)
        if settings is None:
            sys.stdout.write(help_text(program))
            _flush()
            return 0
        code = serve(settings)
        _flush()
        if settings.places:
            sys.exit(code)  # a plugin may have threads, and something to do at the end
        return code
    except MinisupError as error:
        sys.stderr.write(f"Error: {error}\nFor help, use {program} -h\n")
        return 2
    except BrokenPipeError:  # nobody reads what we say, so there is nobody to tell
        return 1
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        sys.stderr.write(f"Error: cannot write to stdout: {why}\n")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_what_is_closed() -> None:
    """Who closes a stream (``>&-``) does not want to hear of it; and no socket of ours shall get its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _flush() -> None:
    """Bring out what was said; whoever stopped reading, as of ``| head -1``, has what they wanted."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pass


def client(argv0: str, words: list[str]) -> Settings | None:
    """What the command line and the configuration say; None where help is asked for.

    Raises:
        UsageError: the command line cannot be understood.
        minisup.ctl.settings.SettingsError: the configuration cannot.
    """
    found, rest = split(words, SWITCHES)
    given: dict[str, object] = {}
    for shown, switch, text in found:
        if switch is HELP:
            return None
        if switch.name == "serverurl" and not _is_url(text):
            raise UsageError(f"invalid value for {shown} {text!r}: value {text!r} is not a URL")
        if switch.name in given:
            raise UsageError(f"conflicting command line option {shown!r}")
        given[switch.name] = True if switch.argument is None else text
    settings = Settings()
    settings.plugin_factories = [("default", DefaultControllerPlugin, {})]
    settings.args = rest
    settings.take(given, argv0)
    settings.interactive = settings.interactive or not rest
    return settings


def serve(settings: Settings) -> int:
    """Do what the settings say; the exit code.

    Raises:
        MinisupError: a plugin cannot be made.
        KeyboardInterrupt: Ctrl-C, outside of a shell.
    """
    controller = Controller(settings)
    if not settings.args:
        controller.exec_cmdloop()
        return 0
    controller.onecmd(" ".join(settings.args))
    return controller.exitstatus


def _is_url(text: str) -> bool:
    scheme, colon, rest = text.partition(":")
    rest = rest.removeprefix("//").partition("?")[0].partition("#")[0]
    return bool(colon and rest and scheme[:1].isalpha() and scheme.isascii())


def help_text(program: str) -> str:
    """What ``-h`` prints."""
    return f"""\
Usage: {program} [options] [command ...]

Asks a running daemon, and tells it what to do: minisup, or supervisord. Without a command it is a shell.
Without -c a configuration is searched as the daemon searches it; its section [supervisorctl] says where
the daemon is and how it is called. What is said here wins.

  {program} status
  {program} -s unix:///run/supervisor.sock restart web 'db:*'
  {program} tail -f web stderr
  {program} help
        which commands there are; help COMMAND says more

{table(SWITCHES)}
Exit codes, of the last thing that went wrong: 1 a failure, 2 words or a configuration that cannot be used,
3 a process that is down (status), 4 no daemon or no such name (status), 7 a process that would not start.
"""
