/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A call to the launcher through its pipe, for launchctl and the shell extension. No Windows header
 * is needed: the native tests compile what calls it, and answer in the launcher's place.
 */

#ifndef LAUNCH_CLIENT_H
#define LAUNCH_CLIENT_H

#include "launch/protocol.h"

enum {
    LAUNCH_BUSY_MS = 15000, /* the wait for a pipe when others have them all */
    LAUNCH_CALL_MS = 60000, /* the wait for an answer: a stop waits for file systems to flush */
};

/* The strings lie in the message. */
struct launch_reply {
    uint32_t error;          /* the launcher's: 0, or why it refused */
    const char16_t *payload; /* strings, each with its NUL */
    size_t payload_length;   /* characters */
    size_t bytes;            /* the message's length */
    char16_t message[LAUNCH_MESSAGE_MAX];
};

/*
 * Sends the request and waits for its answer, at most LAUNCH_CALL_MS. Any thread; it blocks, and
 * allocates nothing that stays. The launcher learns who calls, and cannot act in the caller's name.
 *
 * Returns an error of the transport; then the reply has no meaning. ERROR_FILE_NOT_FOUND: no
 * launcher runs. ERROR_ACCESS_DENIED: the pipe is not LocalSystem's. ERROR_INVALID_PARAMETER: the
 * request is longer than a message. Others are ERROR_PIPE_BUSY and WAIT_TIMEOUT. Or 0: reply->error
 * has the launcher's error, or LAUNCH_ERROR_MALFORMED if its message is no answer.
 */
uint32_t launch_call(const struct launch_request *request, struct launch_reply *reply);

#endif
