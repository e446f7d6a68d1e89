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
    UINT64 tag;    /* pipe: what the client calls it; library: its job */
    UINT32 length; /* read: of its data; library: of an unmap, its ranges */
    UINT32 client; /* pipe: the number of the connection */
    UINT8 kind;
};

enum { OUTSTANDING_BUCKETS = 64 };

struct outstanding {
    SRWLOCK lock;
    struct pending *buckets[OUTSTANDING_BUCKETS];
    struct pending *free;
    UINT32 count;
    CONDITION_VARIABLE emptied;
};

bool outstanding_add(struct outstanding *table, const struct pending *request);
/* False: it is unknown or was answered before. */
bool outstanding_take(struct outstanding *table, UINT64 hint, struct pending *request);
bool outstanding_take_any(struct outstanding *table, struct pending *request);
/* Waits until there is none, but not for ever. */
void outstanding_wait(struct outstanding *table, DWORD milliseconds);
void outstanding_free(struct outstanding *table);

struct dll_unit;

/* How requests come and responses go. Calls of one unit may overlap. */
struct transport {
    /* May be NULL: before the first dispatcher thread is made. Again after a failure. */
    DWORD (*start)(struct dll_unit *unit);
    /* Waits for a request; Hint 0: none this time. Data is for that of a write or an unmap. */
    DWORD (*receive)(struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer,
        SPD_IOCTL_TRANSACT_REQ *request, PVOID data);
    /* Answers without waiting for another request. */
    DWORD (*send)(struct dll_unit *unit, struct frame *frame, SPD_IOCTL_TRANSACT_RSP *answer,
        PVOID data);
    /* receive and send end, with ERROR_OPERATION_ABORTED, now and ever after. Once. */
    void (*stop)(struct dll_unit *unit);
    /* May be NULL: all dispatcher threads but the calling one have ended, and nobody will answer
     * what is outstanding now. */
    void (*finish)(struct dll_unit *unit);
    void (*close)(struct dll_unit *unit);
};

struct dll_unit {
    SPD_STORAGE_UNIT base; /* first: it is what the program sees */
    const struct transport *transport;
    WCHAR *name; /* for clients */
    volatile LONG stopped;
    SRWLOCK starting;
    SRWLOCK issuing; /* driver: shared while a transaction is handed over; see driver_stop() */
    SRWLOCK frames_lock;
    struct frame *frames;
    UINT32 frame_length;
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
bool dll_unit_set_name(struct dll_unit *unit, PCWSTR name);
/* What counts of a program's answer: the rest of its structure is whatever its stack held. */
SPD_IOCTL_TRANSACT_RSP dll_answer(
    UINT64 hint, UINT8 kind, const SPD_IOCTL_STORAGE_UNIT_STATUS *status);
/* The driver's rules, for where there is no driver. */
bool dll_params_are_valid(const SPD_STORAGE_UNIT_PARAMS *params);

/* driver.c, pipe.c, library.c: give the unit its transport, name, frame length, Handle and Btl. */
DWORD driver_open(struct dll_unit *unit, PWSTR device_name);
/* What SpdIoctlTransact() is to know of a unit; and that units have gone. */
void driver_note_transfer_length(UINT32 btl, UINT32 length);
void driver_forget_transfer_lengths(void);
bool pipe_is_name(PCWSTR device_name);
DWORD pipe_open(struct dll_unit *unit, PCWSTR device_name);
bool library_is_name(PCWSTR device_name);
DWORD library_open(struct dll_unit *unit, PCWSTR device_name);

/* dispatcher.c */
bool context_hold(void); /* a unit needs the thread's slot */
void context_release(void);

/* debuglog.c: if the unit's mask has the kind */
void dll_log_request(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_REQ *request);
void dll_log_response(SPD_STORAGE_UNIT *unit, SPD_IOCTL_TRANSACT_RSP *response);

/* ioctl.c */
HANDLE dll_event_take(void); /* manual-reset; NULL: none could be made */
void dll_event_give(HANDLE event);
void dll_events_close(void);
DWORD dll_control(HANDLE device, DWORD code, void *in, DWORD in_length, void *out,
    DWORD out_length, DWORD *got);
/* block and its data are in the frame; in_length and *got include both. unit may be NULL; a stopped
 * one is left alone. */
DWORD dll_transact(struct dll_unit *unit, HANDLE device, struct frame *frame, DWORD in_length,
    UINT32 data_length, DWORD *got);

/* debuglog.c: the base name of the program, without .exe, cut to what fits. */
void dll_program_name(WCHAR *name, DWORD count);

#endif
