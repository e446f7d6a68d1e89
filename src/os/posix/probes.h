/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* USDT probes of the provider spd, for tracers. Without a tracer, each is an instruction that does
 * nothing. HACKING.md lists them. */

#ifndef OS_POSIX_PROBES_H
#define OS_POSIX_PROBES_H

#include <sys/sdt.h>

#define OS_PROBE2(name, a, b) DTRACE_PROBE2(spd, name, a, b)
#define OS_PROBE3(name, a, b, c) DTRACE_PROBE3(spd, name, a, b, c)
#define OS_PROBE4(name, a, b, c, d) DTRACE_PROBE4(spd, name, a, b, c, d)

#endif
