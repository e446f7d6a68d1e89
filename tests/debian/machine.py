# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A Debian 12 of its own, with systemd as its first process, in which packages are installed.

No virtual machine: the kernel is the host's, and processes, mounts, network and control groups are
namespaces. /sys and /proc/sys cannot be written in it, so that it changes nothing of the host. When
its `unshare` ends, however it ends, everything in it ends.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
SUITE = "bookworm"
# systemd; what the packages depend on; what the smoke test compiles and reads with. tcc is a small
# compiler: gcc would be half of the machine.
PACKAGES = ["systemd", "libgnutls30", "libisal2", "libiscsi7", "libnbd0", "liburing2",
            "libseccomp-dev", "tcc",
            "libc6-dev", "pkg-config", "libiscsi-bin", "python3"]
# For the size of the cache. The setting must not hold for packages that tests install.
LEAVE_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"]
TOOLS = ["mmdebstrap", "unshare", "nsenter", "chroot"]
BOOT = r"""
set -e
echo $$ >"$GROUP/cgroup.procs"
exec unshare --cgroup sh -ec '
    mount --bind "$ROOT" "$ROOT"
    mount -t proc proc "$ROOT/proc"
    mount --bind "$ROOT/proc/sys" "$ROOT/proc/sys"
    mount -o remount,bind,ro "$ROOT/proc/sys"
    mount -t sysfs -o ro sysfs "$ROOT/sys"
    mount -t tmpfs tmpfs "$ROOT/run"
    mount -t cgroup2 cgroup2 "$ROOT/sys/fs/cgroup"
    exec chroot "$ROOT" /usr/bin/env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --system --unit=basic.target --show-status=no --log-target=console'
"""


class Impossible(Exception):
    """It cannot be made here; the text says why."""


def apt_settings():
    """Where this machine has Debian from, and how that is reached."""
    def said(*command):
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    targets = said("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)",
                   "Identifier: Packages").splitlines()
    mirrors = [line.split()[0] for line in targets if line.split()[1:] == [SUITE, "main"]]
    if not mirrors:
        raise Impossible(f"this machine's package sources have no {SUITE}")
    options = re.findall(r"^(Acquire::(?:https?|Retries|Check-Valid-Until)\b.*);$",
                         said("apt-config", "dump"), re.M)
    return mirrors[0], [f"--aptopt={option}" for option in options]


def make_base(cache, log):
    """The archive of what the machine begins as; made once, until it shall be another one."""
    words = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}",
             *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEAVE_OUT),
             "--customize-hook=rm \"$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap\""]
    name = hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]
    base = cache / f"debian-12-systemd-{name}.tar"
    if not base.exists():
        mirror, options = apt_settings()
        new = base.with_suffix(f".{os.getpid()}.tar")
        done = subprocess.run([*words, *options, SUITE, new, mirror], stdin=subprocess.DEVNULL,
                              stdout=log, stderr=subprocess.STDOUT,
                              env=dict(os.environ, TMPDIR="/tmp"))
        if done.returncode:
            new.unlink(missing_ok=True)
            raise Impossible("mmdebstrap could not make a Debian; the log says why")
        new.rename(base)
    return base


def control_groups():
    """Where the host has the second version of control groups."""
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return Path(line.split()[1])
    raise Impossible("the system has no control groups of version 2, which systemd needs")


class Machine:
    def __init__(self, work, cache):
        if os.geteuid() != 0:
            raise Impossible("namespaces with a root of their own need root")
        if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
            raise Impossible(f"there is no {', '.join(missing)}")
        self.root = work / "machine"
        self.group = control_groups() / f"winspd-test-{os.getpid()}"
        self.work = work
        self.log = open(work / "machine.log", "a", encoding="utf-8", errors="replace")
        base = make_base(cache, self.log)
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "-xf", base], check=True)
        (self.root / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n")

    def __enter__(self):
        try:
            self.group.mkdir()
        except OSError as error:
            raise Impossible(f"no control group can be made: {error.strerror}") from error
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child",
             "sh", "-c", BOOT], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, ROOT=str(self.root), GROUP=str(self.group)))
        try:
            self.wait_until_booted()
        except Impossible:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_why):
        self.holder.kill()
        self.holder.wait()
        for folder, _, _ in os.walk(self.group, topdown=False):
            while (Path(folder) / "cgroup.procs").read_text():
                time.sleep(0.05)  # its processes are killed, and not yet gone
            os.rmdir(folder)
        self.log.close()

    def wait_until_booted(self):
        while self.holder.poll() is None:
            if self.command("systemctl", "is-system-running").stdout.strip() in ("running",
                                                                                 "degraded"):
                return
            time.sleep(0.2)
        last = (self.work / "machine.log").read_text(errors="replace").strip().splitlines()[-1:]
        raise Impossible(f"systemd does not start here: {' '.join(last)}")

    def first(self):
        """The host's number of its first process."""
        children = Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text()
        return children.split()[0] if children else "0"

    def outside(self, *command):
        """A program of the host in the network of the machine."""
        return self.run(["nsenter", f"--net=/proc/{self.first()}/ns/net", *command])

    def command(self, *command):
        return self.run(["nsenter", "--target", self.first(), "--all", "--root", "--wd",
                         "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
                         "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *command])

    @staticmethod
    def run(command):
        done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
        print(f"# {' '.join(map(str, command[-6:]))}: {done.returncode}", file=sys.stderr)
        return done
