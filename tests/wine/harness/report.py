# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Results of tests, in TAP. A test also fails when the judge finds something, or when Wine says
that a program or the emulated kernel has died, whatever the test itself thinks."""

import os
import re
import sys
import traceback


class Skipped(Exception):
    """Raised by a test that cannot run here; the text says why."""


class Report:
    def __init__(self, out=sys.stdout, pattern=None):
        self.out = out
        self.count = self.failed = 0
        self.pattern = os.environ.get("TEST", "") if pattern is None else pattern
        self.part = ""  # the names of further tests begin with this

    def wanted(self, name):
        return re.search(self.pattern, self.part + name)

    def ok(self, name):
        self.count += 1
        print(f"ok {self.count} - {self.part}{name}", file=self.out, flush=True)

    def skip(self, name, reason):
        self.count += 1
        print(f"ok {self.count} - {self.part}{name} # SKIP {reason}", file=self.out, flush=True)

    def fail(self, name, text):
        self.count += 1
        self.failed += 1
        print(f"not ok {self.count} - {self.part}{name}", file=self.out)
        for line in text.splitlines():
            print(f"# {line}", file=self.out, flush=True)

    def judge(self, name, machine, text=""):
        """text: what the test itself complains of. After a failure the machine is started anew,
        since its kernel may be dead or stuck."""
        wrong = machine.new_wrongs()
        if text or wrong:
            self.fail(name, "\n".join([text.rstrip(), *wrong, *machine.last_notes()]))
            machine.restart()
        else:
            self.ok(name)

    def run(self, name, test, machine):
        if not self.wanted(name):
            return
        text = ""
        try:
            test(machine)
        except Skipped as reason:
            self.skip(name, reason)
            return
        except Exception:  # whatever it is, the other tests are still worth running
            text = traceback.format_exc()
        self.judge(name, machine, text)

    def run_program(self, program, machine, *words):
        """Tests in C, those that the words choose: the program ends at the first that fails, and is
        started again for the next."""
        names = [name for name in machine.drive(program, "--list", *words)[1].splitlines()
                 if self.wanted(name)]
        if self.pattern:
            for name in names:
                status, output = machine.drive(program, "--tap", name)
                if not self.say(output) or status:
                    self.judge(name, machine, f"{output}exit status {status}")
            return
        while names:
            status, output = machine.drive(program, "--tap", "--from", names[0], *words)
            done = self.say(output)
            names = names[done:]
            if names and (status or not done):
                name = names.pop(0)
                self.judge(name, machine,
                           output.split(f"# {name}\n")[-1] + f"exit status {status}")
            else:
                wrong = machine.new_wrongs()
                if wrong:
                    self.fail("nothing is wrong after the tests in C", "\n".join(wrong))

    def say(self, output):
        """Passes on what passed or was skipped; how many these are."""
        done = re.findall(r"^ok \d+ - (.*?)(?: # SKIP (.*))?$", output, re.M)
        for name, reason in done:
            self.skip(name, reason) if reason else self.ok(name)
        return len(done)
