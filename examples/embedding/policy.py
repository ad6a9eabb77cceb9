"""Three days in a moment: what becomes of a program that crashes every minute, and of one that crashes at once?"""

from minisup import Program
from minisup.testing import Habits, World, exited, killed

world = World(
    Program("leaky", "leaky", autorestart=True),
    Program("broken", "broken", startretries=5),
    habits={
        "leaky": Habits(lives=60, status=killed("KILL")),
        "broken": Habits(lives=0.2, status=exited(1)),
    },
)
world.run(3 * 24 * 3600)

print(world.states())
print(world.spawned, "children")
print(*[line for line in world.heard() if "gave up" in line], sep="\n")
