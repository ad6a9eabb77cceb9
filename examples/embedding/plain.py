"""The same without an event loop."""

import minisup.blocking

CLOCK = "while true; do date +%H:%M:%S; sleep 0.1; done"

with minisup.blocking.Supervisor(programs=[minisup.Program("clock", ["sh", "-c", CLOCK])]) as supervisor:
    for number, line in enumerate(supervisor.lines("clock")):
        print(line.program, line.channel, line.text)
        if number == 2:
            break
    supervisor.stop("clock")
    print(supervisor.info("clock").returncode)
