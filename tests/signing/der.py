# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Reads DER strictly, as X.690 has it and Windows wants it, and what a catalogue says."""

SEQUENCE, SET, OCTETS, BMP = 0x30, 0x31, 0x04, 0x1e


def values(content):
    """(tag, content, all of it) of each value, one behind the other."""
    at = 0
    while at < len(content):
        begin, tag, length = at, content[at], content[at + 1]
        assert tag & 0x1f != 0x1f, "a long tag"
        at += 2
        if length & 0x80:
            count = length & 0x7f
            length = int.from_bytes(content[at:at + count], "big")
            assert count and length >= max(0x80, 1 << 8 * (count - 1)), "a length that is too long"
            at += count
        assert at + length <= len(content), "a value ends behind what it is in"
        at += length
        yield tag, content[at - length:at], content[begin:at]


def walk(content):
    """Each value, those inside others too."""
    for tag, inner, whole in values(content):
        yield tag, inner, whole
        if tag & 0x20:
            yield from walk(inner)


def check(content):
    """X.690 11.6: the values of a SET OF are in order."""
    sets = 0
    for tag, inner, _ in walk(content):
        if tag == SET:
            parts = [whole for _, _, whole in values(inner)]
            padded = [part.ljust(len(inner), b"\0") for part in parts]
            assert padded == sorted(padded), "a set is out of order"
            sets += len(parts) > 1
    assert sets, "there is no set with several values"


def pairs(content):
    """(name, value) wherever a catalogue has one, also inside octets."""
    for tag, inner, _ in walk(content):
        if tag == OCTETS and inner[:1] == bytes([SEQUENCE]):
            try:
                yield from list(pairs(inner))
            except (AssertionError, IndexError):
                pass  # a digest may begin so
        if tag == SEQUENCE:
            parts = list(values(inner))
            if [part[0] for part in parts] == [BMP, 0x02, OCTETS]:
                yield (parts[0][1].decode("utf-16-be"),
                       parts[2][1].decode("utf-16-le").removesuffix("\0"))


def names(content):
    """name: the values it has"""
    found = {}
    for name, value in pairs(content):
        found.setdefault(name, set()).add(value)
    return found


def members(content):
    """file: digest"""
    found = {}
    for tag, inner, _ in walk(content):
        if tag != SEQUENCE:
            continue
        parts = list(values(inner))
        if [part[0] for part in parts] == [OCTETS, SET] and len(parts[0][1]) == 32:
            (name,) = names(parts[1][2])["File"]
            found[name] = parts[0][1]
    return found
