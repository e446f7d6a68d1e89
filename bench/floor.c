/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "initiator.h"
#include "meter.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A side of the conversation: for each message of `in` bytes it sends one of `out` bytes. */
struct side {
    int fd;
    size_t in, out;
    size_t have; /* bytes of a message that has not arrived whole */
    uint8_t *buffer;
};

static bool send_messages(struct side *side, size_t count)
{
    size_t left = count * side->out;

    while (left > 0) {
        struct iovec vec[64];
        struct msghdr message = { .msg_iov = vec };
        size_t room = left;
        ssize_t sent;

        while (message.msg_iovlen < 64 && room > 0) {
            size_t length = room < INITIATOR_RECEIVE ? room : INITIATOR_RECEIVE;
            vec[message.msg_iovlen++] = (struct iovec){ side->buffer, length };
            room -= length;
        }
        sent = sendmsg(side->fd, &message, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        left -= (size_t)sent;
    }
    return true;
}

/* How many messages were completed by one receive; 0 at the end of the connection. */
static bool receive_messages(struct side *side, size_t *count)
{
    ssize_t got = recv(side->fd, side->buffer, INITIATOR_RECEIVE, 0);

    if (got <= 0)
        return false;
    side->have += (size_t)got;
    *count = side->have / side->in;
    side->have %= side->in;
    return true;
}

static bool connect_pair(int fd[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    bool good;

    fd[0] = socket(AF_INET, SOCK_STREAM, 0);
    good = bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0 &&
           getsockname(listener, (struct sockaddr *)&address, &length) == 0 &&
           connect(fd[0], (struct sockaddr *)&address, length) == 0 &&
           (fd[1] = accept(listener, NULL, NULL)) >= 0;
    close(listener);
    for (int i = 0; good && i < 2; i++)
        setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return good;
}

static void serve(struct side *side)
{
    size_t count;

    while (receive_messages(side, &count) && send_messages(side, count))
        continue;
}

static bool ask(struct side *side, const struct load *load, struct meter *meter)
{
    size_t count = load->depth;

    meter_start(meter, load);
    while (!meter_tick(meter, load)) {
        if (!send_messages(side, count) || !receive_messages(side, &count))
            return false;
        meter->ios += count;
    }
    return true;
}

bool floor_run(struct load *load, struct meter *meter)
{
    struct side server = {
        .in = INITIATOR_BHS + (load->write ? load->block : 0),
        .out = INITIATOR_BHS + (load->write ? 0 : load->block),
        .buffer = calloc(1, INITIATOR_RECEIVE),
    };
    struct side client = { .in = server.out, .out = server.in, .buffer = server.buffer };
    int fd[2];
    bool good;

    if (!server.buffer || !connect_pair(fd)) {
        perror("spdbench: floor");
        free(server.buffer);
        return false;
    }
    client.fd = fd[0];
    server.fd = fd[1];
    load->server = fork();
    if (load->server == 0) {
        close(client.fd);
        serve(&server);
        _exit(0);
    }
    close(server.fd);
    good = load->server > 0 && ask(&client, load, meter);
    close(client.fd);
    if (load->server > 0) {
        kill(load->server, SIGKILL);
        waitpid(load->server, NULL, 0);
    }
    free(client.buffer);
    return good;
}
