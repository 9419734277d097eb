"""The regression check: our figures against those of peers in the same minute, as ratios, never as times.

limits.json has, for each workload, what one of our programs took as a part of what each peer took. Measured
anew in a few rounds, each of these ratios is compared with the one in the file; the excess is the geometric
mean over the peers, so one that has a bad minute does not decide alone. A workload whose excess is over the
margin is measured again, up to twice; only when it is over each time has it failed. On a machine that was
too noisy meanwhile it has not failed either, unless the excess is gross: then it is said and left undecided.
"""

import json
import math
import os
import statistics
import time

import roster
import runs
from machine import Machine

LIMITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "limits.json")

# Workload: what the harness is told, who of ours, and the peers.
PLAN = {
    "W1": (("300000",), ["ours-name"], ["mutex", "tbb", "asio"]),
    "W1k": (("300000",), ["ours-name", "ours-handle"], ["mutex", "tbb", "glib"]),
    "W2": (("300000",), ["ours-name", "ours-handle"], ["mutex", "tbb", "asio"]),
    "W3": (("300000",), ["ours-name", "ours-handle"], ["mutex", "tbb", "glib"]),
    "W3x4": (("300000",), ["ours-name", "ours-handle"], ["mutex", "tbb", "glib"]),
    "W5": (("300",), ["ours-name"], ["futex", "mutex"]),
    "W6": (("300",), ["ours-name"], ["futex", "mutex"]),
    "W9": (("300000",), ["ours-name"], ["mutex", "asio"]),
}

ROUNDS, FEWEST = 7, 3
FIRST, AGAIN = 30, 12  # seconds after which no further round of all, or of the suspects, begins
ATTEMPTS = 3
GROSS = 2.0  # times the margin: no noise makes that


def excess(measured, committed):
    """By how much ours is slower beside its peers than the file has it: 1 is as then. None without peers."""
    both = [peer for peer in committed if measured.get(peer)]
    if not both:
        return None
    logs = [math.log(statistics.median(measured[peer]) / committed[peer]) for peer in both]
    return math.exp(sum(logs) / len(logs))


def verdict(attempts, margin):
    """attempts: (excess, noisy) of each, in order. "ok", "failed", "undecided", or "again"."""
    if any(value <= margin for value, _ in attempts):
        return "ok"
    if len(attempts) < ATTEMPTS:
        return "again"
    if all(value > margin * GROSS for value, _ in attempts):
        return "failed"
    return "undecided" if any(noisy for _, noisy in attempts) else "failed"


def measure(folder, plan, seconds, seed):
    """The ratios of each round, by (workload, ours) and peer, and why the machine was noisy."""
    machine = Machine(folder)
    begin = time.monotonic()
    ratios = {}
    workloads = [
        roster.Workload(name, "", "", ROUNDS, arguments) for name, (arguments, _, _) in plan.items()
    ]
    series = runs.Series()
    for number in range(ROUNDS):
        if number >= FEWEST and time.monotonic() - begin > seconds:
            break
        for workload in workloads:
            _, ours, peers = plan[workload.name]
            there = runs.available(folder, [*ours, *peers])
            runs.alternate(folder, [workload], there, seed + number, machine.look, True, 1, True, series)
    for name, (_, ours, peers) in plan.items():
        for own in ours:
            ratios[name, own] = {peer: series.ratios(name, own, peer) for peer in peers}
    return ratios, machine, series.failures


def not_built(folder, plan):
    """The harnesses that are not there: ours, and those of peers."""
    ours = {own for _, ours, _ in plan.values() for own in ours}
    peers = {peer for _, _, peers in plan.values() for peer in peers}
    return [sorted(names - set(runs.available(folder, names))) for names in (ours, peers)]


def check(folder, seed=1):
    with open(LIMITS, encoding="utf-8") as file:
        limits = json.load(file)
    margin, committed = limits["margin"], limits["ratios"]
    plan = {name: its for name, its in PLAN.items() if name in committed}
    ours, peers = not_built(folder, plan)
    if ours + peers:
        print(f"check-speed: not built: {', '.join(ours + peers)}")
    # A peer that cannot be had here is left out; where no tool may be missing, it may not either.
    if ours or (peers and os.environ.get("CI") == "true"):
        return 1
    attempts, outcome = {}, {}
    for attempt in range(ATTEMPTS):
        ratios, machine, failures = measure(folder, plan, AGAIN if attempt else FIRST, seed + 100 * attempt)
        if failures:
            for failure in failures:
                print(f"FAILED: {failure}")
            return 1
        noisy = machine.verdict()
        for key, measured in ratios.items():
            value = excess(measured, committed.get(key[0], {}).get(key[1], {}))
            if value is None:
                print(f"{key[0]:5} {roster.PEERS[key[1]]:15} not compared: there is no peer")
            if value is None or outcome.get(key, "again") != "again":
                continue
            attempts.setdefault(key, []).append((value, bool(noisy)))
            outcome[key] = verdict(attempts[key], margin)
            words = {"again": "measured again", "failed": "FAILED"}.get(outcome[key], outcome[key])
            who = f"{key[0]:5} {roster.PEERS[key[1]]:15}"
            print(f"{who} {value:5.2f} times the committed ratio (limit {margin}): {words}")
        print(f"machine: {machine.words()}" + "".join(f"\n  noisy: {reason}" for reason in noisy), flush=True)
        again = {name for (name, _), its in outcome.items() if its == "again"}
        plan = {name: its for name, its in plan.items() if name in again}
        if not plan:
            break
    return say(outcome)


def say(outcome):
    failed = [key for key, its in outcome.items() if its == "failed"]
    undecided = [key for key, its in outcome.items() if its == "undecided"]
    if not outcome:
        print("check-speed: nothing was compared: the harnesses are not built")
        return 1
    for name, own in undecided:
        print(f"check-speed: {name}, {roster.PEERS[own]}: over the limit, on a machine that was too noisy to say so")
    for name, own in failed:
        print(f"check-speed: {name}, {roster.PEERS[own]}: slower beside its peers than limits.json allows, each time")
    if failed:
        return 1
    print("check-speed: passed" + (f", {len(undecided)} undecided" if undecided else ""))
    return 0


def update(folder, seed=1):
    """Writes the ratios as they are now; those of a few measurements, or a chance would be the limit."""
    ours, peers = not_built(folder, PLAN)
    if ours + peers:
        raise SystemExit(f"not built: {', '.join(ours + peers)}; the limits would be without them")
    gathered, noisy = {}, []
    for turn in range(ATTEMPTS):
        ratios, machine, failures = measure(folder, PLAN, FIRST, seed + 100 * turn)
        if failures:
            raise SystemExit("\n".join(failures))
        for key, measured in ratios.items():
            for peer, its in measured.items():
                if its:
                    gathered.setdefault(key, {}).setdefault(peer, []).extend(its)
        noisy += machine.verdict()
    for reason in noisy:
        print(f"noisy: {reason}")
    found = {}
    for (name, own), peers in gathered.items():
        found.setdefault(name, {})[own] = {peer: float(f"{statistics.median(its):.3g}") for peer, its in peers.items()}
    with open(LIMITS, "w", encoding="utf-8") as file:
        json.dump({"margin": 1.6, "measured_on_a_noisy_machine": bool(noisy), "ratios": found}, file, indent=1)
        file.write("\n")
    print(f"wrote {os.path.relpath(LIMITS)}")
    return 0
