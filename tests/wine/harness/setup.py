# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The driver comes with devsetup and an INF, is configured by its service key, and goes."""

import re

from .deaths import busy_client
from .disks import SIZE
from .programs import ADAPTER, disk, ended, nothing_is_left

INF = r"C:\winspd\winspd.inf"
SYSTEM = r"HKLM\SYSTEM\CurrentControlSet"
SERVICE = SYSTEM + r"\Services\WinSpd"


def is_installed(machine):
    nothing_is_left(machine)
    assert "adapter 0 started" in machine.judge_log()


def it_is_there_again_after_a_restart(machine):
    machine.restart()
    is_installed(machine)


def the_event_log_tells_of_units(machine):
    """After a restart: it tells few of a kind in a minute."""
    before = len(machine.judge_log())
    with disk(machine, "memdisk", *SIZE):
        pass
    machine.prefix.wait_for(
        lambda: re.search(r"event a0010001: unit \d+: removed, its program ended",
                          machine.judge_log()[before:]), "the end of the unit")
    assert re.search(r"event 60010001: unit \d+: created by process \d+",
                     machine.judge_log()[before:])


def configure(machine, **values):
    """Numbers of the service key, None: without; then the machine is started anew."""
    for name, value in values.items():
        change = (["delete", SERVICE, "/v", name, "/f"] if value is None else
                  ["add", SERVICE, "/v", name, "/t", "REG_DWORD", "/f", "/d", str(value)])
        machine.prefix.check(["wine", "reg", *change])
    machine.restart()


def two_hundred_and_fifty_five_units(machine):
    configure(machine, StorageUnitCapacity=255)
    machine.drvtest("--units", "255")


def requests_end_in_time(machine):
    """And what is out of range is as if it were not there."""
    configure(machine, StorageUnitCapacity=256, ServerTimeout=1)
    machine.drvtest("--units", "16")
    for name in ("a read that its server keeps", "a write that its server keeps",
                 "a flush that its server keeps", "a second chunk that its server keeps",
                 "requests that nobody takes"):
        machine.test(name)
    configure(machine, StorageUnitCapacity=None, ServerTimeout=None)
    is_installed(machine)


def registry(machine, key):
    """All below a key, or nothing."""
    return machine.prefix.registry(rf"{SYSTEM}\{key}")


def devices(machine):
    return len(re.findall(re.escape(ADAPTER), registry(machine, r"Enum\ROOT"), re.IGNORECASE))


def traces(machine):
    """The traces of an installation, of which nothing may stay."""
    windows = machine.prefix.drive / "windows"
    # Windows' own copy of an INF in another form, *.pnf, is forgotten by Wine.
    found = [path.name for path in (windows / "inf").glob("*.inf")
             if b"winspd" in path.read_bytes().lower()]
    for folder in ("system32", "system32/drivers", "syswow64"):
        found += [f"{folder}/{path.name}" for path in (windows / folder).glob("winspd*")]
    if devices(machine):
        found.append("a device")
    if registry(machine, r"Services\WinSpd"):
        found.append("the service")
    for log in ("Application", "System"):
        if registry(machine, rf"Services\EventLog\{log}\WinSpd"):
            found.append(f"the event source in {log}")
    return found


def adding_twice_is_harmless(machine):
    before = traces(machine)
    started = machine.judge_log().count("started")
    with disk(machine, "memdisk", *SIZE) as (_, name):
        client = busy_client(machine, name)
        machine.devsetup("add", INF)
        assert client.poll() is None, "the disk did not stay"
    ended(client)
    assert devices(machine) == 1, f"{devices(machine)} devices"
    assert traces(machine) == before, f"{before} became {traces(machine)}"
    assert machine.judge_log().count("started") == started, "the adapter was started again"
    nothing_is_left(machine)


