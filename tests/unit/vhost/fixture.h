/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A small unit in memory behind a vhost-user-blk: door, and a front end with a guest's driver. The
 * guest's memory is mapped here once more, so both sides share it as processes do.
 */

#ifndef TESTS_UNIT_VHOST_FIXTURE_H
#define TESTS_UNIT_VHOST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../work.h"
#include "doors/vhost/protocol.h"
#include "doors/vhost/virtio.h"
#include "spd/spd.h"

enum {
    BLOCKS = 1024,
    BLOCK = 512,
    SIZE = BLOCKS * BLOCK,
    ERROR_LBA = 1001,          /* a read here is a medium error */
    ALL = SPD_CACHE | SPD_UNMAP_SUPPORTED | SPD_UNMAP_ZEROS,
    RING = 16,                 /* entries */
    RINGS = 4,
    MEMORY = 2 << 20,          /* bytes of each region */
    DATA = 256 << 10,          /* where the guest's buffers begin */
};
#define GUEST UINT64_C(0x40000000) /* the guest address of the first region; the second follows */

extern struct fixture {
    spd_unit *unit;
    char folder[WORK_PATH_MAX];
    char name[WORK_SHORT_MAX]; /* of the folder */
    char path[96];
    uint8_t memory[SIZE];
    atomic_uint writes, flushes, unmaps;
    atomic_uint write_flags; /* the last write's */
    atomic_bool hold;        /* writes wait */
    atomic_uint waiting;
} fixture;

/* more: parameters of the door's name, or NULL. */
void begin(uint32_t flags, const char *more);
/* The unit's end, and a new one on the same medium. */
void restart(uint32_t flags, const char *more);
int fixture_teardown(void **state);
#define TEST(NAME) cmocka_unit_test_teardown(NAME, fixture_teardown)

/* A driver's ring. */
struct ring {
    uint16_t index;
    uint16_t next, seen;       /* available and used entries */
    bool packed, avail_wrap, used_wrap;
    int kick, call;
    uint8_t *descriptors, *available, *used;
};

/* A front end, with two regions of memory that lie next to each other for the guest. */
extern struct front {
    int socket;
    int files[2];
    uint8_t *memory[2];
    uint64_t features;
    int inflight;              /* a descriptor, or -1 */
    struct vhost_inflight_area area;
    struct ring rings[RINGS];
} front;

/* Connects, and asks for nothing. */
void front_connect(void);
/* The connection ends; the guest's memory stays. */
void front_disconnect(void);
void front_send(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
    const int *descriptors, unsigned count);
/* False: the door has closed the connection. */
bool front_receive(struct vhost_header *header, union vhost_payload *payload, int *descriptor);
/* Sends a message with the wish for an answer; what it says. */
uint64_t front_ask(uint32_t request, const void *payload, uint32_t size, int descriptor);
/* The number that the door answers. */
uint64_t front_get(uint32_t request);
/* Negotiates these features, and all of the protocol that the door offers, and shares memory. */
void front_begin(uint64_t features);
/* Starts a ring at its base. */
void front_ring(uint16_t index, uint32_t base);
/* Stops it; its base. */
uint32_t front_stop(uint16_t index);
/* Connects, begins and starts ring 0. */
void front_all(uint64_t features);
enum { BASIC = 0 };

/* Where the guest's byte at an offset is, seen from here; offsets of the second region follow. */
uint8_t *guest_at(uint64_t offset);

struct piece {
    uint64_t offset; /* of GUEST */
    uint32_t length;
    bool written;    /* by the device */
};

/* Makes a chain available; entry: the first descriptor, of which a test has RING. */
void ring_add(struct ring *ring, uint16_t entry, const struct piece *pieces, unsigned count);
/* The same by an indirect table at an offset of the guest's memory. */
void ring_add_table(struct ring *ring, uint16_t entry, uint64_t table, const struct piece *pieces,
    unsigned count);
void ring_descriptor(
    struct ring *ring, uint16_t entry, uint64_t guest, uint32_t length, uint16_t a, uint16_t b);
/* An available entry. */
void ring_offer(struct ring *ring, uint16_t head);
void ring_kick(const struct ring *ring);
/* Waits until the next chain is used; its number, and the bytes written. */
uint16_t ring_wait(struct ring *ring, uint32_t *written);

/* Puts a block request into chain `number`, with its header and status there, and data at an offset
 * of its own; data_length bytes. */
void blk_add(struct ring *ring, uint16_t number, uint32_t type, uint64_t sector,
    uint32_t data_length);
uint8_t *blk_data(uint16_t number);
uint8_t blk_status(uint16_t number);
/* Does a request on ring 0 alone; its status. */
uint8_t blk_do(uint32_t type, uint64_t sector, uint32_t data_length);

#endif
