# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""How our programs start and end: their descriptors, and the signals that they get."""

import contextlib
import itertools
import os
import resource
import signal
import socket
import stat
import subprocess
import time

from program import (ANY, BUILD, IQN, TIMEOUT, Server, Skip, Wrong, check, memdisk, path, program,
                     qemu_io, rawdisk, run)

MIB = 1 << 20
# A door whose name is known beforehand: a server without standard output cannot tell it.
SOCKET = path("start.sock")
EXAMPLES = [os.path.join(BUILD, "examples", name) for name in ("ramdisk", "slowdisk")]
CLOSED = [closed for count in range(4) for closed in itertools.combinations(range(3), count)]


def image_of_noise(name, size=MIB):
    noise = os.urandom(size)
    with open(path(name), "wb") as file:
        file.write(noise)
    return noise


def content(name):
    with open(path(name), "rb") as file:
        return file.read()


def without(closed):
    """For preexec_fn: none of these descriptors is open."""
    def close():
        for fd in closed:
            os.close(fd)
    return close


def until(true, what):
    deadline = time.monotonic() + TIMEOUT
    while not true():
        if time.monotonic() > deadline:
            raise Wrong(f"in vain: {what}")
        time.sleep(0.02)


def answers():
    """Its first message has come: a server that only listens does not watch for signals yet."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT)
        try:
            client.connect(SOCKET)
            return client.recv(1) != b""
        except OSError:
            return False


def start_without(closed, *command):
    return subprocess.Popen([program(command[0]), *command[1:]], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            preexec_fn=without(closed))


def held(pid):
    """The files of its descriptors, by their numbers."""
    directory = f"/proc/{pid}/fd"
    found = {}
    for fd in os.listdir(directory):
        try:
            found[int(fd)] = os.readlink(f"{directory}/{fd}")
        except FileNotFoundError:
            pass  # closed meanwhile
    return found


def serve_without(closed, *command):
    """Starts it on SOCKET, looks at its descriptors, reads the disk, and ends it."""
    server = start_without(closed, *command)
    try:
        until(lambda: answers() or server.poll() is not None, f"{command[0]} on {SOCKET}")
        check(server.poll() is None, f"{command[0]} with {closed} closed: it has ended")
        names = [held(server.pid).get(fd) for fd in range(3)]
        check(names == ["/dev/null"] * 3, f"{command[0]} with {closed} closed: {names}")
        # From block 0 on: slowdisk has a bad one further behind.
        run("stgtest", f"unix:{SOCKET}", "8", "R", "0", "4")
        server.send_signal(signal.SIGTERM)
        check(server.wait(TIMEOUT) == 0,
              f"{command[0]} with {closed} closed: status {server.returncode}")
    finally:
        server.kill()
        server.wait()


def image_is_no_standard_descriptor():
    noise = image_of_noise("noise.img")
    for closed in CLOSED:
        serve_without(closed, "rawdisk", "-f", path("noise.img"), "-d", "-1", "--stats",
                      "-p", f"unix:{SOCKET}")
        check(content("noise.img") == noise, f"{closed} closed: the image has changed")


def sockets_are_no_standard_descriptors():
    for closed in CLOSED:
        serve_without(closed, "memdisk", "--size", "1M", "--stats", "-p", f"unix:{SOCKET}")
        for example in EXAMPLES:
            serve_without(closed, example, f"unix:{SOCKET}")


def tools_hold_their_sockets_elsewhere():
    """A peer that says nothing holds them up, so that one can look."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"iscsi://127.0.0.1:{listener.getsockname()[1]}/{IQN}/0"
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(path("deaf.sock"))
    deaf.listen()
    for command in (("scsitool", "inquiry", url), ("stgtest", f"unix:{path('deaf.sock')}", "1")):
        for closed in CLOSED:
            tool = start_without(closed, *command)
            try:
                until(lambda: any("socket:" in name for name in held(tool.pid).values()),
                      f"a socket of {command[0]}")
                names = [held(tool.pid).get(fd) for fd in range(3)]
                check(names == ["/dev/null"] * 3, f"{command[0]} with {closed} closed: {names}")
            finally:
                tool.kill()
                tool.wait()
    listener.close()
    deaf.close()