def it_is_removed_under_a_server(machine):
    before = len(machine.judge_log())
    with disk(machine, "memdisk", *SIZE) as (process, name):
        client = busy_client(machine, name)
        machine.devsetup("remove")
        assert ended(client) not in (0, None), "stgtest has not noticed"
        ended(process)
        said = machine.prefix.said()
        assert f"{ADAPTER}: a session begins: the driver of this system" in said, said
        # Some calls are cancelled, and others find that the adapter has gone.
        assert re.search(r"a session ends after \d+ s, (the system removed the disk|its connection "
                         r"failed \(Windows error \d+\)): the driver of this system", said), said
    machine.prefix.wait_for(lambda: "removed" in machine.judge_log()[before:],
                            "the adapter is removed")
    machine.restart()
    machine.devsetup("add", INF)
    is_installed(machine)


def it_is_removed_and_nothing_is_left(machine):
    there = traces(machine)
    assert "a device" in there and "the service" in there and len(there) >= 6, there
    assert "the event source in Application" in there, there
    before = len(machine.judge_log())
    machine.devsetup("remove")
    machine.prefix.wait_for(lambda: "unloaded" in machine.judge_log()[before:],
                            "the driver is unloaded")
    status, _ = machine.drive("winspd-tests-x64", "nothing is left")
    assert status == 3, f"the adapter is still there: {status}"
    machine.prefix.wait_for_none(traces, machine)


def remove_if_there(machine):
    if devices(machine):
        machine.devsetup("remove")
    machine.prefix.wait_for_none(traces, machine)


def bad_infs(inf):
    """Each is refused at another step."""
    return {
        "text": "not an INF file\n",
        "half": inf[:inf.index("64.HW]")],
        "class": inf.replace("ClassGuid = {4d36e97b", "ClassGuid = {none"),
        "other": re.sub(r"root\\winspd", r"root\\other", inf),
        "models": inf.replace("[WinSpd.", "[Absent."),
    }


def a_bad_inf_leaves_nothing(machine):
    inf = (machine.package / "winspd.inf").read_text()
    remove_if_there(machine)
    for name, text in bad_infs(inf).items():
        assert text != inf
        (machine.package / f"{name}.inf").write_text(text)
        status, _ = machine.prefix.wine(machine.package / "devsetup-x64.exe", "add", ADAPTER,
                                        rf"C:\winspd\{name}.inf")
        assert status not in (0, "timeout"), f"{name}.inf is installed: {status}"
        machine.prefix.wait_for_none(traces, machine)


def a_bad_file_leaves_nothing(machine):
    """Each of the package's, missing or another one's, is named."""
    remove_if_there(machine)
    for name in ("winspd-x64.sys", "winspd-x64.dll", "winspd-x86.dll"):
        file = machine.package / name
        good = file.read_bytes()
        for bad in (None, (machine.package / "winspd.inf").read_bytes()):
            file.unlink() if bad is None else file.write_bytes(bad)
            status, _ = machine.prefix.wine(machine.package / "devsetup-x64.exe", "add", ADAPTER,
                                            INF)
            said = machine.prefix.said().rstrip().splitlines()[-1]
            assert status == (193 if bad else 2) and name in said, f"{name}: {status} {said}"
            machine.prefix.wait_for_none(traces, machine)
        file.write_bytes(good)


def it_comes_back(machine):
    remove_if_there(machine)
    machine.devsetup("add", INF)
    is_installed(machine)
    machine.devsetup("remove")
    machine.prefix.wait_for_none(traces, machine)


TESTS = [
    ("255 units", two_hundred_and_fifty_five_units),
    ("requests end although their server is silent", requests_end_in_time),
    ("it is there again after a restart", it_is_there_again_after_a_restart),
    ("the event log tells of units", the_event_log_tells_of_units),
    ("adding it twice is harmless", adding_twice_is_harmless),
    ("it is removed under a server with I/O in flight", it_is_removed_under_a_server),
    ("it is removed and nothing is left", it_is_removed_and_nothing_is_left),
    ("a bad INF leaves nothing", a_bad_inf_leaves_nothing),
    ("a bad file leaves nothing", a_bad_file_leaves_nothing),
    ("it is added and removed again", it_comes_back),
]
