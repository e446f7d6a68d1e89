# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A tree of files as people have them, the same every time: many small, few large, some empty,
names with spaces and beyond ASCII, directories in directories."""

import hashlib
import random

SEED = 7143
LARGE = 4
SMALL = 236


def files():
    """Pairs of path and content, about 14 MiB in all."""
    source = random.Random(SEED)
    tree = [("empty", b""), ("with a space/and another", source.randbytes(700)),
            ("Übergröße/データ/ηλεκτρόνιο", source.randbytes(5000))]
    for number in range(LARGE):
        tree.append((f"large/{number}.bin", source.randbytes(source.randrange(2 << 20, 3 << 20))))
    for number in range(SMALL):
        directory = "/".join(source.choice("abcdef") for _ in range(source.randrange(1, 5)))
        # Sizes of real trees spread over powers of two; half of these are under 4 KiB.
        size = source.randrange(1 << source.randrange(6, 18))
        tree.append((f"{directory}/file-{number:03}", source.randbytes(size)))
    return tree


def checksums(tree):
    """The text that `sha256sum -c` takes."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in tree]
    return "".join(lines).encode()
