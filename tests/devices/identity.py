# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""rawdisk's identity: kept in a state file, given to no second disk."""

import os
import shutil
import subprocess
import uuid

from program import ANY, BIN, Server, Skip, check, path, rawdisk, run, serial

UNSHARE = shutil.which("unshare")
# The name space of our name-based GUIDs.
NAME_SPACE = uuid.UUID("b17a0d52-6c3e-4f91-a825-9d43e61870cf")
ID = "0123456789abcdef0123456789abcdef"
GUID = "01234567-89ab-cdef-0123-456789abcdef"


def state(name):
    """The state file as a dictionary."""
    with open(path(name), encoding="ascii") as file:
        first, *lines = file.read().splitlines()
    check(first == "winspd-state 1", first)
    return dict(line.split("=", 1) for line in lines)


def on_machine(machine_id, *mounts):
    """Words before a command: there /etc/machine-id says this, and the mounts are made."""
    name = path(f"machine-{len(os.listdir(path('.')))}")
    with open(name, "w", encoding="ascii") as file:
        file.write(machine_id)
    script = "".join(f"{mount} && " for mount in (f"mount --bind {name} /etc/machine-id", *mounts))
    words = [UNSHARE or "", "-m", "sh", "-c", f'{script}exec "$@"', "sh"]
    if not UNSHARE or subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("no name space of its own for mounts (unshare -m)")
    return words


def rawdisk_on(words, name, *arguments):
    return Server(*words, os.path.join(BIN, "rawdisk"), "-f", path(name), *arguments, "-p", ANY)


def refused_on(words, name, *arguments, status=1):
    return run(*words, os.path.join(BIN, "rawdisk"), "-f", path(name), *arguments, "-p", ANY,
               status=status)[1]


def image_without_a_state_file_keeps_the_identity_it_had():
    words = on_machine(ID + "\n")
    with open(path("old.img"), "wb") as file:
        file.truncate(1 << 20)
    expected = uuid.uuid5(NAME_SPACE, f"{ID}:{os.path.realpath(path('old.img'))}")
    for _ in range(2):
        with rawdisk_on(words, "old.img") as server:
            check(uuid.UUID(serial(server)) == expected, f"{serial(server)}, and not {expected}")
        check(state("old.img.spdstate")["guid"] == str(expected), str(state("old.img.spdstate")))
    # Moved with its file, it is the same disk.
    os.rename(path("old.img"), path("moved.img"))
    os.rename(path("old.img.spdstate"), path("moved.img.spdstate"))
    with rawdisk_on(words, "moved.img") as server:
        check(uuid.UUID(serial(server)) == expected, serial(server))


def copied_image_is_asked_which_it_is():
    with rawdisk("first.img", "--size", "1M") as server:
        first = serial(server)
    for name in ("twin.img", "heir.img"):
        shutil.copy(path("first.img"), path(name))
        shutil.copy(path("first.img.spdstate"), path(f"{name}.spdstate"))
        before = state(f"{name}.spdstate")
        _, errors = run("rawdisk", "-f", path(name), "-p", ANY, status=1)
        check("--adopt" in errors and "--new-identity" in errors and "inode" in errors, errors)
        check(state(f"{name}.spdstate") == before, "a refused start changed the state file")
    with rawdisk("twin.img", "--new-identity") as server:
        twin = serial(server)
        check(twin != first, "the copy has the identity of the first")
    with rawdisk("heir.img", "--adopt") as server:
        check(serial(server) == first, "--adopt gave it another identity")
    # The decision holds.
    with rawdisk("twin.img") as one, rawdisk("heir.img") as other:
        check((serial(one), serial(other)) == (twin, first), "decided for one start only")


def cloned_machine_is_asked_too():
    here, there = on_machine(ID), on_machine(ID[::-1])
    with rawdisk_on(here, "clone.img", "--size", "1M") as server:
        first = serial(server)
    errors = refused_on(there, "clone.img")
    check("another machine" in errors and "--new-identity" in errors, errors)
    with rawdisk_on(there, "clone.img", "--new-identity") as server:
        check(serial(server) != first, "two machines have one identity")


def machine_without_identity_keeps_one_or_is_told():
    seen = set()
    for number, machine in enumerate(("", "uninitialized\n", "0" * 32, ID[:31], "x" * 32)):
        words = on_machine(machine)
        name = f"nobody-{number}.img"
        for _ in range(2):
            with rawdisk_on(words, name, "--size", "1M") as server:
                seen.add(serial(server))
        check(state(f"{name}.spdstate")["machine"] == "none", str(state(f"{name}.spdstate")))
    check(len(seen) == 5, f"{len(seen)} identities for 5 images")
    # The same path with no identity of the machine, and nowhere to keep one.
    os.mkdir(path("frozen"))
    with open(path("frozen/disk.img"), "wb") as file:
        file.truncate(1 << 20)
    frozen = path("frozen")
    words = on_machine("", f"mount --bind {frozen} {frozen}", f"mount -o remount,bind,ro {frozen}")
    errors = refused_on(words, "frozen/disk.img", "-W", "0")
    check("Read-only" in errors and "--guid" in errors and "--state" in errors, errors)
    with rawdisk_on(words, "frozen/disk.img", "-W", "0", "--guid", GUID) as server:
        check(serial(server) == GUID, serial(server))
        check("cannot be written" in server.errors(), server.errors())
    kept = path("elsewhere.spdstate")
    for _ in range(2):
        with rawdisk_on(words, "frozen/disk.img", "-W", "0", "--state", kept) as server:
            check(serial(server) == state("elsewhere.spdstate")["guid"], serial(server))
    check(os.listdir(frozen) == ["disk.img"], str(os.listdir(frozen)))


