"""The controller: takes a line, finds who does it, says what went wrong, and remembers the exit status.

Commands are methods ``do_NAME(arg)`` of plugins; those of supervisorctl itself are the first plugin
(`minisup.ctl.commands`). What is public here is what plugins written for supervisorctl call, under the same names.

The exit status is sticky: each failure overwrites it, no success resets it.
"""

import sys
from _thread import _local
from errno import ECONNREFUSED, ENOENT

from minisup.ctl.wire import Connection
from minisup.errors import Faults, MinisupError
from minisup.protocol.xmlrpc_calls import Fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from minisup.ctl.settings import Settings
    from minisup.protocol.xmlrpc_calls import Param

API_VERSION = "3.0"
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")

NOT_OURS = (
    "Sorry, supervisord responded but did not recognize the supervisor namespace commands that supervisorctl uses to "
    "control it.  Please check that the [rpcinterface:supervisor] section is enabled in the configuration file "
    "(see sample.conf)."
)
OTHER_VERSION = (
    f"Sorry, this version of supervisorctl expects to talk to a server with API version {API_VERSION}, but the remote "
    "version is %s."
)


class LSBInitExitStatuses:
    """Exit statuses of all commands but ``status``, as the Linux Standard Base has them for init scripts."""

    SUCCESS = 0
    GENERIC = 1
    INVALID_ARGS = 2
    UNIMPLEMENTED_FEATURE = 3
    INSUFFICIENT_PRIVILEGES = 4
    NOT_INSTALLED = 5
    NOT_RUNNING = 7


class LSBStatusExitStatuses:
    """Exit statuses of ``status``."""

    NOT_RUNNING = 3
    UNKNOWN = 4


DEAD = (Faults.SPAWN_ERROR, Faults.ABNORMAL_TERMINATION, Faults.NOT_RUNNING)