def last_words(server):
    """The rest of standard error, which is complete when the server has ended."""
    return server.errors().splitlines()


def signal_that_ends_it_is_followed_by_a_flush():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        server = rawdisk("ended.img", "--size", "1M", "-d", "12")
        qemu_io(server.url, "write 0 64k")
        check(server.end(number) == 0, f"{number!r}: status {server.process.returncode}")
        said = last_words(server)
        check(said and "<<Flush Status=GOOD" in said[-1], f"{number!r}: {said[-3:]}")


def terminal_that_goes_sends_several_hangups():
    """The shell passes on what the kernel sends as well; none but the first does anything, however
    late in the end of the program it comes."""
    server = rawdisk("hangup.img", "--size", "1M", "-d", "8")
    deadline = time.monotonic() + TIMEOUT
    while server.process.poll() is None and time.monotonic() < deadline:
        server.process.send_signal(signal.SIGHUP)
    check(server.end(signal.SIGHUP) == 0, f"status {server.process.returncode}")
    check("<<Flush Status=GOOD" in last_words(server)[-1], server.errors())


def pair_of_one_signal(number):
    """It is sent twice at once; none where this process slept in between."""
    server = rawdisk("pair.img", "--size", "1M", "-d", "8")
    begun = time.monotonic()
    server.process.send_signal(number)
    server.process.send_signal(number)
    short = time.monotonic() - begun < 0.5
    status = server.end(number)
    return (status, last_words(server)) if short else pair_of_one_signal(number)


def timeout_sends_its_signal_twice():
    """timeout(1) does, to its child and to its process group; the second must not kill."""
    for number in (signal.SIGTERM, signal.SIGINT):
        for _ in range(20):
            status, said = pair_of_one_signal(number)
            check(status == 0, f"{number!r}: status {status}")
            check("<<Flush Status=GOOD" in said[-1], f"{number!r}: {said[-3:]}")


def hangup_stays_ignored_where_it_was():
    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with rawdisk("nohup.img", "--size", "1M", preexec_fn=ignore) as server:
        server.process.send_signal(signal.SIGHUP)
        qemu_io(server.url, "write -P 7 0 64k", "read -P 7 0 64k")


