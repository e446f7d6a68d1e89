# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Clients that do wrong take nothing from others."""

MANY = "48"  # more than there are pipes


def others_are_served(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\others.log run")
    for name in "abc":
        launcher.says("OK\n", "start", "t", name)
        launcher.says("OK\n", "stop", "t", name)
    launcher.wait_for_list()


def silent_clients_block_nobody(launcher):
    with launcher.client("silent", MANY):
        others_are_served(launcher)


def clients_that_do_not_read_block_nobody(launcher):
    with launcher.client("deaf", MANY):
        others_are_served(launcher)


def clients_that_write_without_end_block_nobody(launcher):
    with launcher.client("flood", "1"), launcher.client("flood", "1000"):
        others_are_served(launcher)


def a_client_that_hides_is_refused(launcher):
    """Wine has no anonymous clients: there it is served as any other."""
    assert launcher.send("L", "anonymous") in ("!5|", "$")


def a_client_that_dies_leaves_nothing(launcher):
    for _ in range(3):
        with launcher.client("silent", "20"):
            pass
    others_are_served(launcher)


TESTS = [
    ("silent clients block nobody", silent_clients_block_nobody),
    ("clients that do not read block nobody", clients_that_do_not_read_block_nobody),
    ("clients that write without end block nobody", clients_that_write_without_end_block_nobody),
    ("a client that hides who it is is answered", a_client_that_hides_is_refused),
    ("a client that dies leaves nothing", a_client_that_dies_leaves_nothing),
]
