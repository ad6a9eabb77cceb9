"""A program that lives as long as a block."""

import sys

import anyio

import minisup

PORT = sys.argv[1] if len(sys.argv) > 1 else "8765"
SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", PORT]


async def main() -> None:
    server = minisup.Program("server", SERVER, ready=f"http://127.0.0.1:{PORT}/")
    async with minisup.Supervisor(programs=[server]) as supervisor:
        print(supervisor.info("server").state)
        print(await supervisor.tail("server", 1, "stderr"), end="")
    print("nothing is left")


anyio.run(main)
