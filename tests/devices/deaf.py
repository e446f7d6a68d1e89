# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""A reader of a program's words that does not read."""

import contextlib
import os


@contextlib.contextmanager
def full_pipe():
    """A pipe that has no room; its reader, its writer and how much is in it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    try:
        yield reader, writer, filled
    finally:
        os.close(reader)
        os.close(writer)
