# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""scripts/build, with a Meson that makes nothing: what lies in build/ by its name alone."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
MESON = """#!/bin/sh
[ "$1" = setup ] || exit 0
while [ $# -gt 2 ]; do shift; done
mkdir -p "$1/meson-info"
touch "$1/build.ninja"
for what in targets buildoptions; do echo '[]' > "$1/meson-info/intro-$what.json"; done
"""


LINK = """
import importlib.machinery, importlib.util, pathlib, sys
loader = importlib.machinery.SourceFileLoader("build", sys.argv[1])
build = importlib.util.module_from_spec(importlib.util.spec_from_loader("build", loader))
sys.dont_write_bytecode = True
loader.exec_module(build)
for _ in range(1000):
    with build.alone():
        build.prune()
        build.link(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
"""


class Build(unittest.TestCase):
    def setUp(self):
        self.tree = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("scripts/build", "packaging/cross/windows-x64.ini", "meson.build",
                     "meson_options.txt", "src/sys/winspd.inf"):
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, self.tree / name)
        tools = self.tree / "tools"
        tools.mkdir()
        for name, text in (("meson", MESON), ("ninja", "#!/bin/sh\n")):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.env = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")

    def build(self):
        subprocess.run([self.tree / "scripts/build", "windows-x64"], env=self.env, check=True,
                       stdout=subprocess.DEVNULL)

    def test_names_of_what_is_made_no_more_go(self):
        self.build()
        links = {place: self.tree / "build" / place / "old" for place in (
            "bin", "lib", "dotnet", "windows")}
        for link in links.values():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to("../windows-x64/made.before")
        kept = self.tree / "build/bin/kept"
        kept.symlink_to(self.tree / "meson.build")
        self.build()
        self.assertEqual([place for place, link in links.items() if link.is_symlink()], [])
        self.assertTrue(kept.exists())
        self.assertTrue((self.tree / "build/windows/winspd.inf").exists())

    def test_two_builds_of_a_kind_do_not_compile_at_once(self):
        """ninja has no lock of its own."""
        ninja = self.tree / "tools/ninja"
        ninja.write_text("#!/bin/sh\nmkdir $2/busy || exit 1\nsleep 0.3\nrmdir $2/busy\n")
        command = [self.tree / "scripts/build", "asan"]
        builds = [subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL)
                  for _ in range(4)]
        self.assertEqual([build.wait() for build in builds], [0] * 4)

    def publish_twice(self, made, look=lambda: None):
        place = self.tree / "build/windows"
        builds = [subprocess.Popen([sys.executable, "-c", LINK, self.tree / "scripts/build", made,
                                    place]) for _ in range(2)]
        while any(build.poll() is None for build in builds):
            look()
        self.assertEqual([build.wait() for build in builds], [0, 0])
        self.assertEqual([found.name for found in place.iterdir()], [made.name])

    def test_two_builds_may_publish_the_same_file(self):
        """And others find it at every moment."""
        made = self.tree / "meson.build"
        link = self.tree / "build/windows" / made.name
        link.parent.mkdir(parents=True)
        link.symlink_to(made)
        missing = []
        self.publish_twice(made, lambda: link.exists() or missing.append(link))
        self.assertEqual(missing, [])

    def test_two_builds_may_publish_what_a_third_has_not_made_yet(self):
        """A link that leads nowhere is old to every build but to the one that makes it."""
        (self.tree / "build").mkdir()
        self.publish_twice(self.tree / "not.made")


if __name__ == "__main__":
    unittest.main()
