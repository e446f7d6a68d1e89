# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The measurements of the Windows driver, as text of at most 80 columns."""

import textwrap

from report import mark


def plural(clients):
    return f"{clients} client{'s' if clients > 1 else ''}"


def name(row):
    return f"{row['size'] >> 10}K".ljust(5) + f"{row['kind']:6}{plural(row['clients'])}"


def floor_lines(floors):
    clients = list(floors[0]["rates"])
    yield f"{'Calls that the driver completes at once':44}" + "".join(
        f"{plural(count):>11}" for count in clients)
    for floor in floors:
        what = "empty: succeeds, nothing comes back"
        if floor["kind"] == "answered":
            what = "answered: something comes back"
            if floor["size"] > floors[1]["size"]:
                what += f", {floor['size'] >> 10}K go out"
        yield f"{what:44}" + "".join(f"{floor['rates'][count]:>11.0f}" for count in clients)


WAYS = {"bare": "Bare exchanges", "srb": "Exchanges with SRBs", "gathered": "Commands kept back"}


def bound_lines(bounds):
    """The same exchanges without a driver's work, which no driver exceeds; and commands."""
    counts = list(bounds[0]["of_answered"])
    for way, what in WAYS.items():
        yield (f"{what + ', requests with a call:':42}"
               + "".join(f"{count:>9}" for count in counts))
        for bound in bounds:
            if bound["way"] == way:
                yield f"{name(bound):42}" + "".join(
                    f"{bound['of_answered'][count]:>9.2f}" for count in counts)


def bound_of(row, bounds):
    """The share of commands whose calls wait for all clients, and the requests with such a call."""
    for bound in bounds:
        if bound["way"] == "gathered" and (bound["kind"], bound["size"]) == (
                row["kind"], row["size"]):
            most = max(bound["of_answered"])
            calls, requests = bound["brought"][most]
            return bound["of_answered"][most], requests / calls
    raise KeyError(row)


def line(row, bounds):
    target = ""
    if row["need"] is not None:
        target = f"{mark(row['ok']):>8}{row['need']:>6.2f}{bound_of(row, bounds)[0]:>6.2f}"
    return (f"{name(row):20}{row['threads']:>3}{row['rate']:>7.0f}{row['direct']:>7.0f}"
            f"{row['per_call']:>6.2f}{row['together']:>5.2f}"
            f"{row['of_empty']:>6.2f}{row['of_answered']:>6.2f}{target}")


def span(rows, column):
    low, high = (f"{edge(row[column] for row in rows):.2f}" for edge in (min, max))
    return low if low == high else f"{low} to {high}"


def best_bound(bounds, way, size):
    return max(share for bound in bounds if bound["size"] == size and bound["way"] == way
               for share in bound["of_answered"].values())


def gathering(rows, bounds):
    """Whether more requests with each call would reach a target."""
    found = [bound_of(row, bounds) for row in rows]
    best, per_call = max(found)
    out = "are out of reach" if best < rows[0]["need"] else "could reach the target"
    return f"""Where calls wait for all clients, they {out}: {best:.2f} at best, with {per_call:.1f}
        requests a call."""


def verdict(rows, bounds):
    """The targets are for what is like a command's trips; the least call is there as well."""
    aimed = [row for row in rows if row["need"] is not None]
    missed = [f"{name(row)}, {row['threads']} threads" for row in aimed if not row["ok"]]
    text = f"MISSED {len(missed)}: {'; '.join(missed)}." if missed else "Every target is met."
    for size in sorted({row["size"] for row in aimed}):
        some = [row for row in aimed if row["size"] == size]
        text += f""" Bare exchanges of {size >> 10}K reach {best_bound(bounds, "bare", size):.2f} of
            answered calls at best, with SRBs {best_bound(bounds, "srb", size):.2f}.
            Commands of {size >> 10}K with a target reach
            {span(some, "of_answered")} of answered calls, and {span(some, "of_empty")} of empty
            ones. {gathering(some, bounds)}"""
    return " ".join(text.split())


def text(results):
    machine = results["machine"]
    lines = ["The Windows driver under Wine: calls per second of CPU, more is better", "",
             *floor_lines(results["floors"]), "", *bound_lines(results["bounds"]), "",
             f"{'SCSI pass-through':20}{'thr':>3}{'rate':>7}{'direct':>7}{'/call':>6}{'tog.':>5}"
             f"{'empty':>6}{'answ.':>6}{'':>8}{'need':>6}{'bound':>6}"]
    lines += (line(row, results["bounds"]) for row in results["rows"])
    about = f"""thr: threads of the disk's dispatcher. /call: requests that a call of the disk
        brought, of those that brought any. tog.: the share of requests that came together.
        direct: the rate when the data are in the
        caller's memory (_DIRECT), into which the StorPort double reaches by calls of Wine's. empty,
        answ.: the rate's share of those calls; a command takes two trips, the client's and the
        disk's,
        and something comes back from both. Bare exchanges: the same two trips, for as many
        requests with a call, of a port driver that does nothing but bring them to a server, as a
        share of answered calls; 4 wait for all clients. With SRBs: it makes one of each request,
        and copies its data into that and out again, as commands must. Kept back: commands, while
        the double keeps the disk's calls back until so many wait. need: of answered calls.
        bound: of them, what commands reach whose calls wait for all clients. Median of
        {results['rounds']} rounds of {results['seconds']} s a point, all on CPU
        {machine['cpu']}, at a load of {results['load']:.1f}."""
    where = f"{machine['model']}, Linux {machine['kernel']}, {results['wine']}"
    lines += ["", *textwrap.wrap(" ".join(about.split()), 80), *textwrap.wrap(where, 80)]
    lines += ["", *textwrap.wrap(verdict(results["rows"], results["bounds"]), 80)]
    return "\n".join(lines) + "\n"
