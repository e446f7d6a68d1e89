/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/vhost/message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
    char bytes[CMSG_SPACE(VHOST_DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
};

void vhost_message_begin(struct vhost_message *message)
{
    memset(message, 0, sizeof *message);
    memset(message->descriptors, -1, sizeof message->descriptors);
}

void vhost_message_end(struct vhost_message *message)
{
    for (int i = 0; i < message->descriptor_count; i++) {
        if (message->descriptors[i] >= 0)
            close(message->descriptors[i]);
    }
    vhost_message_begin(message);
}

int vhost_message_descriptor(struct vhost_message *message)
{
    int descriptor = message->descriptors[0];

    message->descriptors[0] = -1;
    return descriptor;
}

/* False: they were too many, and the rest is closed. */
static bool take_descriptors(struct vhost_message *message, struct msghdr *from)
{
    bool fit = !(from->msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *c = CMSG_FIRSTHDR(from); c; c = CMSG_NXTHDR(from, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int descriptor;

            memcpy(&descriptor, CMSG_DATA(c) + i * sizeof descriptor, sizeof descriptor);
            if (message->descriptor_count < VHOST_DESCRIPTORS) {
                message->descriptors[message->descriptor_count++] = descriptor;
            } else {
                close(descriptor);
                fit = false;
            }
        }
    }
    return fit;
}

/* A single call of the system: it stops where descriptors of another message begin. */
static ssize_t receive(struct vhost_message *message, int socket, void *to, size_t length,
    const char **why)
{
    union control control;
    struct iovec piece = { .iov_base = to, .iov_len = length };
    struct msghdr from = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    ssize_t n;

    do
        n = recvmsg(socket, &from, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0 && !take_descriptors(message, &from)) {
        *why = "a message with more descriptors than any has";
        return 0;
    }
    if (n < 0 && errno != EAGAIN)
        *why = strerror(errno);
    return n;
}

enum vhost_received vhost_message_receive(
    struct vhost_message *message, int socket, const char **why)
{
    *why = NULL;
    for (;;) {
        bool in_header = message->received < sizeof message->header;
        size_t end = sizeof message->header + (in_header ? 0 : message->header.size);
        uint8_t *to = in_header ? (uint8_t *)&message->header + message->received :
            (uint8_t *)&message->payload + (message->received - sizeof message->header);
        ssize_t n;

        if (!in_header && message->header.size > sizeof message->payload) {
            *why = "a message is longer than any";
            return VHOST_RECEIVED_END;
        }
        if (message->received == end)
            return VHOST_RECEIVED_ALL;
        n = receive(message, socket, to, end - message->received, why);
        if (n == 0 || *why)
            return VHOST_RECEIVED_END;
        if (n < 0)
            return message->received ? VHOST_RECEIVED_PART : VHOST_RECEIVED_NOTHING;
        message->received += (size_t)n;
    }
}

static void attach(struct msghdr *to, union control *control, int descriptor)
{
    struct cmsghdr *c;

    memset(control, 0, sizeof *control);
    to->msg_control = control->bytes;
    to->msg_controllen = CMSG_SPACE(sizeof descriptor);
    c = CMSG_FIRSTHDR(to);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
}

const char *vhost_message_send(
    int socket, const struct vhost_header *header, const void *payload, int descriptor)
{
    union control control;
    struct iovec pieces[] = {
        { .iov_base = (void *)(uintptr_t)header, .iov_len = sizeof *header },
        { .iov_base = (void *)(uintptr_t)payload, .iov_len = header->size },
    };
    struct msghdr to = { .msg_iov = pieces, .msg_iovlen = 2 };
    ssize_t n;

    if (descriptor >= 0)
        attach(&to, &control, descriptor);
    do
        n = sendmsg(socket, &to, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? "it does not read answers" : strerror(errno);
    return (size_t)n == sizeof *header + header->size ? NULL : "it does not read answers";
}
