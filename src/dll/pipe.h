/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#ifndef DLL_PIPE_H
#define DLL_PIPE_H

#include "dll/dll.h"

enum {
    PIPE_NAME_MAX = 256 + 9 + 4,
    PIPE_WAIT_MS = 3600000, /* of a client that says "the default" */
};

struct pipe {
    HANDLE handle;
    HANDLE stop;
    SRWLOCK reader;     /* held while a message is waited for; guards the rest */
    bool connected;
    UINT64 last_hint;   /* what we call requests, lest clients choose how */
    SRWLOCK connection; /* shared: answering; exclusive: hanging up; guards client */
    UINT32 client;
};

/* In both directions the header is as long as a response's. */
#define PIPE_HEADER sizeof(SPD_IOCTL_TRANSACT_RSP)

struct pipe_message {
    SPD_IOCTL_TRANSACT_REQ header;
    DWORD length; /* of all of it, as far as there was room */
    bool too_long;
    UINT32 data_length; /* that the request has, sent or not; pipe_check() */
    SPD_IOCTL_TRANSACT_RSP refusal;
};

static inline struct pipe *pipe_of(struct dll_unit *unit)
{
    return (struct pipe *)((ULONG_PTR)unit->base.Handle & ~(ULONG_PTR)1);
}

/* pipe_check.c: the client is not to be trusted; what the driver guarantees, so does this. */
/* The message's data is in the frame. False: message->refusal says why. */
bool pipe_check(
    const struct dll_unit *unit, struct frame *frame, struct pipe_message *message, UINT32 *length);
/* The request, and the data of a write or an unmap, of a message that was checked. */
void pipe_take(const struct pipe_message *message, const struct frame *frame,
    SPD_IOCTL_TRANSACT_REQ *request, void *data);

#endif
