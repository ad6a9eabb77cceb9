"""The commands that show logs: once, as they grow, or beside what is typed to a process."""

import sys

from minisup.ctl.controller import ControllerPluginBase
from minisup.ctl.wire import LogStream
from minisup.errors import Faults
from minisup.protocol.xmlrpc_calls import Fault
from minisup.states import ProcessStates

USUAL = 1600
"""Bytes of a log that are shown where no number is given."""

LEAVE = "==> Press Ctrl-C to exit <=="


class LogCommands(ControllerPluginBase):
    """A part of the default commands."""

    def _warn_of_encoding(self) -> None:
        encoding = getattr(sys.stdout, "encoding", None)
        if encoding and not encoding.lower().startswith("utf"):
            self.ctl.output(
                f"Warning: sys.stdout.encoding is set to {encoding}, so Unicode output may fail. Check your LANG and "
                "PYTHONIOENCODING environment settings."
            )

    def _follow(self, path: str) -> None:
        options = self.ctl.options
        try:
            self._warn_of_encoding()
            self.ctl.output(LEAVE)
            self.ctl.stdout.flush()
            self.ctl.hang_up()
            LogStream(options.serverurl, options.username, options.password, path).show(self.write)
        except KeyboardInterrupt:
            self.ctl.output("")

    def write(self, text: str) -> None:
        """Show a part of a log, at once."""
        try:
            self.ctl.stdout.write(text)
        except UnicodeEncodeError:
            encoding = self.ctl.stdout.encoding
            raise ValueError(f"Unable to write Unicode to stdout because it has encoding {encoding}") from None
        self.ctl.stdout.flush()

    def _show(self, name: str, method: str, words: "tuple[str, ...]", size: int) -> None:
        """Print the end of a log, or say why not."""
        try:
            self.ctl.output(self.ctl.ask(method, *words, -size, 0))
        except Fault as fault:
            why = {Faults.NO_FILE: "no log file", Faults.FAILED: "unknown error reading log"}
            if words:
                why[Faults.BAD_NAME] = "no such process name"
            if fault.code not in why:
                raise
            self.ctl.fail(f"{name}: ERROR ({why[fault.code]})")

    def do_tail(self, arg: str) -> None:
        """tail NAME [stdout|stderr]\tShow the last 1600 bytes of a log of a process (default: stdout)
        tail -100 NAME\t\t\tShow the last 100 bytes
        tail -f NAME\t\t\tShow what comes, until Ctrl-C"""
        if not self.ctl.upcheck():
            return
        words = arg.split()
        if not 1 <= len(words) <= 3:
            self.ctl.fail(f"Error: too {'many' if words else 'few'} arguments")
            self.do_help("tail")
            return
        modifier = words.pop(0) if words[0].startswith("-") else f"-{USUAL}"
        if not words:
            self.ctl.fail("Error: tail requires process name")
            return
        name, channel = words[0], words[-1].lower() if words[1:] else "stdout"
        if channel not in ("stdout", "stderr"):
            self.ctl.fail(f"Error: bad channel {channel!r}")
        elif modifier == "-f":
            self._follow(f"/logtail/{name}/{channel}")
        elif (size := self._size(modifier)) is not None:
            self._warn_of_encoding()
            self._show(name, f"readProcess{channel.capitalize()}Log", (name,), size)

    def do_maintail(self, arg: str) -> None:
        """maintail\t\tShow the last 1600 bytes of the daemon's own log
        maintail -100\t\tShow the last 100 bytes
        maintail -f\t\tShow what comes, until Ctrl-C"""
        if not self.ctl.upcheck():
            return
        words = arg.split() or [f"-{USUAL}"]
        if len(words) > 1:
            self.ctl.fail("Error: too many arguments")
            self.do_help("maintail")
        elif words[0] == "-f":
            self._follow("/mainlogtail")
        elif (size := self._size(words[0])) is not None:
            self._show("supervisord", "readLog", (), size)

    def _size(self, modifier: str) -> int | None:
        """The number of bytes of ``-NUMBER``, or None when that was refused."""
        try:
            if modifier.startswith("-"):
                return int(modifier[1:])
        except ValueError:
            pass
        self.ctl.fail(f"Error: bad argument {modifier}")
        return None

    def do_fg(self, arg: str) -> None:
        """fg NAME\t\tSee what a process says and type what it reads, until Ctrl-C"""
        if not self.ctl.upcheck():
            return
        names = arg.split()
        if not names:
            self.ctl.fail("ERROR: no process name supplied")
            self.do_help("fg")
            return
        if len(names) > 1:
            self.ctl.fail("ERROR: too many process names supplied")
            return
        try:
            info = self.ctl.ask("getProcessInfo", names[0])
        except Fault as fault:
            if fault.code == Faults.BAD_NAME:
                self.ctl.fail("ERROR: bad process name supplied")
            else:
                self.ctl.output(f"ERROR: {fault}")
            return
        if info["state"] != ProcessStates.RUNNING:
            self.ctl.fail("ERROR: process not running")
            return
        from minisup.ctl.foreground import fgthread

        output = None
        try:
            self.ctl.output(LEAVE)
            self.ctl.stdout.flush()
            output = fgthread(names[0], self.ctl)
            output.start()
            while self._sent(names[0], input() + "\n"):
                pass
        except (KeyboardInterrupt, EOFError):
            pass
        finally:
            if output is not None:
                output.kill()
        self.ctl.output("Exiting foreground")

    def _sent(self, name: str, text: str) -> bool:
        """Give a process a line; false, and said, where it does not run any more."""
        try:
            self.ctl.ask("sendProcessStdin", name, text)
            if self.ctl.ask("getProcessInfo", name)["state"] == ProcessStates.RUNNING:
                return True
        except Fault as fault:
            if fault.code != Faults.NOT_RUNNING:
                self.ctl.output(f"ERROR: {fault}")
                return False
        self.ctl.output("Process got killed")
        return False
