"""Who is compared, in what, and how often. The harnesses say themselves what they cannot do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    unit: str
    rounds: int
    quick: tuple  # what the harness is told in the quick form: TASKS [NAMES]
    more_is_better: bool = False


WORKLOADS = [
    Workload("W1", "1,000,000 empty tasks without a name", "ns", 7, ("200000",)),
    Workload("W1k", "1,000,000 empty tasks of 10,000 names", "ns", 7, ("200000",)),
    Workload("W2", "1,000,000 empty tasks of one name", "ns", 7, ("200000",)),
    Workload("W3", "1,000,000 empty tasks of 1,000 names, one producer", "ns", 7, ("200000",)),
    Workload("W3x4", "1,000,000 empty tasks of 1,000 names, four producers", "ns", 7, ("200000",)),
    Workload("W4", "200,000 tasks of 4.6 µs, against bare threads", "of 1", 5, ("20000",), True),
    Workload("W5", "from an add to its start on a parked thread, p50", "us", 5, ("300",)),
    Workload("W6", "from a stop to the return of a sleeping task, p50", "us", 5, ("300",)),
    Workload("W7", "1,000,000 sleepers", "bytes", 1, ("100000",)),
    Workload("W8", "wake-ups of its threads in 10 s without a task", "wake-ups", 1, ("2",)),
    Workload("W9", "1,000,000 tasks queued behind one", "bytes", 3, ("200000",)),
]

# The program, and what the plot and the table call it. The first is what the others are compared with.
PEERS = {
    "ours-name": "ours by name",
    "ours-handle": "ours by handle",
    "tbb": "oneTBB +KQ",
    "libuv": "libuv +KQ",
    "asio": "Asio strand",
    "glib": "GLib +KQ",
    "mutex": "mutex pool +KQ",
    "tokio-spawn": "tokio spawn +KQ",
    "tokio-actor": "tokio actors",
    "rayon": "rayon +KQ",
    "go-ours": "ours in Go",
    "go-plain": "Go, plain",
    "futex": "bare futex",
}

REFERENCE = "ours-name"

# Where the peers come from Debian: the package whose version is printed.
PACKAGES = {"tbb": "libtbb-dev", "libuv": "libuv1-dev", "asio": "libasio-dev", "glib": "libglib2.0-dev"}


def workload(name):
    for one in WORKLOADS:
        if one.name == name:
            return one
    raise SystemExit(f"no such workload: {name}")
