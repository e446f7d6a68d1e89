# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The cache of the virtual machine, used by two programs at once."""

import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import tempfile
import threading
import time
import types
import unittest
from pathlib import Path
from unittest import mock

VM = Path(__file__).resolve().parent.parent / "vm"
sys.path[:0] = [str(VM), str(VM / "cases")]

import initrd  # noqa: E402
import kernel  # noqa: E402
import machine  # noqa: E402


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


class EmulationTest(unittest.TestCase):
    INT3 = "[   12.505994] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI"

    def test_the_breakpoint_of_a_patch_is_a_failure_of_the_emulation(self):
        for line, kind in ((self.INT3, machine.EmulationError),
                           ("[   12.5] Oops: 0002 [#1] PREEMPT SMP NOPTI", machine.GuestError)):
            error = machine.failure("it ended", "vm.log", [line, *["more"] * 90])
            self.assertIs(type(error), kind)
            self.assertIn("it ended", str(error))

    def run_case(self, failures):
        """How often a case is run that the emulation fails so often, and its results."""
        loader = importlib.machinery.SourceFileLoader("vm_run", str(VM / "run"))
        program = importlib.util.module_from_spec(
            importlib.util.spec_from_loader(loader.name, loader))
        loader.exec_module(program)
        runs = []

        def case(lab):
            runs.append(lab)
            if len(runs) <= failures:
                raise machine.EmulationError("int3")
            lab.say("it works", True)

        said, module = io.StringIO(), types.SimpleNamespace(run=case)
        with mock.patch.dict("os.environ", WORK="/nowhere"), \
                mock.patch.object(program, "Lab", lambda tap, _work: tap), \
                mock.patch("importlib.import_module", return_value=module), \
                contextlib.redirect_stdout(said):
            program.run("case")
        return len(runs), said.getvalue()

    def test_a_case_gets_a_second_try_and_no_third_one(self):
        runs, said = self.run_case(1)
        self.assertEqual(runs, 2)
        self.assertRegex(said, r"(?m)^ok \d+ - it works$")
        self.assertNotIn("not ok", said)
        runs, said = self.run_case(9)
        self.assertEqual(runs, 2)
        self.assertRegex(said, r"(?m)^not ok \d+ - case: runs to its end$")


if __name__ == "__main__":
    unittest.main()
