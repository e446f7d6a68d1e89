/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Data buffers by size class, from free lists that give their memory back when nobody needs it. */

#ifndef ISCSI_BUFFERS_H
#define ISCSI_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

enum {
    BUFFER_SHIFT = 12,   /* the smallest class is a page */
    BUFFER_CLASSES = 13, /* the greatest is 16 MiB */
};

struct buffer_pool {
    void *free[BUFFER_CLASSES]; /* linked through their first bytes */
    size_t cached;              /* bytes in the free lists */
};

struct buffer {
    uint8_t *base;   /* page-aligned; NULL: none */
    uint32_t length; /* of its class */
};

/* length 1..16 MiB; false when there is no memory. */
_Bool buffer_get(struct buffer_pool *pool, uint32_t length, struct buffer *buffer);
/* Does nothing when there is none; there is none afterwards. */
void buffer_put(struct buffer_pool *pool, struct buffer *buffer);
/* The length that buffer_get() would give. */
uint32_t buffer_length(uint32_t length);
/* Gives the free lists back to the system. */
void buffer_trim(struct buffer_pool *pool);

#endif
