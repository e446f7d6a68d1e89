/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A RAM disk for tests of the library, in every kind that a device can be, with handles to hold
 * operations up and to make them fail. */

#ifndef TESTS_UNIT_LIB_TEST_DEVICE_H
#define TESTS_UNIT_LIB_TEST_DEVICE_H

#include "loop_door.h"
#include "os/os.h"

enum { TEST_BLOCK = 512, TEST_BLOCKS = 4096, TEST_HELD_MAX = 64, TEST_LOG_MAX = 64 };

struct test_device {
    unsigned char (*disk)[TEST_BLOCK];
    os_mutex lock;
    os_cond changed;
    bool hold;          /* operations wait (simple), or are kept (asynchronous), until let go */
    unsigned passes;    /* simple ones that may go on all the same */
    bool refuse_nowait; /* WOULD_BLOCK to SPD_NOWAIT */
    bool use_thread;    /* asynchronous: a thread of the test completes */
    spd_status status;  /* what operations end with */
    int result;         /* what simple operations return */
    unsigned held;      /* operations that wait */
    unsigned inside, most_inside;
    unsigned calls[8]; /* by spd_operation */
    unsigned nowait_calls;
    struct {
        spd_operation operation;
        uint64_t lba;
    } log[TEST_LOG_MAX]; /* of the first calls */
    unsigned log_count;
    uint32_t flags; /* of the last call */
    uint64_t lba;
    uint32_t blocks;
    const void *buffer; /* of the last simple call */
    uint32_t pieces;    /* of the last asynchronous one */
    const spd_vec *data;
    spd_request *current; /* of the last call */
    spd_request *aborted; /* the last one that was */
    unsigned aborts;
    unsigned stops;
    void (*abort_hook)(struct test_device *device, spd_request *request); /* called by abort */
    uintptr_t stack_top, stack_bottom; /* of all calls of submit */
    os_thread on_thread; /* pthread_self() of the last call */
    spd_request *kept[TEST_HELD_MAX];
    unsigned kept_count;
    os_thread thread;
    bool ending;
};

extern const spd_ops test_simple_ops, test_async_ops;
/* The same with all operations that a device may lack. */
extern const spd_ops test_simple_verbs, test_async_verbs;

spd_params test_params(uint32_t flags);

/* A started unit behind the loop door. */
spd_unit *test_unit(
    struct test_device *device, const spd_ops *ops, const spd_params *params, uint32_t threads);
/* The same for a device above one that was initialized. */
spd_unit *test_unit_on(const spd_device *top, const spd_params *params, uint32_t threads);
void test_unit_end(spd_unit *unit, struct test_device *device);

/* The counts of an operation. */
spd_operation_statistics test_statistics(const spd_unit *unit, spd_operation operation);

void test_device_init(struct test_device *device);
void test_device_destroy(struct test_device *device);

/* Waits until that many operations are held. */
void test_wait_held(struct test_device *device, unsigned count);
void test_wait_aborts(struct test_device *device, unsigned count);
void test_let_go(struct test_device *device);
/* Lets one simple operation go. */
void test_let_one_go(struct test_device *device);

/* An asynchronous device's own thread, which completes what is kept. */
void test_thread_start(struct test_device *device);
void test_thread_end(struct test_device *device);

#endif
