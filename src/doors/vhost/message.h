/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Messages of a front end, with their descriptors, from a stream socket that may hold half of one;
 * and the answers. Front ends send the next message only after an answer, so answers always fit. */

#ifndef VHOST_MESSAGE_H
#define VHOST_MESSAGE_H

#include <stddef.h>

#include "doors/vhost/protocol.h"

struct vhost_message {
    struct vhost_header header;
    union vhost_payload payload;
    int descriptors[VHOST_DESCRIPTORS]; /* -1: none */
    int descriptor_count;
    size_t received; /* bytes of header and payload */
};

enum vhost_received { VHOST_RECEIVED_NOTHING, VHOST_RECEIVED_PART, VHOST_RECEIVED_ALL,
    VHOST_RECEIVED_END };

/* Zeroes a message. */
void vhost_message_begin(struct vhost_message *message);
/* Goes on receiving. At the end, *why is the reason, or NULL: the peer has closed the socket. */
enum vhost_received vhost_message_receive(
    struct vhost_message *message, int socket, const char **why);
/* The first descriptor, which is the caller's from now on; -1: there is none. */
int vhost_message_descriptor(struct vhost_message *message);
/* Closes the descriptors that nobody took. */
void vhost_message_end(struct vhost_message *message);
/* Sends header and payload, and a descriptor unless it is -1. NULL, or why it did not. */
const char *vhost_message_send(
    int socket, const struct vhost_header *header, const void *payload, int descriptor);

#endif
