/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The DLL from the inside. Programs see only winspd/winspd.h. */

#ifndef DLL_DLL_H
#define DLL_DLL_H

#include <stdbool.h>

#include <winspd/winspd.h>

/* One message to or from a unit, with the event that its I/O completes on. Kept by the unit and
 * reused, so that serving a request allocates nothing. */
struct frame {
    struct frame *next;
    HANDLE event;
    UINT64 bytes[]; /* FRAME_HEADER and MaxTransferLength bytes */
};
#define FRAME_HEADER sizeof(SPD_IOCTL_TRANSACT_PARAMS)

/* A request that the program has and has not answered. */
struct pending {
    struct pending *next;
    UINT64 hint;
    UINT64 client_hint; /* pipe: what the client calls it */
    UINT32 length;      /* read: of its data */
    UINT8 kind;
};

enum { OUTSTANDING_BUCKETS = 64 };

struct outstanding {
    SRWLOCK lock;
    struct pending *buckets[OUTSTANDING_BUCKETS];
    struct pending *free;
};

bool outstanding_add(struct outstanding *table, const struct pending *request);
/* False: it is unknown, was answered before, or its client has gone. */
bool outstanding_take(struct outstanding *table, UINT64 hint, struct pending *request);
void outstanding_clear(struct outstanding *table);
void outstanding_free(struct outstanding *table);

struct dll_unit;

/* How requests come and responses go. Calls of one unit may overlap. */
struct transport {
    /* Waits for a request; Hint 0: none this time. Data is for that of a write or an unmap. */
    DWORD (*receive)(struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer,
        SPD_IOCTL_TRANSACT_REQ *request, PVOID data);
    /* Answers without waiting for another request. */
    DWORD (*send)(struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer,
        PVOID data);
    /* receive and send end, with ERROR_OPERATION_ABORTED, now and ever after. Once. */
    void (*stop)(struct dll_unit *unit);
    void (*close)(struct dll_unit *unit);
};

struct dll_unit {
    SPD_STORAGE_UNIT base; /* first: it is what the program sees */
    const struct transport *transport;
    volatile LONG stopped;
    SRWLOCK frames_lock;
    struct frame *frames;
    struct outstanding outstanding;
};

static inline struct dll_unit *dll_unit_of(SPD_STORAGE_UNIT *unit)
{
    return (struct dll_unit *)unit;
}

void *dll_alloc(size_t size); /* zeroed */
void dll_free(void *pointer);

/* unit.c */
struct frame *frame_new(UINT32 data_length);
void frame_free(struct frame *frame);
struct frame *frame_get(struct dll_unit *unit);
void frame_put(struct dll_unit *unit, struct frame *frame);
/* The first error stays; the end that was asked for is none. */
void dll_unit_end(struct dll_unit *unit, DWORD error);

/* driver.c, pipe.c: give the unit its transport, Handle and Btl. */
DWORD driver_open(struct dll_unit *unit, PWSTR device_name);
/* What SpdIoctlTransact() is to know of a unit; and that units have gone. */
void driver_note_transfer_length(UINT32 btl, UINT32 length);
void driver_forget_transfer_lengths(void);
bool pipe_is_name(PCWSTR device_name);
DWORD pipe_open(struct dll_unit *unit, PCWSTR device_name);

/* dispatcher.c */
bool context_hold(void); /* a unit needs the thread's slot */
void context_release(void);

/* debuglog.c: if the unit's mask has the kind */
void dll_log_request(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_REQ *request);
void dll_log_response(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_RSP *response);

/* ioctl.c. event NULL: one for this call. */
DWORD dll_control(HANDLE device, DWORD code, void *in, DWORD in_length, void *out,
    DWORD out_length, DWORD *got, HANDLE event);
/* block and its data are in the frame; in_length and *got include both. */
DWORD dll_transact(HANDLE device, struct frame *frame, DWORD in_length, UINT32 data_length,
    DWORD *got);

/* debuglog.c: the base name of the program, without .exe, cut to what fits. */
void dll_program_name(WCHAR *name, DWORD count);

#endif
