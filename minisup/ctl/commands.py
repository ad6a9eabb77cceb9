"""The commands of supervisorctl, and `listeners`. What they print and how they fail is supervisorctl's, to the letter.

A command's docstring is its help. Commands that print results of the server are rows of a table: `Verb`.
"""

from time import monotonic, sleep

from minisup.ctl.controller import LSBInitExitStatuses as Exit
from minisup.ctl.controller import LSBStatusExitStatuses as StatusExit
from minisup.ctl.logs import LogCommands
from minisup.errors import Faults
from minisup.names import make_namespec, split_namespec
from minisup.protocol.xmlrpc_calls import Fault
from minisup.states import STOPPED_STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Verb:
    """Something that is done to processes.

    Attributes:
        done: what is said of a success.
        methods: for all, for a group, for one process.
        errors: what is said of a fault; FAILED is told in the server's words where it is not here but `frank`.
        ignored: a fault that is no failure.
        no_group: exit status where there is no such group.
    """

    __slots__ = ("done", "errors", "frank", "ignored", "methods", "no_group")

    def __init__(
        self,
        done: str,
        methods: tuple[str, str, str],
        errors: dict[int, str],
        *,
        ignored: int | None = None,
        frank: bool = False,
        no_group: int = Exit.GENERIC,
    ) -> None:
        self.done = done
        self.methods = methods
        self.errors = {Faults.BAD_NAME: "no such process"} | errors
        self.ignored = ignored
        self.frank = frank
        self.no_group = no_group

    def text(self, result: "dict[str, Any]") -> str:
        """The line about a result.

        Raises:
            ValueError: in supervisorctl's words, where it does not know the code either.
        """
        name, code = make_namespec(result["group"], result["name"]), result["status"]
        if code == Faults.SUCCESS:
            return f"{name}: {self.done}"
        if code in self.errors:
            return f"{name}: ERROR ({self.errors[code]})"
        if self.frank and code == Faults.FAILED:
            return str(result["description"])
        raise ValueError(f"Unknown result code {code} for {name}")


START = Verb(
    "started",
    ("startAllProcesses", "startProcessGroup", "startProcess"),
    {
        Faults.NO_FILE: "no such file",
        Faults.NOT_EXECUTABLE: "file is not executable",
        Faults.ALREADY_STARTED: "already started",
        Faults.SPAWN_ERROR: "spawn error",
        Faults.ABNORMAL_TERMINATION: "abnormal termination",
    },
    ignored=Faults.ALREADY_STARTED,
    no_group=Exit.INVALID_ARGS,
)
_SIGNALLED = {Faults.BAD_SIGNAL: "bad signal name", Faults.NOT_RUNNING: "not running"}
STOP = Verb(
    "stopped",
    ("stopAllProcesses", "stopProcessGroup", "stopProcess"),
    _SIGNALLED,
    ignored=Faults.NOT_RUNNING,
    frank=True,
)
SIGNAL = Verb("signalled", ("signalAllProcesses", "signalProcessGroup", "signalProcess"), _SIGNALLED, frank=True)
CLEAR = Verb("cleared", ("clearAllProcessLogs", "", "clearProcessLogs"), {Faults.FAILED: "failed"})


