/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The limits of an initiator, of which others notice nothing. */

#include <string.h>
#include <sys/socket.h>

#include "fixture.h"

static void requests_without_reading_replies_end(void **state)
{
    static uint8_t data[ISCSI_RECEIVE_MAX];

    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    for (int i = 0; i < 4 * ISCSI_REPLIES_MAX; i++)
        client_nop_out(&client, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, data, sizeof data);
    client_expect_closed(&client);
}

/* Fewer than may wait, but longer than any socket's buffers. */
static void long_replies_that_are_not_read_end_it_sooner(void **state)
{
    static uint8_t data[ISCSI_RECEIVE_MAX];
    int small = 65536;

    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < ISCSI_REPLIES_MAX - 4; i++)
        client_nop_out(&client, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, data, sizeof data);
    client_expect_closed(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(requests_without_reading_replies_end),
        WITH_DISK(long_replies_that_are_not_read_end_it_sooner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
