# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Programs that serve a disk, as child processes."""

import os
import re
import signal
import subprocess
import threading
import time

from machine import under_us

IQN = "iqn.2026-01.org.winspd:demo"


class ServerError(Exception):
    pass


class Server:
    """A program that serves a disk by a URI that follows `command`: over iSCSI at 127.0.0.1, if the
    case has no other `uri`; and by `more` URIs. `uris` has them as they are served. `end_fd`
    becomes readable when it ends."""

    def __init__(self, command, log, env=None, uri=None, more=()):
        self._uri = uri
        self._more = more
        self.uris = []
        self._command = command
        self._env = env
        self._name = os.path.basename(command[0])
        self._log_path = log
        self._process = None
        self._drain = None
        self.end_fd = None
        self.port = 0
        self.query = ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._process and self._process.poll() is None:
            self.kill()

    def start(self):
        """Starts it, on the port it had before if there was one, and waits until it serves.
        `query` holds parameters of the URI, with the question mark."""
        uri = self._uri or f"iscsi://127.0.0.1:{self.port}/{IQN}"
        command = [*self._command, uri + self.query]
        for other in self._more:
            command += ["-p", other]
        if not os.access(command[0], os.X_OK):
            raise ServerError(f"there is no program {command[0]}: build it, or set BIN")
        self._process = subprocess.Popen(under_us(command), stdin=subprocess.DEVNULL, env=self._env,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.end_fd = os.pidfd_open(self._process.pid)
        said, self.uris, ports = [], [], []
        with open(self._log_path, "ab") as log:
            for line in self._process.stdout:
                log.write(line)
                said.append(line.decode(errors="replace"))
                found = re.search(r"^serving (\S+?(?:://127\.0\.0\.1:(\d+)/\S*)?)$", said[-1])
                if found:
                    self.uris.append(found[1])
                    ports.append(int(found[2] or 0))
                if len(self.uris) > len(self._more):
                    break
            else:
                self._process.wait()
                raise ServerError(f"{self.obituary()}; it said:\n  " + "  ".join(said))
        self.port = ports[0]
        self._drain = threading.Thread(target=self._copy_output, daemon=True)
        self._drain.start()

    def kill(self):
        """No warning, no chance to flush anything: the crash."""
        self._end(signal.SIGKILL)

    def stop(self):
        """The orderly end; its exit status must be 0."""
        status = self._end(signal.SIGTERM)
        if status != 0:
            raise ServerError(f"{self._name} ended with status {status} on SIGTERM instead of "
                              f"0; its log is {self._log_path}")

    def obituary(self):
        status = self._process.wait()
        how = f"died of signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{self._name} {how}; its log is {self._log_path}"

    def _end(self, signum):
        self._process.send_signal(signum)
        try:
            status = self._process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ServerError(f"{self._name} did not end within 120 s of signal {signum}") from None
        finally:
            self._drain.join()
            self._process.stdout.close()
            os.close(self.end_fd)
            self.end_fd = None
        return status

    def _copy_output(self):
        with open(self._log_path, "ab", buffering=0) as log:
            for line in self._process.stdout:
                log.write(line)


class Rawdisk(Server):
    """`rawdisk` with this image, which farmedium.so of the device tests can take out of reach."""

    def __init__(self, programs, image, blocks, log, more=()):
        self._down = f"{image}.down"
        preload = os.path.join(os.environ["BUILD"], "tests/devices/farmedium.so")
        super().__init__([os.path.join(programs, "rawdisk"), "-f", image, "-c", str(blocks), "-p"],
                         log, dict(os.environ, FARMEDIUM_FILE=image, FARMEDIUM_DOWN=self._down,
                                   LD_PRELOAD=preload), more=more)

    def cut(self):
        """From now on its image is out of reach: ETIMEDOUT."""
        with open(self._down, "wb"):
            pass

    def wait_busy(self, operation):
        """An initiator has been asked to come again: with a "read" or a "write"."""
        deadline = time.monotonic() + 120
        busy = rf"a {operation} failed at block \d+: Connection timed out \(SCSI status 08h\)"
        while not re.search(busy, self._log()):
            if time.monotonic() > deadline:
                raise ServerError(f"no BUSY within 120 s; the log is {self._log_path}")
            time.sleep(0.05)

    def mend(self):
        os.unlink(self._down)

    def _log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            return log.read()
