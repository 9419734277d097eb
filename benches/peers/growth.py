"""What a task costs when there are 1, 10, 100 and 1,000 times as many; and what a dial does."""

import os
import statistics

import roster
import runs

TASKS, NAMES = 10_000, 100  # times 1
SCALES = (1, 10, 100, 1000)
ROUNDS = {1: 11, 10: 7, 100: 3, 1000: 1}  # a small run is over soon, and a chance weighs more

# What a dial is seen in, and what the harness is told.
DIALLED = {"W1": ["300000"], "W2": ["300000"], "W5": ["500"], "W6": ["500"], "W8": ["1"]}


def growth(folder, scales=SCALES):
    """A line for each workload; the figure is per task, so a flat cost is the same in every column."""
    failed = 0
    print(f"per task, with {TASKS:,} tasks (and {NAMES} names where there are many) times")
    print(f"{'':6}{'':16}" + "".join(f"{scale:>10,}" for scale in scales) + "   last / 10 times")
    for name, by_names in (("W1", False), ("W1k", True), ("W2", False), ("W3x4", True), ("W9", False)):
        # Many names do not fit the caches, whoever runs them: a peer shows what that alone costs.
        for own in runs.available(folder, ["ours-name", "ours-handle"] + ["mutex"] * (name == "W1k")):
            if name == "W1" and own == "ours-handle":
                continue  # without a name there is no handle
            cells = []
            for scale in scales:
                arguments = [name, str(TASKS * scale)] + ([str(NAMES * scale)] if by_names else [])
                figures = []
                for turn in range(ROUNDS[scale]):
                    runs.progress(f"{name} {own} times {scale}, {turn + 1}")
                    try:
                        figures.append(runs.run(folder, own, arguments)["figure"])
                    except runs.Failed as why:
                        print(f"FAILED: {why}")
                        failed = 1
                        break
                cells.append(statistics.median(figures) if figures else None)
            runs.progress("")
            unit = roster.workload(name).unit
            flat = f"{cells[-1] / cells[1]:.2f}" if len(cells) > 2 and cells[-1] and cells[1] else "-"
            print(
                f"{name:6}{roster.PEERS[own]:16}"
                + "".join(f"{'-' if cell is None else format(cell, '10.1f'):>10}" for cell in cells)
                + f"   {flat} ({unit})",
                flush=True,
            )
    return failed


def dial(folder, text, rounds):
    """Each value of a key in turns: the costs that a dial trades, and the processors' time."""
    key, _, values = text.partition("=")
    values = values.split(",")
    if not key or not values[0]:
        raise SystemExit("--dial KEY=A,B,C")
    figures = {}
    for turn in range(rounds or 5):
        for workload, arguments in DIALLED.items():
            if workload == "W8" and turn:
                continue
            for value in values:
                runs.progress(f"round {turn + 1}: {workload} with {key}: {value}")
                try:
                    environment = {"TS_BENCH_KEY": key, "TS_BENCH_VALUE": value}
                    said = runs.run(folder, roster.REFERENCE, [workload, *arguments], environment)
                except runs.Failed as why:
                    raise SystemExit(f"{key}: {value}: {why}") from None
                its = figures.setdefault((workload, value), {"figure": [], "processors_us": []})
                its["figure"].append(said["figure"])
                its["processors_us"].append(said["processors_s"] * 1e6 / int(arguments[0]))
    runs.progress("")
    print(f"{'':12}" + "".join(f"{key + ' ' + value:>28}" for value in values))
    for workload in DIALLED:
        cells = []
        for value in values:
            its = figures[workload, value]
            if workload == "W8":
                cells.append(f"{its['figure'][0]:.0f}")
                continue
            used = f"{statistics.median(its['processors_us']):.3g} us cpu each"
            cells.append(f"{statistics.median(its['figure']):.4g}, {used}")
        print(f"{workload + ', ' + roster.workload(workload).unit:12}" + "".join(f"{cell:>28}" for cell in cells))
    print(f"({os.cpu_count()} processors; medians of {rounds or 5} rounds in turns; cpu: of the whole process)")
    return 0
