"""A web application with redis and a worker, run as one program: python shop.py [PORT]

Then: curl -d hammer http://127.0.0.1:8000/orders
And:  curl http://127.0.0.1:8000/packed
"""

import sys
import tempfile
from pathlib import Path

import anyio

import minisup

APP = Path(__file__).with_name("app.py")


async def main(port: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        redis = Path(folder, "redis.sock")
        programs = [
            minisup.Program(
                "redis",
                ["redis-server", "--port", "0", "--unixsocket", redis, "--save", ""],
                directory=folder,
                ready=f"unix:{redis}",
                priority=1,
            ),
            minisup.Program(
                "web",
                [sys.executable, APP, "web", redis, str(port)],
                ready=f"http://127.0.0.1:{port}/packed",
                autostart=False,
            ),
            minisup.Program(
                "worker",
                [sys.executable, APP, "worker", redis],
                ready="log:^waiting for orders$",
                autostart=False,
            ),
        ]
        async with minisup.Supervisor(programs=programs) as supervisor:  # redis is ready now
            lines = supervisor.lines()
            await supervisor.start("web", "worker")
            print(f"open at http://127.0.0.1:{port}", flush=True)
            async for line in lines:
                print(f"{line.program:8}{line.text}", flush=True)


if __name__ == "__main__":
    try:
        anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
    except KeyboardInterrupt:
        print("closed")
