# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Answers in pages."""


def pairs(answer):
    """The instances of an answer, as launchctl shows them."""
    assert answer.startswith("$"), answer
    strings = answer[1:].split("|")[:-1]
    return [" ".join(pair) for pair in zip(strings[::2], strings[1::2], strict=True)]


def a_list_of_any_length_is_whole(launcher):
    """In pages, of which the original's command knows the first alone."""
    launcher.add_class("t", CommandLine=r"C:\winspd\many.log run")
    launcher.add_class("U", CommandLine=r"C:\winspd\many.log run")
    names = [f"{name} {number}{'n' * 400}" for number in range(6) for name in "tU"]
    for name in reversed(names):
        launcher.says("OK\n", "start", *name.split(" "))
    names.sort(key=str.lower)
    assert launcher.ctl("list")[1].splitlines()[1:] == names
    long = launcher.ctl("list", "-l")[1].splitlines()[2:]
    assert [" ".join(line.split()[-2:]) for line in long] == names, long
    assert pairs(launcher.send("L")) == pairs(launcher.send("N||")) == names[:5]
    for behind, wanted in ((names[4], names[5:10]), (names[9].upper(), names[10:]),
                           ("t 0", names[:5]), (names[2] + "n", names[3:8]), (names[11], []),
                           ("u ", names[6:11])):
        found = pairs(launcher.send(f"N{behind.replace(' ', '|')}|"))
        assert found == wanted, (behind[:9], found)
    launcher.clear()


TESTS = [
    ("a list of any length is whole", a_list_of_any_length_is_whole),
]
