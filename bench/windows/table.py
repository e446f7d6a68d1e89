# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""What was measured of the Windows driver, as text of at most 80 columns."""

import textwrap

from report import mark


def name(row):
    clients = f"{row['clients']} client{'s' if row['clients'] > 1 else ''}"
    return f"{row['size'] >> 10}K".ljust(5) + f"{row['kind']:6}{clients}"


def line(row):
    target = "" if row["need"] is None else f"{mark(row['ok']):>9}{row['need']:>7.2f}"
    return (f"{name(row):22}{row['threads']:>8}{row['rate']:>10.0f}{row['floor']:>10.0f}"
            f"{row['share']:>8.2f}{target}")


def text(results):
    machine = results["machine"]
    lines = ["The Windows driver under Wine: commands per second, more is better", "",
             f"{'':22}{'threads':>8}{'rate':>10}{'floor':>10}{'share':>8}{'':9}{'need':>7}"]
    lines += map(line, results["rows"])
    refused = ", ".join(f"{rate:.0f} with {clients}"
                        for clients, rate in results["refused"].items())
    about = f"""threads: of the disk's dispatcher. floor: an IOCTL that the driver answers at once
        with four bytes; for 64K it carries as much. A command takes two trips, the client's and the
        disk's. A call that is refused, and brings nothing back, is cheaper: {refused} clients.
        Median of {results['rounds']} rounds of {results['seconds']} s a point, all on CPU
        {machine['cpu']}."""
    lines += ["", *textwrap.wrap(" ".join(about.split()), 80),
              f"{machine['model']}, Linux {machine['kernel']}, {results['wine']}"]
    missed = [f"{name(row)}, {row['threads']} threads" for row in results["rows"]
              if row["ok"] is False]
    verdict = "Every target is met."
    if missed:
        verdict = f"MISSED {len(missed)}: " + "; ".join(" ".join(item.split()) for item in missed)
    return "\n".join(lines + ["", *textwrap.wrap(verdict, 80)]) + "\n"