class DefaultControllerPlugin(LogCommands):
    """The commands that are always there."""

    name = "default"

    def _refuse(self, text: str, command: str, status: int = Exit.GENERIC) -> None:
        """Say what was wrong with the words of a command, and how it is used."""
        self.ctl.fail(text, status)
        self.do_help(command)

    def _alone(self, arg: str, command: str) -> bool:
        """Whether a command that takes no words got none."""
        if arg:
            self._refuse(f"Error: {command} accepts no arguments", command)
        return not arg

    # --- processes ------------------------------------------------------------------------------------------------

    def do_status(self, arg: str) -> None:
        """status\t\t\tShow all processes
        status NAME ...\t\tShow these
        status GROUP:*\t\tShow those of a group"""
        if not self.ctl.upcheck():
            self.ctl.exitstatus = StatusExit.UNKNOWN
            return
        infos = self.ctl.ask("getAllProcessInfo")
        names = arg.split()
        if names and "all" not in names:
            chosen = []
            for name in names:
                group, process = split_namespec(name)
                found = [info for info in infos if info["group"] == group and process in (None, info["name"])]
                chosen += found
                if not found:
                    what = f"{group}: ERROR (no such group)" if process is None else f"{name}: ERROR (no such process)"
                    self.ctl.fail(what, StatusExit.UNKNOWN)
            infos = chosen
        self._table([(info, info["statename"], info["description"]) for info in infos], 10)
        if any(info["state"] in STOPPED_STATES for info in infos):
            self.ctl.exitstatus = StatusExit.NOT_RUNNING

    def _table(self, rows: "list[tuple[dict[str, Any], str, str]]", width: int) -> None:
        named = [(make_namespec(info["group"], info["name"]), state, text) for info, state, text in rows]
        longest = max([30, *(len(name) for name, _, _ in named)]) + 3
        for name, state, text in named:
            self.ctl.output(f"{name:<{longest}}{state:<{width}}{text}")

    def do_listeners(self, arg: str) -> None:
        """listeners\t\tShow what each event listener does, what waits for it, and what became of events
        Needs minisup: supervisord does not tell."""
        if not self._alone(arg, "listeners") or not self.ctl.upcheck():
            return
        try:
            infos = self.ctl.ask("minisup.getAllListenerInfo")
        except Fault as fault:
            if fault.code != Faults.UNKNOWN_METHOD:
                raise
            url = self.ctl.options.serverurl
            self.ctl.fail(f"ERROR: cannot ask {url} for its listeners: it is no minisup", Exit.UNIMPLEMENTED_FEATURE)
            return
        rows = []
        for info in infos:
            counts = ", ".join(f"{info[what]} {what}" for what in ("delivered", "rejected", "discarded"))
            waiting = f"{info['buffered']} of {info['buffer_size']} buffered"
            rows.append((info, info["state"], f"pid {info['pid']}, {waiting}, {counts}"))
        self._table(rows, 14)

    def do_ready(self, arg: str) -> None:
        """ready\t\t\tShow whether all processes that are to run are ready; exit status 0 if they are, else 1
        ready NAME ...\t\tShow it of these
        ready GROUP:*\t\tShow it of those of a group
        ready -t SECONDS ...\tWait for it, at most so long, also for the daemon itself
        \t\t\tNeeds minisup: supervisord does not tell."""
        words = arg.split()
        try:
            seconds = float(words[1]) if words[:1] == ["-t"] else 0.0
        except (IndexError, ValueError):
            self._refuse("Error: -t needs a number of seconds", "ready")
            return
        names = words[2:] if words[:1] == ["-t"] else words
        try:
            infos = self._wait_ready([] if "all" in names else names, monotonic() + seconds)
        except Fault as fault:
            if fault.code == Faults.UNKNOWN_METHOD and not self.ctl.upcheck():
                self.ctl.exitstatus = Exit.GENERIC
                return
            why = {
                Faults.UNKNOWN_METHOD: f"cannot ask {self.ctl.options.serverurl} who is ready: it is no minisup",
                Faults.SHUTDOWN_STATE: "supervisor shutting down",
                Faults.BAD_NAME: f"no such process {fault.text.partition(': ')[2]}",
            }.get(fault.code)
            if why is None:
                raise
            self.ctl.fail(f"ERROR: {why}")
            return
        rows = []
        for info in infos:
            state = info["statename"] if info["state"] == "DOWN" else info["state"]
            rows.append((info, state, f"after {info['seconds']:.3f} seconds" if info["ready"] else info["why"]))
        self._table(rows, 10)
        if not all(info["ready"] for info in infos):
            self.ctl.exitstatus = Exit.GENERIC

    def _wait_ready(self, names: list[str], end: float) -> "Any":
        while True:
            left = max(0.0, end - monotonic())
            try:
                return self.ctl.ask("minisup.waitReady", names, left)
            except OSError as error:
                why = self.ctl.nobody(error)
                if why is None:
                    raise
                if not left:
                    self.ctl.fail(why)
                    return []
            sleep(min(0.02, left))

    def do_start(self, arg: str) -> None:
        """start NAME ...\t\tStart processes, one after the other
        start GROUP:*\t\tStart those of a group
        start all\t\tStart all of them"""
        if self.ctl.upcheck():
            if arg:
                self._each(START, arg.split())
            else:
                self._refuse("Error: start requires a process name", "start", Exit.INVALID_ARGS)

    def do_stop(self, arg: str) -> None:
        """stop NAME ...\t\tStop processes, one after the other
        stop GROUP:*\t\tStop those of a group
        stop all\t\tStop all of them"""
        if self.ctl.upcheck():
            if arg:
                self._each(STOP, arg.split())
            else:
                self._refuse("Error: stop requires a process name", "stop")

    def do_restart(self, arg: str) -> None:
        """restart NAME ...\tStop processes, then start them
        restart GROUP:*\t\tStop those of a group, then start them
        restart all\t\tStop all of them, then start them
        The configuration is not read again: see reread and update."""
        if self.ctl.upcheck():
            if arg:
                self.do_stop(arg)
                self.do_start(arg)
            else:
                self._refuse("Error: restart requires a process name", "restart")

    def do_signal(self, arg: str) -> None:
        """signal SIGNAL NAME ...\tSend processes a signal, given by name or number
        signal SIGNAL GROUP:*\tSend it to those of a group
        signal SIGNAL all\tSend it to all of them"""
        if self.ctl.upcheck():
            signal, *names = arg.split() or [""]
            if names:
                self._each(SIGNAL, names, signal)
            else:
                self._refuse("Error: signal requires a signal name and a process name", "signal")

    def do_clear(self, arg: str) -> None:
        """clear NAME ...\t\tEmpty the logs of processes
        clear GROUP:*\t\tEmpty those of a group
        clear all\t\tEmpty all of them"""
        if self.ctl.upcheck():
            if arg:
                self._each(CLEAR, arg.split())
            else:
                self._refuse("Error: clear requires a process name", "clear")

    def _each(self, verb: Verb, names: list[str], *words: str) -> None:
        """Do something to each of these names, and print what came of it."""
        of_all, of_group, of_one = verb.methods
        if "all" in names:
            self._results(verb, self.ctl.ask(of_all, *words))
            return
        for name in names:
            group, process = split_namespec(name)
            try:
                if process is not None:
                    self.ctl.ask(of_one, name, *words)
                    results = [{"group": group, "name": process, "status": Faults.SUCCESS}]
                elif of_group:
                    results = self.ctl.ask(of_group, group, *words)
                else:
                    infos = [info for info in self.ctl.ask("getAllProcessInfo") if info["group"] == group]
                    if not infos:
                        raise Fault(Faults.BAD_NAME, f"BAD_NAME: {name}")
                    self._each(verb, [f"{group}:{info['name']}" for info in infos], *words)
                    continue
            except Fault as fault:
                if process is not None:
                    results = [{"group": group, "name": process, "status": fault.code, "description": fault.text}]
                elif fault.code == Faults.BAD_NAME:
                    self.ctl.fail(f"{group}: ERROR (no such group)", verb.no_group)
                    continue
                else:
                    raise
            self._results(verb, results)

    def _results(self, verb: Verb, results: "list[dict[str, Any]]") -> None:
        for result in results:
            self.ctl.output(verb.text(result))
            self.ctl.set_exitstatus_from_xmlrpc_fault(result["status"], verb.ignored)

    def do_pid(self, arg: str) -> None:
        """pid\t\t\tShow the process id of the daemon
        pid NAME ...\t\tShow those of processes; 0 for one that does not run
        pid all\t\t\tShow those of all processes, one a line"""
        if not self.ctl.upcheck():
            return
        names = arg.split()
        if not names:
            self.ctl.output(str(self.ctl.ask("getPID")))
        elif "all" in names:
            for info in self.ctl.ask("getAllProcessInfo"):
                self.ctl.output(str(info["pid"]))
        else:
            for name in names:
                try:
                    pid = self.ctl.ask("getProcessInfo", name)["pid"]
                except Fault as fault:
                    if fault.code != Faults.BAD_NAME:
                        raise
                    self.ctl.fail(f"No such process {name}")
                    continue
                self.ctl.output(str(pid))
                if pid == 0:
                    self.ctl.exitstatus = Exit.NOT_RUNNING

    # --- the configuration ----------------------------------------------------------------------------------------

    def do_avail(self, arg: str) -> None:
        """avail\t\t\tShow all processes of the configuration: whether in use, started by themselves, priorities"""
        if not self._alone(arg, "avail"):
            return
        try:
            infos = self.ctl.ask("getAllConfigInfo")
        except Fault as fault:
            if fault.code != Faults.SHUTDOWN_STATE:
                raise
            self.ctl.fail("ERROR: supervisor shutting down")
            return
        for info in infos:
            use = "in use" if info["inuse"] else "avail"
            start = "auto" if info["autostart"] else "manual"
            priorities = f"{info['group_prio']}:{info['process_prio']}"
            self.ctl.output(f"{make_namespec(info['group'], info['name']):<32} {use:<9} {start:<9} {priorities}")

    def do_reread(self, arg: str) -> None:
        """reread\t\t\tRead the configuration again and show what changed; nothing is started or stopped"""
        if not self._alone(arg, "reread"):
            return
        try:
            added, changed, removed = self.ctl.ask("reloadConfig")[0]
        except Fault as fault:
            if fault.code == Faults.SHUTDOWN_STATE:
                self.ctl.fail("ERROR: supervisor shutting down")
            elif fault.code == Faults.CANT_REREAD:
                self.ctl.fail(f"ERROR: {fault.text}")
            else:
                raise
            return
        news = dict.fromkeys(added, "available") | dict.fromkeys(changed, "changed")
        news |= dict.fromkeys(removed, "disappeared")
        for name in sorted(news):
            self.ctl.output(f"{name}: {news[name]}")
        if not news:
            self.ctl.output("No config updates to processes")

    def do_update(self, arg: str) -> None:
        """update\t\t\tRead the configuration again and make it so: add, remove and restart groups
        update GROUP ...\tDo so with these groups only"""
        try:
            added, changed, removed = self.ctl.ask("reloadConfig")[0]
        except Fault as fault:
            if fault.code != Faults.SHUTDOWN_STATE:
                raise
            self.ctl.fail("ERROR: already shutting down")
            return
        wanted = dict.fromkeys(arg.split())
        if "all" in wanted:
            wanted.clear()
        if wanted:
            known = {info["group"] for info in self.ctl.ask("getAllProcessInfo")} | {*added}
            for group in wanted:
                if group not in known:
                    self.ctl.fail(f"ERROR: no such group: {group}")
        for groups, act in ((removed, self._drop), (changed, self._replace), (added, self._activate)):
            for group in groups:
                if not wanted or group in wanted:
                    act(group)

    def _drop(self, group: str) -> None:
        results = self.ctl.ask("stopProcessGroup", group)
        self.ctl.output(f"{group}: stopped")
        if any(result["status"] == Faults.FAILED for result in results):
            self.ctl.fail(f"{group}: has problems; not removing")
        else:
            self.ctl.ask("removeProcessGroup", group)
            self.ctl.output(f"{group}: removed process group")

    def _replace(self, group: str) -> None:
        self.ctl.ask("stopProcessGroup", group)
        self.ctl.output(f"{group}: stopped")
        self.ctl.ask("removeProcessGroup", group)
        self.ctl.ask("addProcessGroup", group)
        self.ctl.output(f"{group}: updated process group")

    def _activate(self, group: str) -> None:
        self.ctl.ask("addProcessGroup", group)
        self.ctl.output(f"{group}: added process group")

    def do_add(self, arg: str) -> None:
        """add GROUP ...\t\tTake new groups of the configuration into use, and start what starts by itself"""
        for name in arg.split():
            try:
                self._activate(name)
            except Fault as fault:
                if fault.code == Faults.ALREADY_ADDED:
                    self.ctl.output("ERROR: process group already active")
                elif fault.code == Faults.SHUTDOWN_STATE:
                    self.ctl.fail("ERROR: shutting down")
                elif fault.code == Faults.BAD_NAME:
                    self.ctl.fail(f"ERROR: no such process/group: {name}")
                else:
                    raise

    def do_remove(self, arg: str) -> None:
        """remove GROUP ...\tTake stopped groups out of use"""
        for name in arg.split():
            try:
                self.ctl.ask("removeProcessGroup", name)
            except Fault as fault:
                if fault.code == Faults.STILL_RUNNING:
                    self.ctl.fail(f"ERROR: process/group still running: {name}")
                elif fault.code == Faults.BAD_NAME:
                    self.ctl.fail(f"ERROR: no such process/group: {name}")
                else:
                    raise
            else:
                self.ctl.output(f"{name}: removed process group")

    # --- the daemon -----------------------------------------------------------------------------------------------

    def _sure(self, what: str) -> bool:
        """Whether the user means it; a script does."""
        return not self.ctl.options.interactive or input(f"Really {what} y/N? ").lower().startswith("y")

    def do_shutdown(self, arg: str) -> None:
        """shutdown\t\tStop all processes, and the daemon"""
        if not self._alone(arg, "shutdown") or not self._sure("shut the remote supervisord process down"):
            return
        try:
            self.ctl.ask("shutdown")
        except Fault as fault:
            if fault.code != Faults.SHUTDOWN_STATE:
                raise
            self.ctl.output("ERROR: already shutting down")
        except OSError as error:
            why = self.ctl.nobody(error)
            if why is None:
                raise
            self.ctl.fail(f"ERROR: {why} (already shut down?)")
        else:
            self.ctl.output("Shut down")

    def do_reload(self, arg: str) -> None:
        """reload\t\t\tStop all processes, and start the daemon anew with what its configuration says now"""
        if not self._alone(arg, "reload") or not self._sure("restart the remote supervisord process"):
            return
        try:
            self.ctl.ask("restart")
        except Fault as fault:
            if fault.code != Faults.SHUTDOWN_STATE:
                raise
            self.ctl.fail("ERROR: already shutting down")
        else:
            self.ctl.output("Restarted supervisord")

    def do_version(self, arg: str) -> None:
        """version\t\t\tShow the version of the daemon"""
        if self._alone(arg, "version") and self.ctl.upcheck():
            self.ctl.output(self.ctl.ask("getSupervisorVersion"))

    def do_open(self, arg: str) -> None:
        """open URL\t\tTalk to another daemon from now on: http://HOST:PORT or unix:///PATH"""
        scheme, colon, _ = arg.partition(":")
        if not colon or scheme.lower() not in ("http", "unix"):
            self.ctl.fail("ERROR: url must be http:// or unix://")
            return
        self.ctl.options.serverurl = arg
        self.ctl.hang_up()
        before = self.ctl.exitstatus
        self.do_status("")
        self.ctl.exitstatus = before

    def do_quit(self, arg: str) -> bool:
        """quit\t\t\tLeave the shell"""
        return self.ctl.do_EOF(arg)

    def do_exit(self, arg: str) -> bool:
        """exit\t\t\tLeave the shell"""
        return self.ctl.do_EOF(arg)
