# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""rawdisk as a child process."""

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


class Rawdisk:
    """`rawdisk` serving `image` by iSCSI at 127.0.0.1; `end_fd` becomes readable when it ends.
    farmedium.so of the device tests can take the image out of its reach."""

    def __init__(self, programs, image, blocks, log):
        self._down = f"{image}.down"
        self._env = dict(os.environ, FARMEDIUM_FILE=image, FARMEDIUM_DOWN=self._down,
                         LD_PRELOAD=os.path.join(os.environ["BUILD"],
                                                 "tests/devices/farmedium.so"))
        self._command = [os.path.join(programs, "rawdisk"), "-f", image, "-c", str(blocks)]
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
        command = [*self._command, "-p", f"iscsi://127.0.0.1:{self.port}/{IQN}{self.query}"]
        if not os.access(command[0], os.X_OK):
            raise ServerError(f"there is no program {command[0]}: build it, or set BIN")
        self._process = subprocess.Popen(under_us(command), stdin=subprocess.DEVNULL, env=self._env,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.end_fd = os.pidfd_open(self._process.pid)
        said = []
        with open(self._log_path, "ab") as log:
            for line in self._process.stdout:
                log.write(line)
                said.append(line.decode(errors="replace"))
                found = re.search(r"^serving iscsi://127\.0\.0\.1:(\d+)/", said[-1])
                if found:
                    break
            else:
                self._process.wait()
                raise ServerError(f"{self.obituary()}; it said:\n  " + "  ".join(said))
        self.port = int(found[1])
        self._drain = threading.Thread(target=self._copy_output, daemon=True)
        self._drain.start()

    def kill(self):
        """No warning, no chance to flush anything: the crash."""
        self._end(signal.SIGKILL)

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

    def stop(self):
        """The orderly end; its exit status must be 0."""
        status = self._end(signal.SIGTERM)
        if status != 0:
            raise ServerError(f"rawdisk ended with status {status} on SIGTERM instead of 0; "
                              f"its log is {self._log_path}")

    def obituary(self):
        status = self._process.wait()
        how = f"died of signal {-status}" if status < 0 else f"ended with status {status}"
        return f"rawdisk {how}; its log is {self._log_path}"

    def _log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def _end(self, signum):
        self._process.send_signal(signum)
        try:
            status = self._process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ServerError(f"rawdisk did not end within 120 s of signal {signum}") from None
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