def default_sigpipe():
    """Python ignores it, and that would be inherited."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def reader_that_has_gone_ends_nothing():
    for command in (["rawdisk", "-f", path("pipe.img"), "--size", "1M", "--stats", "-p", ANY],
                    ["memdisk", "--size", "1M", "--stats", "-p", ANY],
                    *([example, ANY] for example in EXAMPLES)):
        server = Server(*command, preexec_fn=default_sigpipe)
        try:
            server.process.send_signal(signal.SIGPIPE)
            qemu_io(server.url, "write -P 9 0 64k", "read -P 9 0 64k")
            # Its output at the end meets a pipe without a reader.
            server.process.stdout.close()
            server.process.stdout = None
            check(server.end() == 0, f"{command[0]}: status {server.process.returncode}")
        finally:
            server.process.kill()
            server.process.wait()


def start_that_fails_leaves_nothing():
    os.mkdir(path("failing"))
    image, log = path("failing/disk.img"), path("failing/disk.log")
    door = ["-p", ANY]
    with memdisk("--size", "1M") as other:
        for words, status, message in (
                ([], 87, "no -p URI"),
                (["-p", "nosuch:here"], 87, "nosuch"),
                (["-p", "iscsi://127.0.0.1:0/nonsense"], 87, "nonsense"),
                (["-p", other.uris[0]], 1, "already"),
                (["-p", f"iscsi://0.0.0.0:0/{IQN}"], 1, "allow-anonymous"),
                (["-p", f"{ANY}?chap={path('no-secrets')}"], 1, "no-secrets"),
                ([*door, "-p", "iscsi://127.0.0.1:0/nonsense"], 87, "nonsense"),
                ([*door, "--threads", "many"], 87, "--threads"),
                ([*door, "-d", "-1", "-D", path("nowhere/log")], 1, "nowhere/log"),
                ([*door, "-d", "-1", "-D", image], 87, "itself"),
                (["-d", "-1", "-D", log], 87, "no -p URI"),
                ([*door, "--mbr", "-c", "1"], 87, "no room")):
            _, errors = run("rawdisk", "-f", image, "--size" if "-c" not in words else "-i",
                            "1M", *words, status=status)
            check(message in errors, f"{words}: {errors!r} lacks {message!r}")
            check(os.listdir(path("failing")) == [], f"{words}: {os.listdir(path('failing'))}")
    with rawdisk("failing/disk.img", "--size", "2M"):
        check(os.path.getsize(image) == 2 * MIB, "the corrected command's size")


def limited(kind, limit):
    def limit_it():
        resource.setrlimit(kind, (limit, resource.RLIM_INFINITY))
    return limit_it


def start_that_fails_at_its_end_leaves_nothing():
    os.mkdir(path("late"))
    image = path("late/disk.img")
    for limit, words, message in (
            (limited(resource.RLIMIT_FSIZE, 65536), [], "cannot make image"),
            (limited(resource.RLIMIT_AS, 256 * MIB), ["--threads", "1024"], "cannot start")):
        _, errors = run("rawdisk", "-f", image, "--size", "1M", "-p", ANY, *words, status=1,
                        preexec_fn=limit)
        check(message in errors, f"{errors!r} lacks {message!r}")
        check(os.listdir(path("late")) == [], f"{message}: {os.listdir(path('late'))}")
    with open(image, "wb"):
        pass
    run("rawdisk", "-f", image, "--size", "1M", "--threads", "1024", "-p", ANY, status=1,
        preexec_fn=limited(resource.RLIMIT_AS, 256 * MIB))
    check(os.path.getsize(image) == 0, "an empty file has another size")


def full_file_system_keeps_no_part_of_an_image():
    where = path("inodes")
    os.makedirs(where)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=2", "tmpfs", where],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if mounted.returncode:
        raise Skip(f"mounting a small file system: {mounted.stdout.strip()}")
    try:
        with open(os.path.join(where, "filler"), "wb") as file:
            file.write(bytes(65536))
        for words in ([], ["--mbr"]):
            _, errors = run("rawdisk", "-f", os.path.join(where, "disk.img"), "--size", "1M",
                            *words, "-p", ANY, status=1)
            check("No space left" in errors, errors)
            check(os.listdir(where) == ["filler"], str(os.listdir(where)))
            if not words:  # then there is a place for the file, and none for its table
                subprocess.run(["mount", "-o", "remount,nr_inodes=3", where], check=True)
    finally:
        subprocess.run(["umount", where], check=True)


def names_of(image):
    """Other names of this file."""
    for make, name in ((os.link, "hard"), (os.symlink, "soft")):
        if not os.path.lexists(path(f"outputs.{name}")):
            make(image, path(f"outputs.{name}"))
        yield path(f"outputs.{name}")
    yield image


def image_is_no_output():
    noise = image_of_noise("outputs.img")
    image = path("outputs.img")
    for name in names_of(image):
        for mask in ("-1", "0"):
            _, errors = run("rawdisk", "-f", image, "-d", mask, "-D", name, "-p", ANY, status=87)
            check("is the image" in errors and name in errors, errors)
        for fd, stream in ((1, "output"), (2, "error")):
            with open(name, "ab") as file:
                outputs = {1: subprocess.PIPE, 2: subprocess.PIPE, fd: file}
                done = subprocess.run([program("rawdisk"), "-f", image, "-p", ANY], text=True,
                                      stdin=subprocess.DEVNULL, stdout=outputs[1],
                                      stderr=outputs[2], timeout=TIMEOUT)
            said = done.stderr if fd == 1 else done.stdout
            check(done.returncode == 87 and f"standard {stream} is the image" in said,
                  f"standard {stream} to {name}: status {done.returncode}, {said!r}")
        with open(name, "ab") as file:
            done = subprocess.run([program("rawdisk"), "-f", image, "-p", ANY], stdout=file,
                                  stdin=subprocess.DEVNULL, stderr=file, timeout=TIMEOUT)
        check(done.returncode == 87, f"both to {name}: status {done.returncode}")
    with open(image, "r+b") as file:
        link = f"/proc/self/fd/{file.fileno()}"
        run("rawdisk", "-f", image, "-d", "-1", "-D", link, "-p", ANY, status=87,
            pass_fds=[file.fileno()])
    check(content("outputs.img") == noise, "the image has changed")


@contextlib.contextmanager
def loop_device(name):
    """A block device whose blocks are those of a file."""
    done = subprocess.run(["losetup", "--find", "--show", path(name)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise Skip(f"making a loop device: {done.stdout.strip()}")
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def block_device_that_is_the_image_is_no_output():
    """By another node of the same device as well: its number is what counts."""
    noise = image_of_noise("loop.img")
    with loop_device("loop.img") as device:
        other = path("loop.node")
        os.mknod(other, stat.S_IFBLK | 0o600, os.stat(device).st_rdev)
        for name in (device, other):
            run_with_state = ["rawdisk", "-f", device, "--state", path("loop.state"), "-p", ANY]
            _, errors = run(*run_with_state, "-d", "-1", "-D", name, status=87)
            check("is the image" in errors and name in errors, errors)
            with open(name, "r+b", buffering=0) as node:
                done = subprocess.run([program("rawdisk"), *run_with_state[1:]], stdout=node,
                                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      timeout=TIMEOUT, text=True, check=False)
            check(done.returncode == 87 and "standard output is the image" in done.stderr,
                  f"standard output to {name}: status {done.returncode}, {done.stderr}")
        with open(device, "rb") as node:
            check(node.read() == noise, "the image has changed")


def block_device_is_no_log():
    """A log is appended to, and the blocks of a device would be what it is written over."""
    noise = image_of_noise("loop-log.img")
    with loop_device("loop-log.img") as device:
        _, errors = run("rawdisk", "-f", path("beside.img"), "--size", "1M", "-d", "-1", "-D",
                        device, "-p", ANY, status=1)
        check("it is a block device" in errors and device in errors, errors)
        with open(device, "rb") as node:
            check(node.read() == noise, "the device has changed")
    check(not os.path.exists(path("beside.img")), "an image was made")


def log_through_a_link_to_nowhere_is_refused():
    os.symlink(path("nowhere.img"), path("nowhere.log"))
    _, errors = run("rawdisk", "-f", path("nowhere.img"), "--size", "1M", "-d", "-1", "-D",
                    path("nowhere.log"), "-p", ANY, status=1)
    check("symbolic link to what is not there" in errors, errors)
    check(not os.path.exists(path("nowhere.img")), "an image was made")


TESTS = [image_is_no_standard_descriptor, sockets_are_no_standard_descriptors,
         tools_hold_their_sockets_elsewhere,
         signal_that_ends_it_is_followed_by_a_flush, timeout_sends_its_signal_twice,
         terminal_that_goes_sends_several_hangups,
         hangup_stays_ignored_where_it_was, reader_that_has_gone_ends_nothing,
         start_that_fails_leaves_nothing, start_that_fails_at_its_end_leaves_nothing,
         full_file_system_keeps_no_part_of_an_image, image_is_no_output,
         block_device_that_is_the_image_is_no_output, block_device_is_no_log,
         log_through_a_link_to_nowhere_is_refused]
