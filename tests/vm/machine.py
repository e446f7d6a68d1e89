# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Debian kernel in a QEMU virtual machine, without KVM, and the talk with its script.

The guest's console is our only line to it. Its script reports in lines `@@KEY value`; everything
goes to the log. A script that says `@@ASK NAME` waits for a line.
"""

import ctypes
import mmap
import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass

QEMU = "qemu-system-x86_64"
TAIL = 400  # lines of the console, in which the begin of a kernel's last words still is
SHOWN = 15


class GuestError(Exception):
    """The guest did not do what it should; the text ends with the last lines of its console."""


class EmulationError(GuestError):
    """QEMU has failed the guest. With several processors its emulation may run the breakpoint with
    which a kernel replaces an instruction, when the kernel has already removed it. No processor
    does this, so the boot is worth another try."""


def failure(what, log, tail):
    """The error for a boot whose console ends with these lines."""
    console = "".join(f"\n    | {line}" for line in tail[-SHOWN:])
    kind = EmulationError if any("Oops: int3: " in line for line in tail) else GuestError
    return kind(f"{what}\n  last lines of {log}:{console}")


def tsc_khz():
    """The rate of the host's time stamp counter, which an emulated guest sees as its own. A microvm
    has no timer to measure it with, so the command line has it; a wrong value would make time
    drift."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("0f31" "48c1e220" "4809d0" "c3"))  # rdtsc; rax |= rdx << 32; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    rdtsc = ctypes.CFUNCTYPE(ctypes.c_uint64)(address)
    ticks, start = rdtsc(), time.monotonic()
    time.sleep(0.2)
    return int((rdtsc() - ticks) / (time.monotonic() - start) / 1000)


def under_us(command):
    """The command, to be killed by the kernel should we die without a chance to clean up."""
    return ["setpriv", "--pdeathsig", "KILL", "--", *command]


@dataclass(frozen=True)
class VhostUser:
    """A disk whose back end listens at the Unix socket. `kind` is blk or scsi."""

    kind: str
    socket: str
    queues: int = 1
    reconnect: bool = False  # QEMU tries again each second after the back end has gone


@dataclass(frozen=True)
class Hardware:
    """The devices that QEMU shows to the guest, besides a network card. `disks` are images, or
    whatever else the option -drive takes as a raw file; the guest has them as /dev/vda, /dev/vdb,
    ..."""

    cpus: int = 1
    memory_mib: int = 768
    disks: tuple = ()
    vhost_user: tuple = ()
    arguments: tuple = ()  # more of QEMU's

    def options(self):
        return [*self._processors(), *self._disks(), *self._vhost_user(), *self.arguments]

    def _processors(self):
        # cx16: with it this QEMU's emulation makes newer kernels fail at random.
        threads = ",thread=multi" if self.cpus > 1 else ""
        return ["-accel", f"tcg{threads}", "-cpu", "max,cx16=off", "-smp", str(self.cpus),
                "-m", str(self.memory_mib)]

    def _disks(self):
        for number, file in enumerate(self.disks):
            yield from ("-drive", f"file={file},format=raw,if=none,id=disk{number}",
                        "-device", f"virtio-blk-device,drive=disk{number}")

    def _vhost_user(self):
        if not self.vhost_user:
            return
        # The back end maps the guest's memory, and back ends refuse legacy virtio.
        yield from ("-global", "virtio-mmio.force-legacy=false",
                    "-machine", "memory-backend=memory",
                    "-object", f"memory-backend-memfd,id=memory,size={self.memory_mib}M,share=on")
        queues = {"blk": "num-queues", "scsi": "num_queues"}
        for number, disk in enumerate(self.vhost_user):
            reconnect = ",reconnect=1" if disk.reconnect else ""
            yield from ("-chardev", f"socket,id=vhost{number},path={disk.socket}{reconnect}",
                        "-device", f"vhost-user-{disk.kind},chardev=vhost{number},"
                                   f"{queues[disk.kind]}={disk.queues}")


class Machine:
    """A boot. `archives` are cpio files, `overlay` the bytes of a last one, `log` a path that is
    appended to, `seconds` the time that the boot may take from here to power off, and `servers`
    programs the guest depends on: when one ends by itself, so does the boot."""

    def __init__(self, kernel, archives, overlay, scratch, log, seconds, servers=(),
                 hardware=Hardware()):
        if not shutil.which(QEMU):
            raise GuestError(f"{QEMU} is missing: install the package qemu-system-x86")
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._servers = servers
        self._log_path = log
        self._log = open(log, "ab")
        self._initrd = os.path.join(scratch, "initrd")
        self._tail = []
        self._pending = b""
        self._join(archives, overlay)
        self._process = subprocess.Popen(
            under_us(self._command(kernel, hardware)), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._process.stdin.close()
        self._log.close()
        os.unlink(self._initrd)

    def events(self):
        """Pairs (key, value), up to the guest's orderly end."""
        while True:
            line = self._line()
            if line is None:
                status = self._process.wait()
                raise self._error(f"{QEMU} ended with status {status} before its script did")
            if not line.startswith("@@"):
                continue
            key, _, value = line[2:].partition(" ")
            if key == "FAIL":
                raise self._error(value)
            if key == "DONE":
                break
            yield key, value
        while self._line() is not None:
            pass

    def tell(self, text):
        self._process.stdin.write(text.encode() + b"\n")
        self._process.stdin.flush()

    def _join(self, archives, overlay):
        with open(self._initrd, "wb") as out:
            for path in archives:
                with open(path, "rb") as part:
                    shutil.copyfileobj(part, out)
            out.write(overlay)

    def _command(self, kernel, hardware):
        # loglevel: the kernel's messages do not cut into our lines, a panic still shows.
        # tsc=reliable: on a busy host it is the other clocks that lag, not this one.
        arguments = ("console=ttyS0 panic=-1 loglevel=2 mitigations=off cryptomgr.notests nokaslr "
                     f"no_timer_check random.trust_cpu=on tsc=reliable tsc_early_khz={tsc_khz()} "
                     # On a busy host a processor of the guest may rest for a minute.
                     "nowatchdog rcupdate.rcu_cpu_stall_suppress=1 workqueue.watchdog_thresh=0 "
                     "sysctl.kernel.hung_task_timeout_secs=0")
        return [QEMU, "-M", "microvm,acpi=on", "-nodefaults", "-display", "none",
                "-no-reboot", "-serial", "stdio",
                "-kernel", kernel.vmlinux, "-initrd", self._initrd, "-append", arguments,
                "-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net",
                *hardware.options()]

    def _line(self):
        """The next line of the console without its end, or None when there is no more."""
        output = self._process.stdout.fileno()
        while b"\n" not in self._pending:
            self._wait(output)
            chunk = os.read(output, 65536)
            if not chunk:
                return None
            self._log.write(chunk)
            self._log.flush()
            self._pending += chunk
        line, self._pending = self._pending.split(b"\n", 1)
        text = line.decode(errors="replace").rstrip("\r")
        self._tail = [*self._tail[-TAIL:], text]
        return text

    def _wait(self, output):
        ends = {server.end_fd: server for server in self._servers if server.end_fd is not None}
        left = max(0, self._deadline - time.monotonic())
        ready, _, _ = select.select([output, *ends], [], [], left)
        for fd in ready:
            if fd in ends and output not in ready:
                raise self._error(ends[fd].obituary())
        if not ready:
            raise self._error(f"the virtual machine was not done after {self._seconds} s")

    def _error(self, what):
        return failure(what, self._log_path, self._tail)
