# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""How servers begin, end and come again, also when several things happen at once."""

import re
from concurrent.futures import ThreadPoolExecutor

CRASHES = {"Restart": 1, "RestartDelay": 1}


def view(launcher, name):
    found = re.fullmatch(rf"\$t\|{name}\|pid=(\d+)\|uptime=\d+\|restarts=(\d+)\|.*",
                         launcher.send(f"Vt|{name}|"))
    return (int(found[1]), int(found[2])) if found else None


def persistent_instances_come_again(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\again.log run %1 %2", Persistent=1)
    launcher.add_class("u", CommandLine=r"C:\winspd\again.log run")
    names = ["bare", "one argument", r"C:\a\b.img"]
    launcher.says("OK\n", "start", "t", names[0])
    launcher.says("OK\n", "start", "t", names[1], "", "a b")
    launcher.says("OK\n", "start", "t", names[2], names[2])
    launcher.says("OK\n", "start", "t", "stopped")
    launcher.says("OK\n", "start", "u", "not stored")
    launcher.says("OK\n", "stop", "t", "stopped")
    assert sorted(launcher.stored("t")) == sorted(names), launcher.stored("t")
    lines = {name: launcher.ctl("info", "t", name) for name in names}
    launcher.control("stop")
    assert sorted(launcher.stored("t")) == sorted(names), "a stop of the service forgets"
    launcher.machine.restart()
    launcher.control("start")
    launcher.wait_for_list(*(f"t {name}" for name in names))
    assert lines == {name: launcher.ctl("info", "t", name) for name in names}
    for name in names:
        launcher.says("OK\n", "stopForced", "t", name)
    assert launcher.stored("t") == []


def what_cannot_come_again_is_told(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\bad.log run", Persistent=1)
    launcher.says("OK\n", "start", "t", "good")
    launcher.control("stop")
    key = r"HKLM\SOFTWARE\WinSpd\Services\t\Instances"
    for name, data in (("no descriptor", "x"), ("many", r"\0".join("1234567890") + r"\0D:P")):
        launcher.prefix.check(["wine", "reg", "add", key, "/v", name, "/t", "REG_MULTI_SZ", "/d",
                               data, "/f", "/reg:32"])
    with launcher.recorded("t no descriptor: is stored and cannot be started"), \
            launcher.recorded("t many: is stored and cannot be started"):
        launcher.control("start")
    launcher.wait_for_list("t good")


def the_end_of_the_service_ends_all(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\all.log run")
    for name in "abc":
        launcher.says("OK\n", "start", "t", name)
    processes = [view(launcher, name)[0] for name in "abc"]
    assert len(set(processes)) == 3
    launcher.control("stop")
    left = [command for command, _ in launcher.prefix.processes().values() if "all.log" in command]
    launcher.control("start")
    assert not left, left


def a_crash_is_followed_by_a_start(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\crash.log crash C:\winspd\crashed", **CRASHES)
    with launcher.recorded(r"t x: has ended with exit code 3, and is started again in 1 s "
                           r"\(restart 1 of 5\)"):
        launcher.says("OK\n", "start", "t", "x")
    launcher.wait_for_log("crash", "started", 2)
    launcher.wait_for_log("crash", "ready")
    assert view(launcher, "x")[1] == 1


def who_crashes_again_and_again_is_given_up(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\up.log exit 9", RestartLimit=2, **CRASHES)
    with launcher.recorded(r"started again in 2 s \(restart 2 of 2\)"), launcher.recorded(
            "t x: has ended with exit code 9, and is given up after 2 restarts in a row"):
        launcher.says("OK\n", "start", "t", "x")
    launcher.wait_for_list()
    assert launcher.log_of("up").count("started") == 3


def an_end_without_an_error_is_no_crash(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\fine.log exit 0", **CRASHES)
    with launcher.recorded("t x: has ended with exit code 0"):
        launcher.says("OK\n", "start", "t", "x")
    launcher.wait_for_list()
    launcher.add_class("t", CommandLine=r"C:\winspd\fine.log exit 5")
    with launcher.recorded("t y: has ended with exit code 5"):
        launcher.says("OK\n", "start", "t", "y")
    launcher.wait_for_list()
    assert launcher.log_of("fine").count("started") == 2


def who_waits_to_be_started_again_can_be_stopped(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\wait.log exit 9", Restart=1, RestartDelay=3600)
    with launcher.recorded("started again in 3600 s"):
        launcher.says("OK\n", "start", "t", "x")
    launcher.says("KO launcher: error 183\n", "start", "t", "x")
    assert view(launcher, "x") == (0, 0)
    assert re.search(r"\n +- +- +0 +-  t x\n$", launcher.ctl("list", "-l")[1])
    launcher.says("OK\n", "stop", "t", "x")
    launcher.wait_for_list()
    assert launcher.log_of("wait").count("started") == 1


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def of_two_starts_at_once_one_is_done(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\both.log run")
    for name in "abcd":
        answers = at_once(*[lambda: launcher.send(f"St|{name}|")] * 3)
        assert sorted(answers) == ["!183|", "!183|", "$"], answers
    launcher.wait_for_log("both", "ready", 4)
    assert launcher.log_of("both").count("started") == 4


def a_stop_beside_a_start_is_before_or_after_it(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\beside.log run", Persistent=1)
    for name in "abcd":
        started, *stopped = at_once(lambda: launcher.send(f"St|{name}|"),
                                    lambda: launcher.send(f"Tt|{name}|"),
                                    lambda: launcher.send(f"Tt|{name}|"))
        assert started == "$" and set(stopped) <= {"$", "!2|"}, (started, stopped)
        if "$" in stopped:
            launcher.prefix.wait_for(lambda: f"t {name}" not in launcher.list(), "it ends")
        assert (name in launcher.stored("t")) == ("$" not in stopped), (name, stopped)


def an_exit_beside_a_stop_leaves_nothing(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\exit.log exit 1", Restart=1, RestartDelay=1)
    for name in "abcd":
        started, stopped = at_once(lambda: launcher.send(f"St|{name}|"),
                                   lambda: launcher.send(f"Ft|{name}|"))
        assert started == "$" and stopped in ("$", "!2|"), (started, stopped)
        if stopped == "!2|":
            assert launcher.send(f"Ft|{name}|") == "$"
        launcher.prefix.wait_for(lambda: f"t {name}" not in launcher.list(), "it ends")


def the_end_of_the_service_beside_starts_leaves_nothing(launcher):
    launcher.add_class("t", CommandLine=r"C:\winspd\ends.log run")
    calls = [lambda name=name: launcher.send(f"St|{name}|") for name in "abcdef"]
    answers = at_once(*calls, lambda: launcher.control("stop"))[:-1]
    assert all(re.match(r"\$|!1115\||1: ", answer) for answer in answers), answers
    left = [command for command, _ in launcher.prefix.processes().values() if "ends.log" in command]
    assert not left, left
    launcher.control("start")
    assert launcher.list() == []


def servers_are_asked_before_they_are_ended(launcher):
    launcher.use("launcher-test")
    launcher.add_class("t", CommandLine=r"C:\winspd\%1.log %1")
    for name in ("run", "stubborn"):
        launcher.says("OK\n", "start", "t", name, name)
        launcher.wait_for_log(name, "ready")
        with launcher.recorded(f"t {name}: stopped, exit code 0"):
            launcher.says("OK\n", "stop", "t", name)
        assert launcher.log_of(name)[-1] == "break", launcher.log_of(name)


def there_is_one_launcher(launcher):
    status, _, errors = launcher.run(launcher.program("launcher"), "--console")
    # Windows says 5, Wine 231.
    assert status in (5, 231) and errors.startswith(f"cannot serve: error {status}"), errors
    status, _, errors = launcher.run(launcher.program("launcher"), "--help")
    assert status == 87 and errors.startswith("usage: launcher"), (status, errors)
    assert launcher.list() == []


TESTS = [
    ("persistent instances come again, with arguments or without",
     persistent_instances_come_again),
    ("what cannot come again is told", what_cannot_come_again_is_told),
    ("the end of the service ends all servers", the_end_of_the_service_ends_all),
    ("a crash is followed by a start", a_crash_is_followed_by_a_start),
    ("who crashes again and again is given up", who_crashes_again_and_again_is_given_up),
    ("an end without an error is no crash", an_end_without_an_error_is_no_crash),
    ("who waits to be started again can be stopped", who_waits_to_be_started_again_can_be_stopped),
    ("of two starts at once one is done", of_two_starts_at_once_one_is_done),
    ("a stop beside a start is before or after it", a_stop_beside_a_start_is_before_or_after_it),
    ("an exit beside a stop leaves nothing", an_exit_beside_a_stop_leaves_nothing),
    ("the end of the service beside starts leaves nothing",
     the_end_of_the_service_beside_starts_leaves_nothing),
    ("there is one launcher", there_is_one_launcher),
]
# Tests of the launcher with what Wine lacks.
TESTS_OF_DOUBLE = [
    ("servers are asked before they are ended", servers_are_asked_before_they_are_ended),
]
