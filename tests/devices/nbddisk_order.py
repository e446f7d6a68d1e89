# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""nbddisk: the order of changes that are made again after the server's death."""

import os
import random
import threading
from contextlib import contextmanager

import nbd_liar
from nbd_liar import Liar
from nbddisk import GOOD, NOT_READY, blank, direct, lossy, read, said, write
from peer import FLUSH, READ, WRITE, Client
from program import TIMEOUT, check


def changes_keep_their_order(connections):
    """Random users make one change after the other, so that each block has one right content."""
    numbers, model = random.Random(connections), bytearray(64 * 512)
    with lossy(blank(f"order{connections}.img", len(model))) as peer, \
            direct(peer, "--connections", str(connections)) as (user, server):
        door = os.path.join(os.path.dirname(peer.socket), "door")
        users = [user, *(Client(door) for _ in range(connections - 1))]
        for death in range(6):
            for number in range(60):
                lba, count = numbers.randrange(56), numbers.randint(1, 8)
                data = numbers.randbytes(count * 512)
                status, _ = numbers.choice(users).do(WRITE, lba, count, data,
                                                     fua=numbers.randrange(8) == 0)
                check(status == GOOD, f"write: {status}")
                model[lba * 512:(lba + count) * 512] = data
                if numbers.randrange(20) == 0:
                    check(numbers.choice(users).do(FLUSH)[0] == GOOD, "flush")
            peer.kill()
            peer.start()
            for number, each in enumerate(numbers.sample(users, connections)):
                found = read(each, 0, 64)
                wrong = [n for n in range(64) if found[n * 512:][:512] != model[n * 512:][:512]]
                check(not wrong, f"death {death}, user {number}: blocks {wrong} are wrong\n"
                      f"{server.errors()}")
        for each in users[1:]:
            each.close()


def changes_of_one_connection_keep_their_order():
    changes_keep_their_order(1)


def changes_of_several_connections_keep_their_order():
    changes_keep_their_order(3)


@contextmanager
def two_links(liar, *words):
    """Two users, each with a connection of its own to the server."""
    with direct(liar, "--connections", "2", *words) as (one, server):
        other = Client(os.path.join(os.path.dirname(liar.socket), "door"))
        yield one, other, server
        other.close()


def nobody_reads_before_the_changes_of_all_are_there():
    """The server dies and comes back, and only one of two connections has noticed so far."""
    deaf = []

    def answer(number, kind, *_):
        if kind == nbd_liar.READ and not deaf:
            deaf.append(number)
            liar.memory[:] = bytes(len(liar.memory))
            raise nbd_liar.Gone

    with Liar(answer) as liar, two_links(liar) as (one, other, _):
        write(one, 5, b"\1" * 512)
        check(read(other, 5, 1) == b"\1" * 512, "a change is not there")


def a_flush_covers_the_changes_of_other_connections():
    flushing, go_on, writers, lost = threading.Event(), threading.Event(), [], []

    def answer(number, kind, offset, *_):
        if kind == nbd_liar.WRITE:
            writers.append((number, offset // 512))
        if kind == nbd_liar.FLUSH and not flushing.is_set():
            flushing.set()
            go_on.wait(TIMEOUT)
        if kind == nbd_liar.READ and not lost:
            lost.append(number)
            raise nbd_liar.Gone

    with Liar(answer) as liar, two_links(liar) as (one, other, _):
        write(one, 5, b"\1" * 512)
        write(other, 5, b"\2" * 512)
        other.send(FLUSH)
        check(flushing.wait(TIMEOUT), "no flush comes")
        write(one, 6, b"\3" * 512)
        go_on.set()
        check(other.answer(FLUSH)[0] == GOOD, "flush")
        check(read(one, 5, 2) == b"\2" * 512 + b"\3" * 512, "a durable change was overwritten")
    check([lba for _, lba in writers] == [5, 5, 6, 6], f"{writers}")
    check(len({number for number, _ in writers[:2]}) == 2, f"one connection: {writers}")


def changes_that_cannot_be_made_again_are_waited_for():
    """After its death the server takes one connection, and the other one's changes are missing."""
    gone = threading.Event()

    def answer(number, kind, offset, *_):
        if kind == nbd_liar.READ and number < 2:
            gone.set()
        if gone.is_set() and number < 2:
            raise nbd_liar.Gone

    with Liar(answer) as liar, two_links(liar, "--reconnect", "0") as (one, other, server):
        for user in (one, other):  # nobody waits for a connection that is not made yet
            while user.do(FLUSH)[0] == NOT_READY:
                check(server.process.poll() is None, "the disk died")
        write(one, 5, b"\1" * 512)
        write(other, 5, b"\2" * 512)
        liar.memory[:] = bytes(len(liar.memory))
        liar.refuses = lambda number: number > 2
        for user in (one, other):
            check(user.do(READ, 5, 1)[0] == NOT_READY, "blocks are read that are not restored")
        said(server, "waits for changes of another one; requests fail until these are made")
        liar.refuses = lambda number: False
        while (status := one.do(READ, 5, 1))[0] == NOT_READY:
            check(server.process.poll() is None, "the disk died")
        check(status == (GOOD, b"\2" * 512), "the order is lost")


TESTS = [
    changes_of_one_connection_keep_their_order,
    changes_of_several_connections_keep_their_order,
    nobody_reads_before_the_changes_of_all_are_there,
    a_flush_covers_the_changes_of_other_connections,
    changes_that_cannot_be_made_again_are_waited_for,
]
