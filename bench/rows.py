"""What is compared with what: every row of the record.

A comparison puts one load on us and on our peers; each pair of an entry of ours and a peer is a row.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bench.load import Load
from bench.results import Heading

VOLATILE: Final = "local, volatile"
LOCKSTEP: Final = "local, lockstep"
RAY_LOCKSTEP: Final = "Ray, lockstep on 2 hosts"
MEMORY: Final = "local, memory"
SQLITE: Final = "local, SQLite"
RAY_VOLATILE: Final = "Ray, volatile"
RAY_MEMORY: Final = "Ray, memory"
RAY_SQLITE: Final = "Ray, SQLite"
ONE_HOST: Final = "Ray, SQLite, 1 host"
POSTGRES: Final = "local, PostgreSQL"
SQLITE_JOURNAL: Final = "SQLite journal"
POSTGRES_JOURNAL: Final = "PostgreSQL journal"
DURABLE: Final = frozenset({SQLITE, RAY_SQLITE, ONE_HOST})

AUTOGEN: Final = "autogen-core"
GRPC: Final = "autogen-core gRPC"
RAY: Final = "Ray actor calls"
BATCHED_RAY: Final = "Ray calls batched by hand"
RAW_SQLITE: Final = "SQLite inserts"
REDIS: Final = "Redis Streams"
XOSCAR: Final = "xoscar"
MESA: Final = "Mesa, shuffled"
MESA_CALLING: Final = "Mesa, shuffled, each calling its neighbour"
MESA_IN_ORDER: Final = "Mesa, in order"
CROWDS: Final = {f"local, volatile, {size:,} agents": size for size in (1_000_000, 300_000, 100_000, 30_000, 10_000)}
FEW: Final = "local, volatile, 1,000 agents"
UNWATCHED: Final = "local, volatile, watchdogs and ledger off"
LONE_HOST: Final = "Ray, volatile, 1 host"
TWO_HOSTS: Final = "Ray, volatile, 2 hosts"
NEW_PROCESS: Final = "local, new process"
AUTOGEN_PROCESS: Final = "autogen-core, new process"
RAY_HELP: Final = "ray --help"


class Comparison(NamedTuple):
    """One load, and everybody who carries it."""

    name: str
    unit: str
    load: Load
    """Its count is the least that a round does."""
    ours: tuple[str, ...]
    peers: tuple[str, ...]
    bars: dict[tuple[str, str], float] = {}
    """By entry of ours and peer."""
    limit: float | None = None
    """What ours may be at most, whatever the peers are."""

    def _how(self, mine: str) -> str:
        """What tells a row of ours from the others of the same comparison."""
        if mine in CROWDS:
            return f" of {CROWDS[mine]:,}"
        if mine in DURABLE and len(self.ours) > 1:
            return ", durable"
        if mine == RAY_LOCKSTEP:
            return ", 2 hosts"
        beside = {MEMORY: VOLATILE, RAY_MEMORY: RAY_VOLATILE}
        return ", through the board" if beside.get(mine) in self.ours else ""

    @property
    def headings(self) -> list[Heading]:
        """The rows that come of it."""
        return [
            Heading(
                self.name + self._how(mine),
                self.unit,
                mine,
                peer,
                self.bars.get((mine, peer)),
                self.limit,
            )
            for mine in self.ours
            for peer in self.peers
        ]


IN_PROCESS: Final = (VOLATILE, MEMORY, SQLITE)
ON_RAY: Final = (RAY_VOLATILE, RAY_MEMORY, RAY_SQLITE)

COMPARISONS: Final = (
    Comparison("tell", "tells/s", Load("tell", 100), IN_PROCESS, (AUTOGEN,)),
    Comparison("ask", "asks/s", Load("ask", 20), IN_PROCESS, (AUTOGEN,), {(VOLATILE, AUTOGEN): 25}),
    Comparison(
        "ask, 100 in flight", "asks/s", Load("ask", 400, 100), IN_PROCESS, (AUTOGEN,), {(VOLATILE, AUTOGEN): 25}
    ),
    Comparison(
        "fan-out, 1 post to 100",
        "deliveries/s",
        Load("fan_out", 500),
        IN_PROCESS,
        (AUTOGEN,),
        {(VOLATILE, AUTOGEN): 40},
    ),
    Comparison(
        "new agent + first message",
        "agents/s",
        Load("spawn", 200, 100),
        IN_PROCESS,
        (AUTOGEN,),
        {(VOLATILE, AUTOGEN): 60},
    ),
    Comparison(
        "lockstep, 1,000 agents, a message each",
        "agent-steps/s",
        Load("step", 1_000, 1_000),
        (LOCKSTEP,),
        (MESA, MESA_CALLING),
    ),
    Comparison(
        "lockstep, 1,000,000 agents, a message each",
        "agent-steps/s",
        Load("step", 1_000_000, 1_000_000),
        (LOCKSTEP, RAY_LOCKSTEP),
        (MESA, MESA_CALLING, MESA_IN_ORDER),
        {(LOCKSTEP, MESA): 1, (RAY_LOCKSTEP, MESA): 1.6},
    ),
    Comparison("first reply of a new swarm", "ms", Load("reply", 1), (NEW_PROCESS,), (AUTOGEN_PROCESS,), limit=50),
    Comparison("import", "ms", Load("import", 1), (NEW_PROCESS,), (AUTOGEN_PROCESS,), limit=150),
    Comparison("import of a first class", "ms", Load("class", 1), (NEW_PROCESS,), (AUTOGEN_PROCESS,)),
    Comparison("command line, --help", "ms", Load("help", 1), (NEW_PROCESS,), (RAY_HELP,), limit=300),
    Comparison(
        "a message in a crowd",
        "ms",
        Load("walk", 20_000, 5),
        tuple(CROWDS),
        (FEW,),
        {(next(iter(CROWDS)), FEW): 1.3},
    ),
    Comparison(
        "watchdogs and ledger on, against off",
        "visits/s",
        Load("walk", 20_000, 5),
        (FEW,),
        (UNWATCHED,),
        {(FEW, UNWATCHED): 0.92},
    ),
    Comparison(
        "watchdogs and ledger on, against off, chains of 20 hops",
        "visits/s",
        Load("walk", 20_000, 19),
        (FEW,),
        (UNWATCHED,),
    ),
    Comparison(
        "two hosts against one, CPU-bound handlers",
        "turns/s",
        Load("toil", 4_000),
        (TWO_HOSTS,),
        (LONE_HOST,),
        {(TWO_HOSTS, LONE_HOST): 1.7},
    ),
    Comparison(
        "two hosts against one, message-bound, 90 % local",
        "visits/s",
        Load("roam", 200_000, 5),
        (TWO_HOSTS,),
        (LONE_HOST,),
        {(TWO_HOSTS, LONE_HOST): 1.5},
    ),
    Comparison("durable posts", "posts/s", Load("post", 200), (SQLITE,), (RAW_SQLITE, REDIS)),
    Comparison("durable posts in PostgreSQL", "posts/s", Load("post", 200), (POSTGRES,), (REDIS,)),
    Comparison("journal alone, in files", "entries/s", Load("post", 200), (SQLITE_JOURNAL,), (RAW_SQLITE, REDIS)),
    Comparison("journal alone, on a server", "entries/s", Load("post", 200), (POSTGRES_JOURNAL,), (REDIS,)),
    Comparison("ask across processes", "ms", Load("ask", 20), ON_RAY, (RAY, GRPC), {(RAY_VOLATILE, RAY): 1.3}),
    Comparison("ask across processes, 100 in flight", "asks/s", Load("ask", 400, 100), ON_RAY, (RAY, GRPC)),
    Comparison(
        "ask across processes, 1,000 in flight",
        "asks/s",
        Load("ask", 2_000, 1_000),
        ON_RAY,
        (RAY, GRPC, XOSCAR),
        {(RAY_VOLATILE, GRPC): 25, (RAY_VOLATILE, XOSCAR): 9},
    ),
    Comparison(
        "tell across processes",
        "tells/s",
        Load("tell", 100),
        ON_RAY,
        (RAY, GRPC, XOSCAR, BATCHED_RAY),
        {(RAY_VOLATILE, RAY): 100, (RAY_VOLATILE, BATCHED_RAY): 0.4},
    ),
    Comparison("fan-out across processes, 1 post to 100", "deliveries/s", Load("fan_out", 500), ON_RAY, (GRPC,)),
    Comparison("new agent + first message on Ray", "agents/s", Load("spawn", 100, 100), ON_RAY, (GRPC,)),
    Comparison("new agent on Ray, against a new Ray actor", "agents/s", Load("spawn", 2, 2), (RAY_VOLATILE,), (RAY,)),
    Comparison("durable posts on Ray", "posts/s", Load("post", 200), (RAY_SQLITE,), (RAW_SQLITE,)),
    Comparison("durable posts of 300 bytes, 32 agents", "posts/s", Load("press", 20_000), (ONE_HOST,), (RAW_SQLITE,)),
    Comparison("durable turns, 64 agents", "turns/s", Load("turns", 12_800), (ONE_HOST,), (RAW_SQLITE,)),
    Comparison(
        "99th percentile of a commit, during such turns", "ms", Load("commit", 12_800), (ONE_HOST,), (RAW_SQLITE,)
    ),
)


def chosen(names: list[str]) -> list[Comparison]:
    """The comparisons with one of these names, or whose names begin so; all without any. Raises: ValueError."""
    if not names:
        return list(COMPARISONS)
    found: list[Comparison] = []
    for name in names:
        exact = [each for each in COMPARISONS if each.name == name]
        matches = exact or [each for each in COMPARISONS if each.name.startswith(name)]
        if not matches:
            raise ValueError(f"no row is called {name!r}; there are: " + "; ".join(each.name for each in COMPARISONS))
        found += matches
    return [each for each in COMPARISONS if each in found]
