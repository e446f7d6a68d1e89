# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Writes cpio archives of the form that the kernel unpacks as its initramfs ("newc")."""

import os
import stat


class Archive:
    """Members go to a stream as they are added; directories above them are added by themselves."""

    def __init__(self, stream):
        self._stream = stream
        self._inode = 0
        self._directories = {""}

    def file(self, name, data, executable=False):
        self._parents(name)
        self._member(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def copy(self, name, source):
        """The content of source; symbolic links are followed."""
        with open(source, "rb") as stream:
            self.file(name, stream.read(), os.access(source, os.X_OK))

    def link(self, name, target):
        self._parents(name)
        self._member(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def directory(self, name):
        self._parents(name + "/")

    def close(self):
        self._member("TRAILER!!!", 0, b"")

    def _parents(self, name):
        parts = name.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            if path not in self._directories:
                self._directories.add(path)
                self._member(path, stat.S_IFDIR | 0o755, b"")

    def _member(self, name, mode, data):
        self._inode += 1
        encoded = os.fsencode(name) + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        # Names and data each end on a multiple of four bytes.
        self._stream.write(header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4))
