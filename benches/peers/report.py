"""The table, the JSON, and the block of the page."""

import json
import re
import subprocess

from roster import PACKAGES, PEERS, REFERENCE, WORKLOADS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def number(value):
    """Three digits, without an exponent."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def package_versions():
    versions = {}
    for peer, package in PACKAGES.items():
        asked = subprocess.run(
            ["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False
        ) if _exists("dpkg-query") else None
        if asked and asked.returncode == 0:
            versions[peer] = f"{package} {asked.stdout}"
    return versions


def _exists(command):
    from shutil import which

    return which(command) is not None


def summaries(series, workloads, peers):
    return {
        workload.name: {
            peer: its for peer in peers if (its := series.summary(workload.name, peer, REFERENCE)) is not None
        }
        for workload in workloads
    }


def print_table(series, workloads, peers, quick=False):
    if quick:
        print("quick form: fewer tasks than said")
    print(f"{'':30} {'median':>9} {'min':>9} {'max':>9}  {'of ours':>8}")
    for workload in workloads:
        print(f"{workload.name}: {workload.title}, {workload.unit}")
        lines, dashes = [], []
        for peer in peers:
            its = series.summary(workload.name, peer, REFERENCE)
            if its is None:
                why = series.dashes.get(workload.name, {}).get(peer, "it failed")
                dashes.append(f"  {PEERS[peer]:28} {'-':>9}  {why}")
                continue
            lines.append((its["median"], peer, its))
        lines.sort(reverse=workload.more_is_better, key=lambda line: line[0])
        for _, peer, its in lines:
            ratio = "" if its["ratio"] is None else f"{its['ratio']:.2f}"
            more = extra(series.more.get(workload.name, {}).get(peer, []))
            print(
                f"  {PEERS[peer]:28} {number(its['median']):>9} {number(its['min']):>9} {number(its['max']):>9}"
                f"  {ratio:>8}  {more}".rstrip()
            )
        for line in dashes:
            print(line)


def extra(said):
    """What else the harness measured: the median of each."""
    keys = {key for one in said for key, value in one.items() if isinstance(value, (int, float))} - {"processors_s"}
    words = []
    for key in sorted(keys):
        values = sorted(one[key] for one in said if key in one)
        words.append(f"{key.replace('_', ' ')} {number(values[len(values) // 2])}")
    return ", ".join(words)


def write_json(path, series, workloads, peers, machine, options):
    everything = {
        "seed": options.seed,
        "quick": options.quick,
        "machine": machine.facts(),
        "versions": {**series.versions, **package_versions()},
        "workloads": {one.name: {"title": one.title, "unit": one.unit} for one in workloads},
        "summary": summaries(series, workloads, peers),
        "dashes": series.dashes,
        "failures": series.failures,
        "rounds": series.figures,
        "more": series.more,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(everything, file, indent=1)
        file.write("\n")
    return everything


def markdown(data):
    """The block of docs/benchmarks.md: a row for each peer, the ratio to ours in each cell."""
    names = [one.name for one in WORKLOADS if one.name in data["summary"]]
    lines = []
    noisy = data["machine"]["noisy"]
    lines.append(
        f"Medians, and in brackets the ratio to ours by name. {data['machine']['processors']} processors, "
        f"{data['machine']['model']}. "
        + ("The machine was too noisy to quote this: " + "; ".join(noisy) + "." if noisy else "The machine was quiet.")
    )
    lines.append("")
    lines.append("| | " + " | ".join(f"{name}, {data['workloads'][name]['unit']}" for name in names) + " |")
    lines.append("|---" * (len(names) + 1) + "|")
    peers = [peer for peer in PEERS if any(peer in data["summary"][name] for name in names)]
    for peer in peers:
        cells = []
        for name in names:
            its = data["summary"][name].get(peer)
            if its is None:
                cells.append("–")
            elif its["ratio"] is None or peer == REFERENCE:
                cells.append(number(its["median"]))
            else:
                cells.append(f"{number(its['median'])} ({its['ratio']:.2f})")
        lines.append(f"| {PEERS[peer]} | " + " | ".join(cells) + " |")
    lines.append("")
    reasons = {}
    for name in names:
        for peer, why in data["dashes"].get(name, {}).items():
            reasons.setdefault((peer, why), []).append(name)
    for (peer, why), where in reasons.items():
        lines.append(f"- {PEERS[peer]}, {', '.join(where)}: {why}.")
    versions = ", ".join(f"{PEERS[peer]} {version}" for peer, version in data["versions"].items() if version != "-")
    lines += ["", f"Versions: {versions}."]
    return "\n".join(lines)


def update_docs(path, block):
    """Puts the block between its two marks; what stands around them is left alone."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise SystemExit(f"{path}: there is no block between {BEGIN} and {END}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(pattern.sub(lambda _: f"{BEGIN}\n{block}\n{END}", text))
