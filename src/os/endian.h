/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Little-endian numbers in structures that have the layout of a wire; Windows has no others. */

#ifndef OS_ENDIAN_H
#define OS_ENDIAN_H

#ifdef _WIN32
#define htole32(x) (x)
#define htole64(x) (x)
#define le32toh(x) (x)
#define le64toh(x) (x)
#else
#include <endian.h>
#endif

#endif
