/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The DLL from the inside. Programs see only winspd/winspd.h.
 *
 * A storage unit is an asynchronous device of spd.h whose threads are lent (lib/serve.h): the
 * dispatcher's. On one of them the library submits a request, and the program is called at once; it
 * ends with the program's answer, now or later.
 */

#ifndef DLL_DLL_H
#define DLL_DLL_H

#include <stdbool.h>

#include <winspd/winspd.h>

#include "doors/windows/native.h"
#include "spd/spd.h"

struct answer_due; /* outstanding.c */

enum { OUTSTANDING_BUCKETS = 64 };

/* Requests that the program has and has not answered, by the hint that it knows them by. */
struct outstanding {
    SRWLOCK lock;
    UINT64 last_hint;
    struct answer_due *buckets[OUTSTANDING_BUCKETS];
    struct answer_due *free;
    UINT32 count;
    CONDITION_VARIABLE emptied;
};

struct dll_unit {
    SPD_STORAGE_UNIT base; /* first: it is what the program sees */
    spd_unit *spd;
    struct windows_native native;
    bool started;
    SRWLOCK starting;
    struct outstanding outstanding;
};

static inline struct dll_unit *dll_unit_of(SPD_STORAGE_UNIT *unit)
{
    return (struct dll_unit *)unit;
}

/* State of a dispatcher thread. */
struct context {
    SPD_STORAGE_UNIT_OPERATION_CONTEXT base; /* first: it is what the program sees */
    struct dll_unit *lent_to;                /* NULL: it does not serve, yet or any more */
};

/*
 * The files, in the order of HACKING.md: each calls only those before it, and `tests/lint` checks
 * that.
 */

/* memory.c */
void *dll_alloc(size_t size); /* zeroed */
void dll_free(void *pointer); /* NULL: does nothing */

/* context.c. The first two: a unit needs the threads' slot, and no longer does. */
bool context_hold(void);
void context_release(void);
void context_set(struct context *context); /* sets this thread's; a unit holds the slot */
struct context *context_here(void);        /* NULL: this is no dispatcher thread */

/* outstanding.c. Any thread, save for the last, which finds nobody else. */
/* Returns its hint; 0: there is no memory. */
UINT64 outstanding_add(struct outstanding *table, spd_request *request);
/* NULL: it is unknown or was answered before. */
spd_request *outstanding_take(struct outstanding *table, UINT64 hint);
spd_request *outstanding_take_any(struct outstanding *table);
/* Waits until none is left, but not for ever. */
void outstanding_wait(struct outstanding *table, DWORD milliseconds);
void outstanding_free(struct outstanding *table);

/* debuglog.c. The first two: if the unit's mask has the kind. The last: the base name of the
 * program, without .exe, cut to what fits. */
void dll_log_request(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_REQ *request);
void dll_log_response(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_RSP *response);
void dll_program_name(WCHAR *name, DWORD count);

/* end.c */
/* The first error stays; 0 is an orderly end. */
void dll_unit_end(struct dll_unit *unit, DWORD error);
/* The Windows error for an error of spd.h, the last one of this thread. */
DWORD dll_error(int error);

/* request.c */
void dll_submit(spd_device *device, spd_request *request);
/* The program will not answer. */
void dll_abort(spd_request *request);

#endif
