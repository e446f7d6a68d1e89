# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The cache of the virtual machine, used by two programs at once."""

import sys
import tempfile
import threading
import time
import types
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "vm"))

import initrd  # noqa: E402
import kernel  # noqa: E402


class CacheTest(unittest.TestCase):
    def setUp(self):
        self.cache = self.enterContext(tempfile.TemporaryDirectory())
        self.made = []

    def twice(self, obtain):
        found = []
        threads = [threading.Thread(target=lambda: found.append(obtain())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((len(found), len(self.made)), (2, 1))

    def test_a_kernel_is_fetched_once(self):
        def unpack(_package, _scratch, store):
            self.made.append(store)
            time.sleep(0.3)
            folder = Path(store) / "kernel-6.1"
            folder.mkdir()
            return str(folder)

        with mock.patch.multiple(kernel, _download=mock.Mock(), _unpack=unpack), mock.patch(
                "platform.machine", return_value="x86_64"):
            self.twice(lambda: kernel.obtain(self.cache).release)

    def test_an_archive_is_made_once(self):
        def fill(_archive, system):
            self.made.append(system)
            time.sleep(0.3)

        system = types.SimpleNamespace(release="6.1")
        with mock.patch.multiple(initrd, _add_modules=fill):
            self.twice(lambda: initrd.obtain(self.cache, system))


if __name__ == "__main__":
    unittest.main()
