/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Plays what the bytes say: programs and initiators that come, go, ask, answer, cancel, reset and
 * send garbage, in any order. The shim judges. */

#ifndef SHIM_PLAY_H
#define SHIM_PLAY_H

#include <stddef.h>
#include <stdint.h>

void shim_play(const uint8_t *bytes, size_t size);

#endif
