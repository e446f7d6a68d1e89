# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The results as text of at most 80 columns."""

import os
import platform
import re
import textwrap
from pathlib import Path

COLUMNS = ("tgtd", "rawdisk", "memdisk")  # of processes


def number(value):
    """Three digits that matter."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def mark(good):
    return "-" if good is None else "ok" if good else "MISSED"


def machine(cpu):
    """The machine of the measurements."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {"model": model.group(1).strip() if model else platform.machine(), "cpu": cpu,
            "cpus": os.cpu_count(), "kernel": platform.release()}


def cost_table(results):
    lines = ["Server CPU per I/O, in microseconds: less is better", "",
             f"{'':25}{'tgtd':>9}{'rawdisk':>9}{'memdisk':>9}{'floor':>8}"
             f"{'tgtd/rawdisk':>14}{'need':>6}"]
    for row in results["rows"]:
        cost = {name: column["server_cpu_us"] for name, column in row["columns"].items()}
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.1f}x"
        lines.append(
            f"{row['name']:25}{number(cost.get('tgtd')):>9}{number(cost.get('rawdisk')):>9}"
            f"{number(cost.get('memdisk')):>9}{number(cost.get('floor')):>8}"
            f"{ratio:>9} {mark(row['ok']):<6}{row['need']:>3}x")
    return lines


def rate_table(results):
    lines = ["", "I/Os per second, client and server sharing one CPU", "",
             f"{'':25}{'tgtd':>9}{'rawdisk':>9}{'memdisk':>9}{'floor':>9}"]
    for row in results["rows"]:
        cells = (row["columns"].get(name) for name in ("tgtd", "rawdisk", "memdisk", "floor"))
        lines.append(f"{row['name']:25}" + "".join(
            f"{'-':>9}" if cell is None else f"{cell['iops']:>9.0f}" for cell in cells))
    return lines


def memory_table(results):
    columns = results["memory"]
    if not columns:
        return []
    lines = ["", "Resident memory in KiB: less is better", "",
             f"{'':25}" + "".join(f"{name:>9}" for name in COLUMNS)]
    for row in next(iter(columns.values())):
        cells = (columns[name][row] / 1024 if name in columns else None for name in COLUMNS)
        lines.append(f"{row:25}" + "".join(f"{number(cell):>9}" for cell in cells))
    return lines


def other_table(results):
    lines = [""]
    for check in results["checks"]:
        digits = 1 if isinstance(check["value"], float) else 0
        value = f"{check['value']:.{digits}f} {check['unit']}"
        lines.append(f"{check['name']:38}{value:>17}  {mark(check['ok']):<6}"
                     f"{check['limit']:>5} at most")
    return lines if len(lines) > 1 else []


def text(results):
    machine = results["machine"]
    lines = cost_table(results) + rate_table(results) + memory_table(results)
    lines += other_table(results)
    lines += ["", f"Median of {results['runs']} interleaved runs of {results['seconds']} s, all on"
              f" CPU {machine['cpu']}, {results['size'] >> 20} MiB in RAM. floor: the",
              "same bytes over loopback TCP without iSCSI or a disk.",
              f"{machine['model']}, Linux {machine['kernel']}"]
    missed = [row["name"] for row in results["rows"] if row["ok"] is False]
    missed += [check["name"] for check in results["checks"] if check["ok"] is False]
    if missed:
        verdict = f"MISSED {len(missed)}: " + "; ".join(" ".join(name.split()) for name in missed)
    elif any(row["ok"] is None for row in results["rows"]):
        verdict = "Nothing was compared: that takes both tgtd and rawdisk."
    else:
        verdict = "Every target is met."
    lines += ["", *textwrap.wrap(verdict, 80)]
    return "\n".join(lines) + "\n"


def neighbour_text(rows, limit, seconds):
    """The results of bench/neighbour/run."""
    lines = ["Milliseconds for one honest write beside another initiator: less is better", "",
             f"{'block':>6}  {'beside':14}{'writes':>8}{'refused':>9}"
             f"{'p50':>9}{'p99':>9}{'max':>9}"]
    for row in rows:
        lines.append(f"{row['block']:>6}  {row['storm']:14}{row['count']:>8}{row['refused']:>9}"
                     f"{row['p50_ms']:>9.2f}{row['p99_ms']:>9.2f}{row['max_ms']:>9.2f}"
                     f"  {mark(row['ok'])}")
    missed = [f"{row['storm']} at {row['block']}" for row in rows if not row["ok"]]
    verdict = f"MISSED {len(missed)}: " + "; ".join(missed) if missed else "Every target is met."
    lines += ["", f"Need: p99 under {limit} ms, none refused; runs of {seconds} s.",
              *textwrap.wrap(verdict, 80)]
    return "\n".join(lines) + "\n"


def loops_text(results):
    """The results of bench/loops/run."""
    lines = ["4 sessions of 4K qd32 on one loop of the door and on two", "",
             f"{'':8}{'I/Os per second':>20}{'':8}{'server us per I/O':>20}{'':8}{'first':>6}",
             f"{'':8}{'one':>10}{'two':>10}{'':8}{'one':>10}{'two':>10}{'':8}{'loop':>6}"]
    for row in results["rows"]:
        lines.append(
            f"{row['rw']:8}{row[1]['rate']:>10.0f}{row[2]['rate']:>10.0f}{row['faster']:>7.2f}x"
            f"{row[1]['cost']:>10.2f}{row[2]['cost']:>10.2f}{row['dearer']:>7.2f}x"
            f"{row['share'] * 100:>5.0f}%  {mark(row['ok'])}")
    missed = [row["rw"] for row in results["rows"] if not row["ok"]]
    verdict = f"MISSED {len(missed)}: " + "; ".join(missed) if missed else "Every target is met."
    lines += ["", *textwrap.wrap(f"Need, with {results['cpus']} CPUs: {results['need']}.", 80),
              f"Median of {results['repeats']} runs of {results['seconds']} s, on all CPUs.",
              f"{results['machine']['model']}, Linux {results['machine']['kernel']}", "",
              *textwrap.wrap(verdict, 80)]
    return "\n".join(lines) + "\n"
