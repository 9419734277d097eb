"""A plot as SVG, written by hand: a panel for each workload, a line for each peer, a logarithmic axis."""

import math
import textwrap
from html import escape

from report import number
from roster import PEERS, WORKLOADS

WIDTH, LABELS, ROW, HEAD, FOOT, GAP = 560, 150, 18, 34, 26, 24
OURS, THEIRS, GREY = "#b3261e", "#30527a", "#8a8f98"


def ticks(low, high):
    """1, 2 and 5 times powers of ten from low to high; fewer where they would be many."""
    steps = (1, 2, 5) if math.log10(high / low) < 2 else (1,)
    found = []
    for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1):
        found += [step * 10.0**power for step in steps if low <= step * 10.0**power <= high]
    return found


def panel(workload, its, x, y):
    """One workload's lines, the best on top, and its height."""
    shown = sorted(
        ((peer, figures) for peer, figures in its.items()),
        key=lambda one: one[1]["median"],
        reverse=workload.more_is_better,
    )
    title = f"{workload.name}: {escape(workload.title)}, {workload.unit}"
    out = [f'<text x="{x}" y="{y + 14}" class="title">{title}</text>']
    positive = [v for _, f in shown for v in (f["min"], f["max"]) if v > 0]
    height = HEAD + ROW * len(shown) + FOOT
    low, high = (min(positive) / 1.15, max(positive) * 1.15) if positive else (1, 10)
    if high / low < 4:
        low, high = low / 1.4, high * 1.4
    left, width = x + LABELS, WIDTH - LABELS - 60

    def at(value):
        return left + width * math.log(max(value, low) / low) / math.log(high / low)

    bottom = y + HEAD + ROW * len(shown)
    for tick in ticks(low, high):
        out.append(f'<line x1="{at(tick):.1f}" y1="{y + HEAD - 8}" x2="{at(tick):.1f}" y2="{bottom}" class="grid"/>')
        out.append(f'<text x="{at(tick):.1f}" y="{bottom + 13}" class="tick">{number(tick)}</text>')
    for row, (peer, figures) in enumerate(shown):
        middle = y + HEAD + ROW * row + ROW / 2 - 4
        colour = OURS if peer.startswith("ours") or peer == "go-ours" else GREY if peer == "futex" else THEIRS
        out.append(f'<text x="{left - 8}" y="{middle + 4}" class="peer" fill="{colour}">{escape(PEERS[peer])}</text>')
        if figures["median"] <= 0:
            out.append(f'<text x="{left}" y="{middle + 4}" class="figure" fill="{colour}">0</text>')
            continue
        out.append(
            f'<line x1="{at(figures["min"]):.1f}" y1="{middle}" x2="{at(figures["max"]):.1f}" y2="{middle}" '
            f'stroke="{colour}" stroke-width="2" stroke-opacity="0.45"/>'
        )
        out.append(f'<circle cx="{at(figures["median"]):.1f}" cy="{middle}" r="4" fill="{colour}"/>')
        out.append(
            f'<text x="{at(figures["max"]) + 8:.1f}" y="{middle + 4}" class="figure" fill="{colour}">'
            f'{number(figures["median"])}</text>'
        )
    return out, height


def svg(data):
    columns = [20, 20 + WIDTH + GAP]
    heights = [96, 96]
    body = []
    for workload in WORKLOADS:
        its = data["summary"].get(workload.name)
        if not its:
            continue
        column = heights.index(min(heights))
        lines, height = panel(workload, its, columns[column], heights[column])
        body += lines
        heights[column] += height + GAP
    noisy = data["machine"]["noisy"]
    below = "The machine was too noisy to quote this: " + "; ".join(noisy) if noisy else "The machine was quiet."
    if data.get("quick"):
        below = "Quick form, with fewer tasks than said. " + below
    width, height = columns[1] + WIDTH + 20, max(heights) + 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}">',
            "<style>text{font-family:sans-serif;font-size:12px}.title{font-weight:bold}.head{font-size:18px;"
            "font-weight:bold}.peer{text-anchor:end}.tick{text-anchor:middle;fill:#666;font-size:11px}"
            ".grid{stroke:#e2e4e8;stroke-width:1}.figure{font-size:11px}</style>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
            '<text x="20" y="30" class="head">task_scheduling beside its peers</text>',
            '<text x="20" y="50">Dots are medians, lines reach from the least to the most; the axes are logarithmic, '
            'and left is better but in W4.</text>',
            *(
                f'<text x="20" y="{67 + 14 * at}" class="figure">{escape(line)}</text>'
                for at, line in enumerate(textwrap.wrap(below, 190)[:2])
            ),
            *body,
            "</svg>",
            "",
        ]
    )
