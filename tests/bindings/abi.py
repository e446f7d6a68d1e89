# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""abi.py FOLDER: says where src/python/spd/_abi.py and the C compiler disagree about spd.h, and
compiles in the folder. Needs the module's PYTHONPATH and SPD_LIBRARY."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path

from spd import _abi

TOP = Path(__file__).resolve().parent.parent.parent
INCLUDE = TOP / "include"
STRUCTURES = {"spd_params": _abi.Params, "spd_ops": _abi.Ops, "spd_device": _abi.Device,
              "spd_status": _abi.Status, "spd_range": _abi.Range, "spd_vec": _abi.Vec,
              "spd_statistics": _abi.Statistics,
              "spd_operation_statistics": _abi.OperationStatistics}
ENUMERATIONS = {"SPD_": [_abi.Operation, _abi.Flags, _abi.Provisioning],
                "SPD_STATUS_": [_abi.ScsiStatus], "SPD_SENSE_": [_abi.Sense]}


def numbers():
    """C expression: what it is here."""
    for name, structure in STRUCTURES.items():
        yield f"sizeof({name})", ctypes.sizeof(structure)
        for field, *_ in structure._fields_:
            yield f"offsetof({name}, {field})", getattr(structure, field).offset
            yield f"sizeof((({name} *)0)->{field})", getattr(structure, field).size
    for prefix, classes in ENUMERATIONS.items():
        for each in classes:
            yield from ((prefix + name, value.value) for name, value in each.__members__.items())
    for name in ("FUA", "MAY_UNMAP", "FAST_ONLY"):
        yield f"SPD_{name}", getattr(_abi, name)
    yield "SPD_ERROR_OPS", _abi.ERROR_OPS
    yield "SPD_ERROR_HANGS", _abi.ERROR_HANGS
    yield "SPD_VERSION_MAJOR", _abi.VERSION[0]
    yield "SPD_VERSION_MINOR", _abi.VERSION[1]
    for name, (asc, ascq) in codes():
        yield f"FIRST(SPD_ASC_{name})", asc
        yield f"SECOND(SPD_ASC_{name})", ascq


def codes():
    return [(name, value) for name, value in vars(_abi.Asc).items() if name.isupper()]


def of_the_compiler(expressions, folder):
    source, binary = folder / "abi.c", folder / "abi"
    lines = "".join(f'    printf("%lld\\n", (long long)({each}));\n' for each in expressions)
    source.write_text("#include <stddef.h>\n#include <stdio.h>\n#include <spd/spd.h>\n"
                      "#define FIRST_(a, b) a\n#define SECOND_(a, b) b\n"
                      "#define FIRST(...) FIRST_(__VA_ARGS__)\n"
                      "#define SECOND(...) SECOND_(__VA_ARGS__)\n"
                      f"int main(void)\n{{\n{lines}    return 0;\n}}\n")
    subprocess.run(["cc", "-I", INCLUDE, "-o", binary, source], check=True)
    said = subprocess.run([binary], check=True, stdout=subprocess.PIPE, text=True).stdout
    return map(int, said.split())


def disagreements(folder):
    here = dict(numbers())
    for (expression, mine), its in zip(here.items(), of_the_compiler(here, folder)):
        if mine != its:
            yield f"{expression} is {its}, and {mine} in _abi.py"
    yield from missing()


def missing():
    """Sense keys and codes that the header has, and functions with another number of arguments."""
    text = "".join(path.read_text() for path in sorted((INCLUDE / "spd").glob("*.h")))
    for name in set(re.findall(r"SPD_SENSE_(\w+) =", text)) - set(_abi.Sense.__members__):
        yield f"Sense has no {name}"
    for name in set(re.findall(r"define SPD_ASC_(\w+)", text)) - set(dict(codes())):
        yield f"Asc has no {name}"
    header = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    for name, (_, *arguments) in {**_abi.QUICK, **_abi.WAITING}.items():
        found = re.search(rf"\b{name}\(([^)]*)\);", header)
        count = 0 if not found or found[1] == "void" else found[1].count(",") + 1
        if not found or count != len(arguments):
            yield f"{name} has {count} arguments, and {len(arguments)} in _abi.py"


if __name__ == "__main__":
    found = list(disagreements(Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(bool(found))
