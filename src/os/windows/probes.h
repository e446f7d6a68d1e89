/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Windows has no USDT probes, so these macros do nothing. */

#ifndef OS_WINDOWS_PROBES_H
#define OS_WINDOWS_PROBES_H

#define OS_PROBE2(name, a, b) ((void)(a), (void)(b))
#define OS_PROBE3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#define OS_PROBE4(name, a, b, c, d) ((void)(a), (void)(b), (void)(c), (void)(d))

#endif
