"""What a process says while somebody types to it: two logs, each in a thread that ends when it is told to."""

from threading import Thread

from minisup.ctl.logs import LogCommands
from minisup.ctl.wire import LogStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minisup.ctl.controller import Controller


class fgthread(Thread):
    """Shows stdout and stderr of a process, from the last 1024 bytes of each on, until `kill`."""

    def __init__(self, program: str, ctl: "Controller") -> None:
        super().__init__(daemon=True)
        options, write = ctl.options, LogCommands(ctl).write
        self._streams = [
            LogStream(options.serverurl, options.username, options.password, f"/logtail/{program}/{channel}")
            for channel in ("stdout", "stderr")
        ]
        self._write = write
        self._beside = Thread(target=self._streams[1].show, args=(write,), daemon=True)

    def start(self) -> None:
        """Begin to show."""
        self._beside.start()
        super().start()

    def run(self) -> None:
        """Show stdout; the other thread shows stderr."""
        self._streams[0].show(self._write)

    def kill(self) -> None:
        """Stop at once; nothing is written after this."""
        for stream in self._streams:
            stream.close()
        for thread in (self, self._beside):
            if thread.is_alive():
                thread.join()
