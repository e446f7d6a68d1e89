/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* What one initiator may take, and that others notice nothing of it. */

#include <string.h>
#include <sys/socket.h>

#include "fixture.h"

static void requests_without_reading_replies_end(void **state)
{
    static uint8_t data[ISCSI_RECEIVE_MAX];

    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    for (int i = 0; i < 4 * ISCSI_REPLIES_MAX; i++)
        client_nop_out(&client, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, data, sizeof(data));
    client_expect_closed(&client);
}

/* Writes that never send their data, as many as there is room for. */
static void those_who_take_all_room_leave_some_for_others(void **state)
{
    enum { GREEDY = ISCSI_DATA_MAX / (QUEUE_DEPTH * BLOCKS * BLOCK) };
    static struct client greedy[GREEDY];
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    for (unsigned i = 0; i < GREEDY; i++) {
        client_login_port(&greedy[i], &disk, (uint8_t)(i + 1), "ImmediateData=No\n");
        client_settle(&greedy[i]);
        for (unsigned j = 0; j < QUEUE_DEPTH; j++) {
            client_write10(&greedy[i], bhs, 0, BLOCKS);
            client_send(&greedy[i], bhs, NULL, 0);
            client_expect(&greedy[i], ISCSI_R2T);
        }
    }
    begin("ImmediateData=No\n");
    client_write10(&client, bhs, 0, BLOCKS);
    client_send(&client, bhs, NULL, 0);
    assert_int_equal(0x28, client_status(&client, client.itt));
    client_write10(&client, bhs, 0, 2048);
    client_send(&client, bhs, NULL, 0);
    client_expect(&client, ISCSI_R2T);
    for (unsigned i = 0; i < GREEDY; i++)
        client_close(&greedy[i]);
}

/* Fewer than may wait, but longer than any socket's buffers. */
static void long_replies_that_are_not_read_end_it_sooner(void **state)
{
    static uint8_t data[ISCSI_RECEIVE_MAX];
    int small = 65536;

    (void)state;
    begin("MaxRecvDataSegmentLength=262144\n");
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    for (int i = 0; i < ISCSI_REPLIES_MAX - 4; i++)
        client_nop_out(&client, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, data, sizeof(data));
    client_expect_closed(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(requests_without_reading_replies_end),
        WITH_DISK(those_who_take_all_room_leave_some_for_others),
        WITH_DISK(long_replies_that_are_not_read_end_it_sooner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
