"""Somebody looks at what happens, while a program crashes and comes back."""

import anyio

import minisup

TEXT = """
[program:flaky]
command=sh -c 'echo working; sleep 0.1; echo oops >&2; exit 3'
startsecs=0
autorestart=false
"""


async def main() -> None:
    async with minisup.Supervisor(text=TEXT) as supervisor, anyio.create_task_group() as tasks:

        async def watch(events: minisup.Stream[minisup.Event]) -> None:
            async for event in events:
                print(event.name, event.fields["from_state"])

        tasks.start_soon(watch, supervisor.events("PROCESS_STATE"))
        info = await supervisor.wait_for("flaky", "EXITED")
        print("exit code", info.returncode)
        try:
            await supervisor.add(minisup.Program("broken", ["sh", "-c", "echo no database >&2; exit 1"]))
        except minisup.StartError as error:
            print(error)
        tasks.cancel_scope.cancel()


anyio.run(main)
