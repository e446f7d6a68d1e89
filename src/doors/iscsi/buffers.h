/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Data buffers by size class, from free lists that give unused memory back. */

#ifndef ISCSI_BUFFERS_H
#define ISCSI_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

enum {
    BUFFER_SHIFT = 12,   /* the smallest class is a page */
    BUFFER_CLASSES = 13, /* the greatest is 16 MiB */
};

struct iscsi_buffer_pool {
    void *free[BUFFER_CLASSES]; /* linked through their first bytes */
    size_t cached;              /* bytes in the free lists */
};

struct iscsi_buffer {
    uint8_t *base;   /* page-aligned; NULL: none */
    uint32_t length; /* its class's */
};

/* length 1..16 MiB; without a base when there is no memory. */
struct iscsi_buffer iscsi_buffer_get(struct iscsi_buffer_pool *pool, uint32_t length);
/* Does nothing when there is none; there is none afterwards. */
void iscsi_buffer_put(struct iscsi_buffer_pool *pool, struct iscsi_buffer *buffer);
/* The length that iscsi_buffer_get() would give. */
uint32_t iscsi_buffer_length(uint32_t length);
/* Gives the free lists back to the system. */
void iscsi_buffer_trim(struct iscsi_buffer_pool *pool);

#endif
