"""Runs harnesses: in rounds, each peer once a round, in an order that a seed shuffles."""

import json
import mmap
import os
import random
import resource
import statistics
import subprocess
import sys


class Failed(Exception):
    """A harness did not end as it should: a task lost, an order broken, a hang."""


def run(folder, peer, arguments, environment=None, seconds=200):
    """One line of JSON, with the processors' time of the whole process."""
    command = [os.path.join(folder, peer), *arguments]
    before = used()
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    try:
        out, errors = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise Failed(f"{peer} {' '.join(arguments)}: no end after {seconds} s") from None
    if child.returncode != 0:
        raise Failed(f"{peer} {' '.join(arguments)}: {errors.strip() or child.returncode}")
    try:
        return {**json.loads(out), "processors_s": round(used() - before, 4)}
    except ValueError:
        raise Failed(f"{peer} {' '.join(arguments)}: no line of JSON: {out[:100]!r}") from None


def used():
    """Seconds of the processors' time that harnesses have had."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# As much memory as a harness needs for a million tasks, and more.
MEMORY = 384 << 20
PAGES = bytes(2 << 20)


def touch_memory():
    """Has the system find memory that nobody has used lately. Of a virtual machine the host may have to, and
    then the first touch of 64 bytes costs as much as a task, or twice: of whoever comes first."""
    with mmap.mmap(-1, MEMORY, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        for at in range(0, MEMORY, len(PAGES)):
            memory[at : at + len(PAGES)] = PAGES


def patiently(folder, peer, workload, quick):
    """Sleepers that were not all there when the first was due get a later time once."""
    arguments = workload.quick if quick else ()
    touch_memory()
    try:
        return run(folder, peer, [workload.name, *arguments])
    except Failed as why:
        if "creating took too long" not in str(why):
            raise
        return run(folder, peer, [workload.name, *(arguments or ("1000000",)), "60"])


def available(folder, peers):
    return [peer for peer in peers if os.access(os.path.join(folder, peer), os.X_OK)]


class Series:
    """The figures of all rounds, by workload and peer; with the dashes and failures."""

    def __init__(self):
        self.figures = {}  # workload -> peer -> one figure a round, None where it failed
        self.more = {}  # workload -> peer -> list of what else the harness said
        self.dashes = {}  # workload -> peer -> reason
        self.versions = {}
        self.failures = []

    def add(self, workload, peer, said):
        self.versions[peer] = said.get("version", "-")
        if "dash" in said:
            self.dashes.setdefault(workload, {})[peer] = said["dash"]
            return
        self.figures.setdefault(workload, {}).setdefault(peer, []).append(said["figure"])
        rest = {k: v for k, v in said.items() if k not in ("peer", "workload", "figure", "unit", "version")}
        self.more.setdefault(workload, {}).setdefault(peer, []).append(rest)

    def fail(self, workload, peer, why):
        self.failures.append(str(why))
        self.figures.setdefault(workload, {}).setdefault(peer, []).append(None)

    def ratios(self, workload, peer, reference):
        """Of each round in which both ran."""
        both = zip(self.figures.get(workload, {}).get(peer, []), self.figures.get(workload, {}).get(reference, []))
        return [one / other for one, other in both if one is not None and other]

    def summary(self, workload, peer, reference):
        figures = [figure for figure in self.figures.get(workload, {}).get(peer, []) if figure is not None]
        if not figures:
            return None
        ratios = self.ratios(workload, peer, reference)
        low, high = quartiles(figures)
        return {
            "median": statistics.median(figures),
            "min": min(figures),
            "max": max(figures),
            "low": low,
            "high": high,
            "rounds": len(figures),
            "ratio": statistics.median(ratios) if ratios else None,
        }


def quartiles(figures):
    if len(figures) < 3:
        return min(figures), max(figures)
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return low, high


def alternate(folder, workloads, peers, seed, watch, quick=False, rounds=None, quiet=False, series=None, until=None):
    """Runs every peer once a round. watch is called before each workload of a round; until() ends the rounds."""
    series = series or Series()
    shuffle = random.Random(seed)
    most = rounds or max(workload.rounds for workload in workloads)
    for number in range(most):
        if until and number and until():
            break
        for workload in workloads:
            if not rounds and number >= workload.rounds:
                continue
            watch()
            order = [peer for peer in peers if peer not in series.dashes.get(workload.name, {})]
            shuffle.shuffle(order)
            for peer in order:
                if not quiet:
                    progress(f"round {number + 1} of {most}: {workload.name} {peer}")
                try:
                    series.add(workload.name, peer, patiently(folder, peer, workload, quick))
                except Failed as why:
                    series.fail(workload.name, peer, why)
                    progress("")
                    print(f"FAILED: {why}", file=sys.stderr)
    progress("")
    return series


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
