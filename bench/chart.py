# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The results as a bar chart (SVG)."""

from html import escape

from report import number

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 860, 150, 90, 104, 58
BAR, GAP, GROUP_GAP = 13, 2, 16
TEXT = 6.6  # about as wide as a letter
COLOURS = {"tgtd": "#a8b0bd", "rawdisk": "#1d4ed8", "memdisk": "#60a5fa", "floor": "#d6dae1"}
NAMES = {"tgtd": "tgtd", "rawdisk": "rawdisk (file)", "memdisk": "memdisk (RAM)",
         "floor": "TCP alone"}
INK, QUIET, TARGET = "#1f2937", "#6b7280", "#b91c1c"


def label(x, y, content, size=12, colour=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>')


def legend(columns):
    parts, x = [], LEFT
    for name in columns:
        parts.append(f'<rect x="{x}" y="66" width="12" height="12" rx="2" fill="{COLOURS[name]}"/>')
        parts.append(label(x + 18, 76.5, NAMES[name]))
        x += 40 + TEXT * len(NAMES[name])
    parts.append(f'<line x1="{x + 6}" x2="{x + 6}" y1="64" y2="80" stroke="{TARGET}" '
                 'stroke-width="2" stroke-dasharray="3 2"/>')
    parts.append(label(x + 15, 76.5, "target for rawdisk"))
    return parts


def group(row, columns, y, scale):
    height = len(columns) * (BAR + GAP) - GAP
    parts = [label(LEFT - 12, y + height / 2 + 4, " ".join(row["name"].split()), anchor="end",
                   weight="600")]
    whole = row["columns"]["tgtd"]["server_cpu_us"]
    for index, name in enumerate(columns):
        top = y + index * (BAR + GAP)
        cost = row["columns"][name]["server_cpu_us"]
        width = min(max(cost / whole * scale, 1), scale + RIGHT - 60)
        parts.append(f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" rx="2" '
                     f'fill="{COLOURS[name]}"/>')
        value = number(cost) + " \u00b5s"
        ratio = whole / cost
        if name == "rawdisk":
            value += f"  \u00b7  {ratio:.1f}\u00d7 less"
        # Beside the target's line, not under it.
        x = LEFT + width + 6
        line = LEFT + scale / row["need"]
        if x - 4 < line < x + TEXT * len(value):
            x = line + 6
        colour = QUIET
        if name == "rawdisk":
            colour = INK if row["ok"] else TARGET
            value += "" if row["ok"] else ": missed"
        parts.append(label(x, top + BAR - 2.5, value, 11, colour,
                           weight="600" if name == "rawdisk" else "normal"))
    x = LEFT + scale / row["need"]
    first = columns.index("rawdisk") if "rawdisk" in columns else 0
    parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + first * (BAR + GAP) - 2}" '
                 f'y2="{y + height + 3}" stroke="{TARGET}" stroke-width="1.5" '
                 'stroke-dasharray="3 2"/>')
    return parts


def svg(results):
    """None when there is nothing to compare with."""
    rows = results["rows"]
    columns = [name for name in COLOURS if all(name in row["columns"] for row in rows)]
    if "tgtd" not in columns:
        return None
    step = len(columns) * (BAR + GAP) + GROUP_GAP
    bottom = TOP + len(rows) * step
    height = bottom + BOTTOM
    scale = WIDTH - LEFT - RIGHT
    machine = results["machine"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        label(24, 32, "What one I/O over iSCSI costs the server", 18, weight="700"),
        label(24, 52, "CPU time of the server process per I/O, relative to tgtd; "
              "shorter is better", 12, QUIET),
    ] + legend(columns)
    for percent in range(0, 101, 25):
        x = LEFT + scale * percent / 100
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{bottom - 6}" '
                     'stroke="#e5e7eb"/>')
        parts.append(label(x, bottom + 10, f"{percent}%", 11, QUIET, "middle"))
    for index, row in enumerate(rows):
        parts += group(row, columns, TOP + index * step, scale)
    parts.append(label(24, height - 16, f"Median of {results['runs']} interleaved runs, client and "
                       f"server on one CPU, data in RAM. {machine['model']}, "
                       f"Linux {machine['kernel']}.", 10.5, QUIET))
    return "\n".join(parts + ["</svg>"]) + "\n"