def write_protected_disk_leaves_its_folder_alone():
    os.mkdir(path("guest"))
    with open(path("guest/disk.img"), "wb") as file:
        file.truncate(1 << 20)
    words = on_machine(ID)
    with rawdisk_on(words, "guest/disk.img", "-W", "0") as server:
        first = serial(server)
        check(os.listdir(path("guest")) == ["disk.img"], str(os.listdir(path("guest"))))
        said = [line for line in server.errors().splitlines() if ": a session " not in line]
        check(not said, server.errors())
    with rawdisk_on(words, "guest/disk.img") as server:
        check(serial(server) == first, "another identity when it may be written")


def new_image_is_a_new_disk():
    with rawdisk("again.img", "--size", "1M") as server:
        first = serial(server)
    os.unlink(path("again.img"))
    with rawdisk("again.img", "--size", "1M") as server:
        check(serial(server) != first and first in server.errors(), server.errors())
    # A state file that lies elsewhere is no litter: perhaps its image is not mounted.
    kept = ["--state", path("again.state")]
    with rawdisk("again.img", *kept) as server:
        first = serial(server)
    os.unlink(path("again.img"))
    os.unlink(path("again.img.spdstate"))
    _, errors = run("rawdisk", "-f", path("again.img"), "--size", "1M", *kept, "-p", ANY, status=1)
    check("not mounted" in errors and not os.path.exists(path("again.img")), errors)
    with rawdisk("again.img", "--size", "1M", *kept, "--new-identity") as server:
        check(serial(server) != first, "--new-identity gave the former one")


def bad_state_file_is_named_with_its_line():
    with rawdisk("bad.img", "--size", "1M"):
        pass
    name = path("bad.img.spdstate")
    with open(name, "a", encoding="ascii") as file:
        file.write("inode=many\n")
    _, errors = run("rawdisk", "-f", path("bad.img"), "-p", ANY, status=1)
    check(name in errors and "line 6" in errors, errors)
    with open(name, "wb") as file:
        file.write(b"winspd-state 2\nanything")
    _, errors = run("rawdisk", "-f", path("bad.img"), "-p", ANY, status=1)
    check("version 2" in errors and "newer program" in errors, errors)
    for there in (path("bad.img"), "/dev/null", path(".")):
        _, errors = run("rawdisk", "-f", path("bad.img"), "--state", there, "-p", ANY, status=1)
        check(there in errors, errors)
    _, errors = run("rawdisk", "-f", path("both"), "--size", "1M", "--state", path("both"),
                    "-p", ANY, status=1)
    check("image itself" in errors and not os.path.exists(path("both")), errors)


def unknown_keys_survive():
    with rawdisk("keys.img", "--size", "1M") as server:
        first = serial(server)
    with open(path("keys.img.spdstate"), "a", encoding="ascii") as file:
        file.write("later=1 2 3\n")
    shutil.copy(path("keys.img"), path("keys2.img"))
    shutil.copy(path("keys.img.spdstate"), path("keys2.img.spdstate"))
    with rawdisk("keys2.img", "--adopt") as server:
        check(serial(server) == first, serial(server))
    check(state("keys2.img.spdstate")["later"] == "1 2 3", "lost")
    with rawdisk("keys2.img", "--new-identity"):
        check("later" not in state("keys2.img.spdstate"), "kept for another disk")


def given_guid_is_kept():
    with rawdisk("given.img", "--size", "1M", "--guid", GUID):
        pass
    with rawdisk("given.img") as server:
        check(serial(server) == GUID, serial(server))
    for words in (["--guid", GUID, "--adopt"], ["--adopt", "--new-identity"]):
        _, errors = run("rawdisk", "-f", path("given.img"), *words, "-p", ANY, status=87)
        check("exclude each other" in errors, errors)
    _, errors = run("rawdisk", "-f", path("fresh.img"), "--size", "1M", "--adopt", "-p", ANY,
                    status=1)
    check("no state file" in errors and not os.path.exists(path("fresh.img")), errors)


def block_devices_state_is_in_the_systems_folder():
    folder = path("var-lib")
    os.mkdir(folder)
    words = on_machine(ID, f"mount --bind {folder} /var/lib")
    with open(path("loop-state.img"), "wb") as file:
        file.truncate(1 << 20)
    made = subprocess.run(["losetup", "-f", "--show", path("loop-state.img")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if made.returncode:
        raise Skip(f"no loop device: {made.stderr.strip()}")
    device = made.stdout.strip()
    try:
        with Server(*words, os.path.join(BIN, "rawdisk"), "-f", device, "-p", ANY) as server:
            check(uuid.UUID(serial(server)) == uuid.uuid5(NAME_SPACE, f"{ID}:{device}"),
                  serial(server))
        name = f"var-lib/winspd/{uuid.uuid5(NAME_SPACE, f'device:{device}')}.spdstate"
        check(state(name)["guid"] == str(uuid.uuid5(NAME_SPACE, f"{ID}:{device}")), "its state")
    finally:
        subprocess.run(["losetup", "-d", device], check=False)


TESTS = [image_without_a_state_file_keeps_the_identity_it_had, copied_image_is_asked_which_it_is,
         cloned_machine_is_asked_too, machine_without_identity_keeps_one_or_is_told,
         write_protected_disk_leaves_its_folder_alone, new_image_is_a_new_disk,
         bad_state_file_is_named_with_its_line, unknown_keys_survive, given_guid_is_kept,
         block_devices_state_is_in_the_systems_folder]
