# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""What launchctl prints, and what goes through the pipe, are the original's."""

import re

USAGE = 87


def an_instance_lives(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\one.log run %1 %2")
    launcher.says("OK\n", "start", "t", "one", "a b")
    launcher.says("KO launcher: error 183\n", "start", "T", "ONE")
    launcher.says("OK\nt one\n", "list")
    launcher.says('OK\nt one\n"C:\\winspd\\server-x64.exe" C:\\winspd\\one.log run "a b" ""\n',
                  "info", "t", "one")
    launcher.says("OK\n", "stop", "T", "One")
    launcher.wait_for_list()
    launcher.says("OK\n", "list")


def refusals_are_told(launcher):
    launcher.add_class("t")
    launcher.add_class("empty", Executable=None)
    launcher.add_class("gone", Executable=r"C:\winspd\gone.exe")
    for error, *words in ((2, "start", "none", "x"), (2, "start", "empty", "x"),
                          (2, "start", r"t\Instances", "x"), (2, "start", "gone", "x"),
                          (2, "stop", "t", "x"), (2, "stopForced", "t", "x"),
                          (2, "info", "t", "x"), (87, "start", ".pid.", "1"), (87, "quit"),
                          (2, "info", ".pid.", "4294967295"), (2, "stop", ".pid.", "x")):
        launcher.says(f"KO launcher: error {error}\n", *words)
        launcher.says(f"KO launcher: error {error}\n", "--strict-exit", *words, status=error)


def a_wrong_command_line_is_explained(launcher):
    for words in ([], ["begin"], ["start", "t"], ["stop", "t"], ["list", "x"],
                  ["info", "t", "x", "y"], ["start", "t", "x", *"1234567890"], ["--strict-exit"],
                  ["quit", "x"]):
        status, output, errors = launcher.ctl(*words)
        assert status == USAGE and not output and errors.startswith("usage: launchctl"), words
    status, output, errors = launcher.ctl("--help")
    assert status == 0 and output.startswith("usage: launchctl") and not errors, output


def messages_are_the_originals(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\raw.log run %1")
    line = r'"C:\winspd\server-x64.exe" C:\winspd\raw.log run "a"'
    for text, answer in (("St|raw|a|", "$"), ("L", "$t|raw|"), ("It|raw|", f"$t|raw|{line}|"),
                         ("St|raw|", "!183|"), ("Tt|raw|", "$"), ("Tt|none|", "!2|"),
                         ("St|raw", "!87|"), ("St|", "!87|"), ("S", "!87|"), ("", "!87|"),
                         ("X", "!87|"), ("Q", "!87|"), ("N|", "!87|"), ("St|raw|cut", "!87|")):
        found = launcher.send(text)
        assert found == answer, f"{text}: {found} instead of {answer}"
        if text == "Tt|raw|":
            launcher.wait_for_list()


def messages_of_any_size_are_answered(launcher):
    for size in (1, 3, 4095, 4096, 4097):
        assert launcher.send(str(size), "bytes") == "!87|", size
    # The system takes no more than a part of it before it is read: the client is cut off.
    assert "no answer" in launcher.send("65536", "bytes")
    assert launcher.send("L") == "$"


def a_name_is_one_line(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\line.log run")
    for name in ("a\nb", "\r", "a\x1b[2J", "\x7f"):
        found = launcher.send(f"St|{name}|")
        assert found == "!87|", f"{name!r}: {found}"
    assert launcher.list() == []


def an_instance_is_found_by_its_process(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\pid.log run")
    launcher.says("OK\n", "start", "t", "x")
    view = launcher.send("Vt|x|")
    process = int(re.search(r"\|pid=(\d+)\|", view)[1])
    for number in (process, hex(process), f"0{process:o}"):
        status, output, _ = launcher.ctl("info", ".pid.", str(number))
        assert status == 0 and output.startswith("OK\nt x\n"), output
    assert launcher.send(f"V.pid.|{process}|").startswith("$t|x|pid="), "view by process"
    launcher.says("OK\n", "stop", ".pid.", str(process))
    launcher.wait_for_list()


def a_long_list_tells_more(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\long.log run")
    launcher.says("OK\n", "start", "t", "some name")
    status, output, errors = launcher.ctl("list", "-l")
    assert status == 0 and not errors, errors
    assert re.fullmatch(r"OK\n +PID +UPTIME +RESTARTS +DISK  CLASS INSTANCE\n"
                        r" +\d+ +00:00:\d\d +0 +-  t some name\n", output), output


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


def a_command_line_that_does_not_fit_is_an_error(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\fit.log run %1 %1")
    launcher.says("OK\n", "start", "t", "x", "y" * 1500)
    launcher.says("KO launcher: error 122\n", "info", "t", "x")


def arguments_arrive_as_they_were(launcher):
    words = ["a b", "back\\", 'say "yes"', '\\"', "", "%1", "100%", "\u00e4\u6f22"]
    launcher.add_class("t", CommandLine=r"C:\winspd\words.log run %1 %2 %3 %4 %5 %6 %7 %8 end%")
    launcher.says("OK\n", "start", "t", "words", *words)
    launcher.wait_for_log("words", "ready")
    lines = launcher.log_of("words")
    assert lines[1:4] == [r"C:\winspd\server-x64.exe", r"C:\winspd\words.log", "run"], lines
    assert lines[4:-2] == [*words, "end%"], lines


def without_a_launcher_there_is_an_error(launcher):
    launcher.control("stop")
    try:
        found = launcher.ctl("list")
        assert found == (2, "", "KO CallNamedPipe = 2"), found
        for owner, answer, wanted in (
                ("SY", "!87|", (0, "OK\nc i\n", "")),
                ("BA", "!87|", (5, "", "KO CallNamedPipe = 5"))):
            with launcher.client("answer", owner, answer, says="serving"):
                found = launcher.ctl("list")
                assert found == wanted, f"{owner}: {found}"
        for answer, wanted in (("?", "corrupted buffer"), ("", "empty buffer"),
                               ("!87|", "it is older than this program and has no list -l")):
            with launcher.client("answer", "SY", answer, says="serving"):
                words = ["list", "-l"] if answer == "!87|" else ["info", "c", "i"]
                status, _, errors = launcher.ctl(*words)
                assert (status, errors) == (0, f"KO launcher: {wanted}"), (answer, status, errors)
    finally:
        launcher.control("start")


TESTS = [
    ("an instance is started, shown and stopped", an_instance_lives),
    ("refusals are told, and are the exit status when asked for", refusals_are_told),
    ("a wrong command line is explained", a_wrong_command_line_is_explained),
    ("messages are the original's", messages_are_the_originals),
    ("messages of any size are answered", messages_of_any_size_are_answered),
    ("a name is one line of a log", a_name_is_one_line),
    ("an instance is found by its process", an_instance_is_found_by_its_process),
    ("a long list tells more", a_long_list_tells_more),
    ("a list of any length is whole", a_list_of_any_length_is_whole),
    ("a command line that does not fit is an error", a_command_line_that_does_not_fit_is_an_error),
    ("arguments arrive as they were", arguments_arrive_as_they_were),
    ("without a launcher, or with another one, there is an error",
     without_a_launcher_there_is_an_error),
]