class Controller:
    """One client at work.

    Attributes:
        options: what it goes by.
        exitstatus: so far.
        vocab: names of all commands.
        stdout: where everything is written.
        prompt, cmdqueue, lastcmd, nohelp, ruler: as of `cmd.Cmd`, which this is none of but looks like.
    """

    nohelp = "*** No help on %s"
    ruler = "="

    def __init__(self, options: "Settings", completekey: str = "tab", stdin: "Any" = None, stdout: "Any" = None):
        """Makes the plugins.

        Raises:
            MinisupError: one cannot be made.
        """
        self.options = options
        self.completekey = completekey
        self.stdin = stdin or sys.stdin
        self.stdout = stdout or sys.stdout
        self.prompt = f"{options.prompt}> "
        self.exitstatus = LSBInitExitStatuses.SUCCESS
        self.vocab = ["help"]
        self.cmdqueue: list[str] = []
        self.lastcmd = ""
        self._complete_info: list[dict[str, Any]] | None = None
        self._matches: list[str] = []
        self._here = _local()
        options.plugins = []
        for name, factory, words in options.plugin_factories:
            try:
                plugin = factory(self, **words)
            except Exception as error:
                place = getattr(options, "places", {}).get(name, name)
                raise MinisupError(
                    f"{place}: cannot make [ctlplugin:{name}]: {type(error).__name__}: {error}"
                ) from error
            self.vocab += _commands(plugin)
            plugin.name = name
            options.plugins.append(plugin)

    # --- what commands use ----------------------------------------------------------------------------------------

    def output(self, message: str) -> None:
        """Print a line."""
        self.stdout.write(f"{message}\n")

    def fail(self, message: str, status: int = LSBInitExitStatuses.GENERIC) -> None:
        """Print a line, and be that the exit status."""
        self.output(message)
        self.exitstatus = status

    def ask(self, method: str, *params: "Param") -> "Any":
        """Call ``supervisor.METHOD``, or another namespace's where `method` has a dot; errors as of `Connection.call`.

        One connection serves a command; each thread has its own.
        """
        line = getattr(self._here, "line", None)
        if line is None:
            options = self.options
            line = self._here.line = Connection(options.serverurl, options.username, options.password)
        return line.call(method if "." in method else f"supervisor.{method}", *params)

    def hang_up(self) -> None:
        """End the connection of this thread."""
        line = getattr(self._here, "line", None)
        if line is not None:
            line.close()
        self._here.line = None

    def get_supervisor(self) -> "Any":
        """The methods ``supervisor.*`` of a new `xmlrpc.client.ServerProxy`, for plugins."""
        return self.get_server_proxy("supervisor")

    def get_server_proxy(self, namespace: str | None = None) -> "Any":
        """A new `xmlrpc.client.ServerProxy`, or the methods of one namespace of it, for plugins."""
        proxy = self.options.getServerProxy()
        return proxy if namespace is None else getattr(proxy, namespace)

    def upcheck(self) -> bool:
        """Whether a server of our version answers. Where none does that is said, and the exit status set."""
        try:
            version = self.ask("getVersion")
        except Fault as fault:
            if fault.code != Faults.UNKNOWN_METHOD:
                raise
            self.fail(NOT_OURS, LSBInitExitStatuses.UNIMPLEMENTED_FEATURE)
            return False
        except OSError as error:
            why = self.nobody(error)
            if why is None:
                raise
            status = LSBInitExitStatuses.NOT_RUNNING
            if error.errno == ECONNREFUSED:
                status = LSBInitExitStatuses.INSUFFICIENT_PRIVILEGES
            self.fail(why, status)
            return False
        if version != API_VERSION:
            self.fail(OTHER_VERSION % version, LSBInitExitStatuses.NOT_INSTALLED)
            return False
        return True

    def nobody(self, error: OSError) -> str | None:
        """That nobody listens, in supervisorctl's words; None where the error says something else."""
        what = {ECONNREFUSED: "refused connection", ENOENT: "no such file"}.get(error.errno or 0)
        return what and f"{self.options.serverurl} {what}"

    def set_exitstatus_from_xmlrpc_fault(self, faultcode: int, ignored_faultcode: int | None = None) -> None:
        """Let the code of a result be what the exit status comes from."""
        if faultcode not in (ignored_faultcode, Faults.SUCCESS):
            dead = faultcode in DEAD
            self.exitstatus = LSBInitExitStatuses.NOT_RUNNING if dead else LSBInitExitStatuses.GENERIC

    # --- lines ----------------------------------------------------------------------------------------------------

    def onecmd(self, line: str) -> "Any":
        """Do what a line says; true where it ends the shell. Whatever goes wrong is printed, as supervisorctl does."""
        line = line.strip()
        if not line:
            return None
        if line[0] == "?":
            line = f"help {line[1:]}"
        end = next((at for at, letter in enumerate(line) if letter not in _WORD), len(line))
        do = self._who_does(line[:end]) if end else None
        if do is None:
            self.fail(f"*** Unknown syntax: {line}")
            return None
        self._complete_info = None
        self.lastcmd = line
        try:
            try:
                return do(line[end:].strip())
            except Exception as error:
                if getattr(error, "errcode", None) != 401:
                    raise
                self.output("Server requires authentication")
                if not self.options.interactive:
                    raise
                self._authenticate()
                return self.onecmd(line)
        except Exception as error:
            return self._broke(error)
        finally:
            self.hang_up()

    def _who_does(self, word: str) -> "Callable[[str], Any] | None":
        for one in (self, *self.options.plugins):
            found = getattr(one, f"do_{word}", None)
            if found is not None:
                return found  # type: ignore[no-any-return]
        return None

    def _authenticate(self) -> None:
        from getpass import getpass

        self.options.username = input("Username:")
        self.options.password = getpass(prompt="Password:")
        self.output("")
        self.hang_up()

    def _broke(self, error: Exception) -> None:
        trace = error.__traceback__
        assert trace is not None
        while trace.tb_next is not None:
            trace = trace.tb_next
        where = f"file: {trace.tb_frame.f_code.co_filename} line: {trace.tb_lineno}"
        self.fail(f"error: {type(error)}, {error}: {where}")

    def do_EOF(self, arg: str) -> bool:
        """End the shell."""
        self.output("")
        return True

    def do_help(self, arg: str) -> None:
        """Say what a command does, or which there are."""
        arg = arg.strip()
        if arg == "help":
            self.output("help\t\tSay which commands there are\nhelp COMMAND\tSay what a command does")
            return
        plugins = self.options.plugins
        if arg:
            plugins = [one for one in plugins if hasattr(one, f"help_{arg}") or hasattr(one, f"do_{arg}")][:1]
            if not plugins:
                self.output(self.nohelp % (arg,))
        for plugin in plugins:
            plugin.do_help(arg)

    def print_topics(self, header: str, cmds: list[str], cmdlen: int, maxcol: int) -> None:
        """Print names in columns under a header, if there are any."""
        from cmd import Cmd

        Cmd.print_topics(self, header, cmds, cmdlen, maxcol)  # type: ignore[arg-type]

    def columnize(self, list: list[str], displaywidth: int = 80) -> None:
        """Print names in columns."""
        from cmd import Cmd

        Cmd.columnize(self, list, displaywidth)  # type: ignore[arg-type]

    # --- the shell ------------------------------------------------------------------------------------------------

    def exec_cmdloop(self, args: "Any" = None, options: "Any" = None) -> None:
        """Be a shell, until it is left; begins with the status."""
        from minisup.ctl.shell import run

        run(self)

    def cmdloop(self, intro: "Any" = None) -> None:
        """Ask for lines and do them, until one of them ends it."""
        while not self.onecmd(self.cmdqueue.pop(0) if self.cmdqueue else self._line()):
            pass

    def _line(self) -> str:
        try:
            return input(self.prompt)
        except EOFError:
            return "EOF"

    def complete(self, text: str, state: int, line: str | None = None) -> str | None:
        """The completion number `state` of a word, or None behind the last one: what readline asks for, from 0 on."""
        if state == 0:
            from minisup.ctl.shell import completions

            self._matches = completions(self, text, line)
        return self._matches[state] if state < len(self._matches) else None

    def processes(self) -> "list[dict[str, Any]]":
        """All processes, for completion: asked once between two commands, for readline asks again and again."""
        if self._complete_info is None:
            try:
                self._complete_info = self.ask("getAllProcessInfo")
            finally:
                self.hang_up()
        return self._complete_info


