# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""libiscsi's small clients: discovery, and logins that must or must not succeed."""

import os
from disk import WORK, Disk
from report import Wrong, call

SECRET = "correct-horse-battery"
OUR_SECRET = "staple-of-the-target"


def must(good, status_and_output):
    status, output = status_and_output
    if (status == 0) != good:
        raise Wrong(f"status {status}\n{output}")
    return output


def login(url, user=None, secret=None, **variables):
    """INQUIRY by way of a full login; libiscsi takes names and secrets from the environment."""
    if user:
        variables.update(LIBISCSI_CHAP_USERNAME=user, LIBISCSI_CHAP_PASSWORD=secret)
    return call("iscsi-inq", url, **variables)


def secrets(name, *lines):
    path = os.path.join(WORK, name)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
              encoding="ascii") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return path


def discovery_names_the_target(disk):
    portal, _, rest = disk.url.removeprefix("iscsi://").partition("/")
    output = must(True, call("iscsi-ls", f"iscsi://{portal}"))
    if rest.rsplit("/", 1)[0] not in output:
        raise Wrong(output)


def a_list_shows_the_logical_unit(disk):
    """Its first command at a new nexus is repeated after one unit attention only."""
    output = must(True, call("iscsi-ls", "-s", f"iscsi://{disk.url.split('/')[2]}"))
    if "Lun:0" not in output or "DIRECT_ACCESS" not in output:
        raise Wrong(output)


def inquiry_names_the_vendor(disk):
    if "WinSpd" not in must(True, login(disk.url)):
        raise Wrong("the vendor is not WinSpd")


def header_digests_can_be_negotiated(disk):
    must(True, login(f"{disk.url}?header_digest=crc32c"))


def the_capacity_is_as_asked_for(disk):
    output = must(True, call("iscsi-readcapacity16", disk.url))
    if str(disk.size) not in output and str(disk.size // 512 - 1) not in output:
        raise Wrong(output)


def another_target_name_is_refused(disk):
    must(False, login(disk.url.rsplit("/", 1)[0] + "-other/0"))


def another_lun_is_refused(disk):
    must(False, login(disk.url.rsplit("/", 1)[0] + "/1"))


OPEN = [discovery_names_the_target, a_list_shows_the_logical_unit, inquiry_names_the_vendor,
        header_digests_can_be_negotiated, the_capacity_is_as_asked_for,
        another_target_name_is_refused, another_lun_is_refused]


def the_right_secret_is_accepted(disk):
    must(True, login(disk.url, "alice", SECRET))


def a_wrong_secret_is_refused(disk):
    must(False, login(disk.url, "alice", SECRET + "!"))


def an_unknown_name_is_refused(disk):
    must(False, login(disk.url, "mallory", SECRET))


def no_authentication_is_refused(disk):
    must(False, login(disk.url))


def the_target_proves_itself_when_asked(disk):
    must(True, login(disk.url, "alice", SECRET, LIBISCSI_CHAP_TARGET_USERNAME="disk",
                     LIBISCSI_CHAP_TARGET_PASSWORD=OUR_SECRET))


def an_initiator_that_expects_another_target_secret_leaves(disk):
    must(False, login(disk.url, "alice", SECRET, LIBISCSI_CHAP_TARGET_USERNAME="disk",
                      LIBISCSI_CHAP_TARGET_PASSWORD=OUR_SECRET + "!"))


CLOSED = [the_right_secret_is_accepted, a_wrong_secret_is_refused, an_unknown_name_is_refused,
          no_authentication_is_refused, the_target_proves_itself_when_asked,
          an_initiator_that_expects_another_target_secret_leaves]


def guarded(size, make=Disk, path_of=str):
    """A disk that wants CHAP and can prove itself; path_of: a file's name as its program knows it.
    """
    chap = path_of(secrets("initiators", f"alice {SECRET}", f"bob another-{SECRET}"))
    mutual = path_of(secrets("target", f"disk {OUR_SECRET}"))
    return make("guarded", "memdisk", size, query=f"?chap={chap}&mutual={mutual}")
