/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A client of the unix: door, one operation at a time. */

#include "stgtest/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/uri.h"
#include "spd/spd.h"

struct unix_target {
    struct target target; /* first */
    int fd;
};

/* 0; an error when the server has gone or the connection broke. */
static int receive_all(int fd, void *buffer, size_t length)
{
    ssize_t n;

    for (size_t got = 0; got < length; got += (size_t)n) {
        n = recv(fd, (uint8_t *)buffer + got, length - got, 0);
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n <= 0)
            return ERROR_IO_DEVICE;
    }
    return 0;
}

static int send_all(int fd, struct iovec *iov, size_t count)
{
    while (count > 0) {
        struct msghdr message = { .msg_iov = iov, .msg_iovlen = count };
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return ERROR_IO_DEVICE;
        for (size_t left = n > 0 ? (size_t)n : 0; count > 0;) {
            size_t cut = left < iov->iov_len ? left : iov->iov_len;

            iov->iov_base = (uint8_t *)iov->iov_base + cut;
            iov->iov_len -= cut;
            left -= cut;
            if (iov->iov_len > 0)
                break;
            iov++;
            count--;
        }
    }
    return 0;
}

static int transact(struct target *base, const struct transact_request *request, uint8_t *buffer,
    struct transact_response *response)
{
    struct unix_target *target = (struct unix_target *)base;
    struct transact_request message = *request;
    uint8_t header[TRANSACT_HEADER_LENGTH];
    uint8_t range[TRANSACT_RANGE_LENGTH];
    struct iovec iov[2] = { { header, sizeof header }, { buffer, 0 } };
    int error;

    if (request->kind == TRANSACT_UNMAP) {
        struct transact_range whole = { .lba = request->lba, .blocks = request->blocks };

        transact_encode_range(&whole, range);
        message.blocks = 1;
        iov[1].iov_base = range;
    }
    transact_encode_request(&message, header);
    iov[1].iov_len = transact_request_payload(&message, base->block_length);
    error = send_all(target->fd, iov, 2);
    if (error)
        return error;
    error = receive_all(target->fd, header, sizeof header);
    if (error)
        return error;
    transact_decode_response(header, response);
    /* After a stranger's answer nothing in the stream can be trusted. */
    if (response->hint != request->hint)
        return ERROR_IO_DEVICE;
    return receive_all(target->fd, buffer, transact_response_payload(&message,
        base->block_length, &response->status));
}

static void close_target(struct target *base)
{
    struct unix_target *target = (struct unix_target *)base;

    if (target->fd >= 0)
        close(target->fd);
    free(target);
}

static const struct target_ops unix_ops = {
    .transact = transact,
    .close = close_target,
};

static int connect_path(const char *name, const char *path, int *fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "stgtest: %s: a socket path may have %zu bytes (error %d)\n", name,
            sizeof address.sun_path - 1, ERROR_INVALID_PARAMETER);
        return ERROR_INVALID_PARAMETER;
    }
    strcpy(address.sun_path, path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return target_fail(name, "socket");
    if (connect(*fd, (struct sockaddr *)&address, sizeof address))
        return target_fail(name, "cannot connect");
    return 0;
}

static int greet(struct unix_target *target, const char *name)
{
    uint8_t wire[TRANSACT_PARAMS_LENGTH];
    struct transact_params params;

    if (receive_all(target->fd, wire, sizeof wire) || !transact_decode_params(wire, &params)) {
        fprintf(stderr, "stgtest: %s: no storage unit answers there (error %d)\n", name,
            ERROR_IO_DEVICE);
        return ERROR_IO_DEVICE;
    }
    target->target.block_count = params.block_count;
    target->target.block_length = params.block_length;
    target->target.max_transfer_length = params.max_transfer_length;
    target->target.cache = params.flags & TRANSACT_CACHE;
    return 0;
}

int target_open_unix(const char *name, struct target **result)
{
    struct unix_target *target = calloc(1, sizeof *target);
    struct spd_uri uri;
    int error;

    if (!target)
        return target_fail(name, "memory");
    target->target.ops = &unix_ops;
    target->target.allowed = "RWFU";
    target->fd = -1;
    if (spd_uri_parse(name, &uri)) {
        fprintf(stderr, "stgtest: %s: %s (error %d)\n", name, spd_error_detail(),
            ERROR_INVALID_PARAMETER);
        error = ERROR_INVALID_PARAMETER;
    } else {
        error = connect_path(name, uri.path, &target->fd);
        spd_uri_free(&uri);
    }
    if (error == 0)
        error = greet(target, name);
    if (error) {
        close_target(&target->target);
        return error;
    }
    *result = &target->target;
    return 0;
}
