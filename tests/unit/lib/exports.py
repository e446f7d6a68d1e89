#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shared library exports the functions of spd.h and nothing else, and is never unloaded."""

import re
import subprocess
import sys

*headers, library = sys.argv[1:]
text = ''.join(open(header).read() for header in headers)
declared = set(re.findall(r'SPD_API[^;]*?\b(spd_\w+)\(', text))
listing = subprocess.run(['nm', '-D', '--defined-only', library],
                         check=True, capture_output=True, text=True).stdout
exported = {line.split()[2].split('@')[0] for line in listing.splitlines()
            if line.split()[1] != 'A'}

flags = subprocess.run(['readelf', '-d', library],
                       check=True, capture_output=True, text=True).stdout

print('1..3')
for number, (name, rest) in enumerate((
        ('every function of spd.h is exported', declared - exported),
        ('nothing else is exported', exported - declared),
        ('dlclose() leaves it in memory', {'NODELETE'} - set(flags.split()))), 1):
    print('not ok' if rest else 'ok', number, '-', name)
    for symbol in sorted(rest):
        print('#', symbol)
sys.exit(0)