class ControllerPluginBase:
    """What sets of commands are derived from: methods ``do_NAME(arg)``, their help in ``help_NAME()`` or a docstring.

    Attributes:
        ctl: the controller.
        name: of the section that it comes from.
    """

    name = "unnamed"

    def __init__(self, controller: Controller) -> None:
        self.ctl = controller

    @property
    def doc_header(self) -> str:
        """What stands over the list of its commands."""
        return f"{self.name} commands (type help <topic>):"

    def do_help(self, arg: str) -> None:
        """Say what a command does, or which of ours say so."""
        if not arg:
            names = _commands(self)
            told = [name for name in names if hasattr(self, f"help_{name}") or getattr(self, f"do_{name}").__doc__]
            self.ctl.output("")
            self.ctl.print_topics(self.doc_header, told, 15, 80)
        elif hasattr(self, f"help_{arg}"):
            getattr(self, f"help_{arg}")()
        elif text := getattr(getattr(self, f"do_{arg}", None), "__doc__", None):
            self.ctl.output(_outdented(text))
        else:
            self.ctl.output(self.ctl.nohelp % (arg,))


def _commands(plugin: object) -> list[str]:
    names = (name[3:] for name in dir(plugin) if name.startswith("do_") and callable(getattr(plugin, name)))
    return [name for name in names if name != "help"]


def _outdented(text: str) -> str:
    from textwrap import dedent

    first, newline, rest = text.partition("\n")
    return f"{first.strip()}{newline}{dedent(rest)}".rstrip()
