# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""The samples of the developer feature are built from what is installed, with its headers and
import libraries alone, by MinGW and as Microsoft's compiler would; what comes out serves a disk.

clang is in the place of Microsoft's compiler, with Wine's headers, which know it as such; lld-link
in that of its linker. It takes all of the C runtime (ucrtbase.dll) but the start of a program.
"""

import glob
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from harness.programs import ended, passes_stgtest, server

from .computer import INSTALLED
from .package import TOP

CPU = {"x64": "x86_64", "x86": "i686"}
START = r"""
#include <windows.h>
#include <shellapi.h>
#include <stdlib.h>
#include <string.h>
#ifdef WIDE
int wmain(int, wchar_t **);
int start(void)
{
    int count;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    exit(wmain(count, words));
}
#else
int main(int, char **);
int start(void)
{
    char *words[] = { "sample", strrchr(GetCommandLineA(), ' ') + 1, NULL };
    exit(main(2, words));
}
#endif
"""


def lines(computer, compiler):
    """The samples' own README says how to build them: words of each line."""
    text = (computer.prefix.drive / INSTALLED / "samples/README.txt").read_text()
    return [shlex.split(line.replace("\\", "/"))
            for line in re.findall(rf"^    ({compiler} .*)$", text, re.M)]


def run(words, folder):
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}"


def for_arch(words, arch):
    return [word.replace("x64", arch) for word in words]


def by_mingw(computer, words, arch, to):
    """The line, with * as a shell has it; where the program is."""
    folder = computer.prefix.drive / INSTALLED / "samples"
    words = [found for word in for_arch(words, arch)
             for found in (sorted(glob.glob(word, root_dir=folder)) if "*" in word else [word])]
    name = words[words.index("-o") + 1].replace(".exe", f"-{arch}.exe")
    words[words.index("-o") + 1] = str(to / name)
    run([f"{CPU[arch]}-w64-mingw32-gcc", *words[1:]], folder)
    return to / name


def by_msvc(computer, words, arch, to):
    folder = computer.prefix.drive / INSTALLED / "samples"
    words = for_arch(words, arch)
    source, = (word for word in words if word.endswith(".c"))
    wide = "/DUNICODE" in words
    name = f"{source.replace('/', '-')[:-2]}-{arch}"
    (to / "start.c").write_text(START)
    options = [word.replace("/I", "-I").replace("/D", "-D") for word in words[1:]
               if word[:2] in ("/I", "/D")]
    resources = subprocess.run(["clang", "-print-resource-dir"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout.strip()
    wine = next(path for path in ("/usr/include/wine/wine", "/usr/include/wine")
                if Path(path, "windows/windows.h").exists())
    for what, more in ((source, []), (to / "start.c", ["-DWIDE"] if wide else [])):
        run(["clang", f"--target={CPU[arch]}-pc-windows-msvc", "-fms-extensions",
             "-fms-compatibility", "-fms-compatibility-version=19.30", "-nostdlibinc",
             "-isystem", f"{resources}/include", "-isystem", f"{wine}/msvcrt",
             "-isystem", f"{wine}/windows", "-isystem", TOP / "tests/sys/msvc",
             "-D_UCRT", "-std=c11", "-O1", "-w", *options, *more, "-c", what,
             "-o", to / f"{name}-{Path(what).stem}.obj"], folder)
    system = f"/usr/{CPU[arch]}-w64-mingw32/lib"
    run(["lld-link", "/nologo", f"/out:{to}/{name}.exe", "/subsystem:console", "/entry:start",
         # MinGW's import libraries know nothing of SafeSEH, which is of x86.
         "/nodefaultlib", "/safeseh:no", to / f"{name}-{Path(source).stem}.obj",
         to / f"{name}-start.obj",
         *(word for word in words if word.endswith("winspd-" + arch + ".lib")),
         *(f"{system}/lib{part}.a" for part in ("rpcrt4", "ucrtbase", "kernel32", "shell32",
                                               "mingwex"))], folder)
    return to / f"{name}.exe"


def serves(computer, program):
    """Behind a pipe, of its own name. Files that the tests have put there themselves stay."""
    target = computer.package / f"{program.stem.replace('-x64', '')}-x64.exe"
    had = target.read_bytes() if target.exists() else None
    shutil.copy(program, target)
    pipe = rf"\\.\pipe\{program.stem}"
    with server(computer, target.stem.replace("-x64", ""), *(
            ["-p", pipe, "--size", "16M"] if "memdisk" in target.stem else [pipe])):
        passes_stgtest(computer, pipe + r"\0", "100", "WR", "*", "*")
    target.unlink()
    if had is not None:
        target.write_bytes(had)


def the_samples_are_built(by, compiler, count):
    """The large ones for x64 alone, since the test of the programs builds them for both."""
    def test(computer):
        to = computer.prefix.folder.parent / f"samples-{compiler}"
        to.mkdir()
        built = [by(computer, words, arch, to) for words in lines(computer, compiler)
                 for arch in CPU if arch == "x64" or "*" not in "".join(words)]
        assert len(built) == count, built
        for program in built:
            if program.stem.endswith("x64") and "rawdisk" not in program.stem:
                serves(computer, program)
        shutil.rmtree(to)
    return test


TESTS = [
    ("MinGW builds the samples, and they serve", the_samples_are_built(by_mingw, "gcc", 8)),
    ("so does a compiler like Microsoft's", the_samples_are_built(by_msvc, "cl", 6)),
]
