/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doors/iscsi/digest.h"

enum { PATIENCE_MS = 120000 }; /* for what hangs; what is slow has to pass */

bool client_has_ipv6(void)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

void client_connect_from(struct client *c, const struct disk *disk, uint8_t host)
{
    const char *uri = spd_unit_door_uri(disk->unit, disk->door);
    struct sockaddr_in four = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in from = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    bool is_six = strstr(uri, "//[");
    uint16_t port = htons((uint16_t)atoi(strstr(uri, is_six ? "]:" : "1:") + 2));
    int result;

    memset(c, 0, sizeof *c);
    four.sin_port = six.sin6_port = port;
    c->cmd_sn = 100;
    c->itt = 0x1000;
    c->isid[0] = 0x80;
    c->fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->fd >= 0);
    if (!is_six)
        assert_int_equal(0, bind(c->fd, (struct sockaddr *)&from, sizeof from));
    result = is_six ? connect(c->fd, (struct sockaddr *)&six, sizeof six)
                    : connect(c->fd, (struct sockaddr *)&four, sizeof four);
    assert_int_equal(0, result);
}

void client_connect(struct client *c, const struct disk *disk)
{
    client_connect_from(c, disk, 1);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

void client_send_bytes(struct client *c, const void *bytes, size_t length)
{
    const char *p = bytes;

    while (length > 0) {
        ssize_t n = send(c->fd, p, length, MSG_NOSIGNAL);

        /* The target may have closed already: the test will see that when it receives. */
        if (n < 0)
            return;
        p += n;
        length -= (size_t)n;
    }
}

void client_send(struct client *c, const uint8_t *bhs, const void *data, uint32_t length)
{
    uint8_t header[ISCSI_BHS], digest[ISCSI_DIGEST], pad[4] = { 0 };
    uint32_t padding = -length & 3, crc;

    memcpy(header, bhs, ISCSI_BHS);
    be24_put(header + BHS_DATA_LENGTH, length);
    client_send_bytes(c, header, ISCSI_BHS);
    if (c->header_digest) {
        digest_put(digest, digest_add(DIGEST_SEED, header, ISCSI_BHS) ^ c->spoil_header);
        client_send_bytes(c, digest, ISCSI_DIGEST);
    }
    if (length > 0) {
        client_send_bytes(c, data, length);
        client_send_bytes(c, pad, padding);
        if (c->data_digest) {
            crc = digest_add(digest_add(DIGEST_SEED, data, length), pad, padding);
            digest_put(digest, crc ^ c->spoil_data);
            client_send_bytes(c, digest, ISCSI_DIGEST);
        }
    }
    c->spoil_header = c->spoil_data = false;
}

static bool read_all(struct client *c, void *bytes, size_t length)
{
    char *p = bytes;

    while (length > 0) {
        struct pollfd poller = { .fd = c->fd, .events = POLLIN };
        ssize_t n;

        if (poll(&poller, 1, PATIENCE_MS) != 1)
            fail_msg("no answer");
        n = recv(c->fd, p, length, 0);
        if (n <= 0)
            return false;
        p += n;
        length -= (size_t)n;
    }
    return true;
}

bool client_receive(struct client *c)
{
    uint8_t digest[ISCSI_DIGEST], pad[4];
    uint32_t padding;

    if (!read_all(c, c->bhs, ISCSI_BHS))
        return false;
    if (c->header_digest) {
        assert_true(read_all(c, digest, ISCSI_DIGEST));
        assert_int_equal(digest_add(DIGEST_SEED, c->bhs, ISCSI_BHS), digest_get(digest));
    }
    c->length = be24_get(c->bhs + BHS_DATA_LENGTH);
    assert_true(c->length <= sizeof c->data);
    padding = -c->length & 3;
    if (c->length == 0)
        return true;
    if (!read_all(c, c->data, c->length) || !read_all(c, pad, padding))
        return false;
    if (c->data_digest) {
        assert_true(read_all(c, digest, ISCSI_DIGEST));
        assert_int_equal(digest_add(digest_add(DIGEST_SEED, c->data, c->length), pad, padding),
            digest_get(digest));
    }
    return true;
}

void client_expect(struct client *c, enum iscsi_opcode opcode)
{
    if (!client_receive(c))
        fail_msg("the connection was closed instead of opcode %02x", opcode);
    if ((c->bhs[0] & ISCSI_OPCODE_MASK) != opcode)
        fail_msg("opcode %02x instead of %02x", c->bhs[0], opcode);
}

void client_expect_closed(struct client *c)
{
    while (client_receive(c))
        ;
    client_close(c);
}

void client_send_login(struct client *c, uint8_t flags, const char *text)
{
    uint8_t bhs[ISCSI_BHS] = { ISCSI_LOGIN_REQUEST | ISCSI_IMMEDIATE, flags };
    char keys[9000];
    uint32_t length = (uint32_t)strlen(text);

    assert_true(length < sizeof keys);
    for (uint32_t i = 0; i <= length; i++)
        keys[i] = text[i] == '\n' ? '\0' : text[i];
    if (length > 0 && keys[length - 1] != '\0')
        length++;
    memcpy(bhs + LOGIN_ISID, c->isid, 6);
    be16_put(bhs + LOGIN_TSIH, c->tsih);
    be16_put(bhs + LOGIN_CID, c->cid);
    be32_put(bhs + BHS_ITT, 0x77);
    be32_put(bhs + BHS_CMD_SN, c->cmd_sn);
    client_send(c, bhs, keys, length);
}

int client_login_step(struct client *c, uint8_t flags, const char *text)
{
    client_send_login(c, flags, text);
    client_expect(c, ISCSI_LOGIN_RESPONSE);
    if (be16_get(c->bhs + LOGIN_STATUS) == LOGIN_SUCCESS) {
        assert_memory_equal(c->isid, c->bhs + LOGIN_ISID, 6);
        assert_int_equal(0x77, be32_get(c->bhs + BHS_ITT));
    }
    return be16_get(c->bhs + LOGIN_STATUS);
}

const char *client_value(const struct client *c, const char *key)
{
    size_t length = strlen(key);
    const char *p = (const char *)c->data, *end = p + c->length;

    for (; p < end; p += strlen(p) + 1)
        if (strncmp(p, key, length) == 0 && p[length] == '=')
            return p + length + 1;
    return NULL;
}

void client_login_port(struct client *c, const struct disk *disk, uint8_t port, const char *extra)
{
    char text[4096];

    client_connect(c, disk);
    c->isid[5] = port;
    snprintf(text, sizeof text, NAMES "SessionType=Normal\n%s", extra);
    assert_int_equal(0, client_login_step(c, 0x87, text));
    assert_int_equal(0x87, c->bhs[BHS_FLAGS]);
    c->tsih = be16_get(c->bhs + LOGIN_TSIH);
    assert_int_not_equal(0, c->tsih);
    if (client_value(c, "HeaderDigest"))
        c->header_digest = strcmp(client_value(c, "HeaderDigest"), "CRC32C") == 0;
    if (client_value(c, "DataDigest"))
        c->data_digest = strcmp(client_value(c, "DataDigest"), "CRC32C") == 0;
}

void client_login(struct client *c, const struct disk *disk, const char *extra)
{
    client_login_port(c, disk, 0, extra);
}

void client_login_discovery(struct client *c, const struct disk *disk)
{
    client_connect(c, disk);
    assert_int_equal(0,
        client_login_step(c, 0x87, "InitiatorName=" INITIATOR "\nSessionType=Discovery\n"));
    assert_int_equal(0x87, c->bhs[BHS_FLAGS]);
}

void client_header(struct client *c, uint8_t *bhs, uint8_t opcode, uint8_t flags)
{
    memset(bhs, 0, ISCSI_BHS);
    bhs[0] = opcode;
    bhs[BHS_FLAGS] = flags;
    be32_put(bhs + BHS_ITT, ++c->itt);
    be32_put(bhs + BHS_CMD_SN, c->cmd_sn);
    if ((opcode & ISCSI_OPCODE_MASK) <= ISCSI_TASK_REQUEST)
        bhs[BHS_LUN + 1] = c->lun;
    if (!(opcode & ISCSI_IMMEDIATE))
        c->cmd_sn++;
}

void client_command(struct client *c, uint8_t *bhs, uint8_t flags, uint32_t expected,
    const uint8_t *cdb, size_t cdb_length)
{
    client_header(c, bhs, ISCSI_SCSI_COMMAND, flags);
    be32_put(bhs + COMMAND_EXPECTED_LENGTH, expected);
    memcpy(bhs + COMMAND_CDB, cdb, cdb_length);
}

static void transfer10(struct client *c, uint8_t *bhs, uint8_t opcode, uint8_t flags, uint32_t lba,
    uint16_t blocks)
{
    uint8_t cdb[10] = { opcode };

    be32_put(cdb + 2, lba);
    be16_put(cdb + 7, blocks);
    client_command(c, bhs, flags, (uint32_t)blocks * BLOCK, cdb, sizeof cdb);
}

void client_read10(struct client *c, uint8_t *bhs, uint32_t lba, uint16_t blocks)
{
    transfer10(c, bhs, 0x28, ISCSI_FINAL | COMMAND_READ, lba, blocks);
}

void client_write10(struct client *c, uint8_t *bhs, uint32_t lba, uint16_t blocks)
{
    transfer10(c, bhs, 0x2a, ISCSI_FINAL | COMMAND_WRITE, lba, blocks);
}

int client_status(struct client *c, uint32_t itt)
{
    client_expect(c, ISCSI_SCSI_RESPONSE);
    assert_int_equal(itt, be32_get(c->bhs + BHS_ITT));
    return c->bhs[BHS_STATUS];
}

int client_read(struct client *c, uint32_t lba, uint16_t blocks, void *data)
{
    uint8_t bhs[ISCSI_BHS];
    uint32_t offset = 0;

    client_read10(c, bhs, lba, blocks);
    client_send(c, bhs, NULL, 0);
    for (;;) {
        assert_true(client_receive(c));
        assert_int_equal(c->itt, be32_get(c->bhs + BHS_ITT));
        if ((c->bhs[0] & ISCSI_OPCODE_MASK) == ISCSI_SCSI_RESPONSE)
            return c->bhs[BHS_STATUS];
        assert_int_equal(ISCSI_DATA_IN, c->bhs[0]);
        assert_int_equal(offset, be32_get(c->bhs + BHS_BUFFER_OFFSET));
        memcpy((uint8_t *)data + offset, c->data, c->length);
        offset += c->length;
        if (c->bhs[BHS_FLAGS] & DATA_IN_STATUS)
            return c->bhs[BHS_STATUS];
    }
}

int client_write(struct client *c, uint32_t lba, uint16_t blocks, const void *data)
{
    uint8_t bhs[ISCSI_BHS];

    client_write10(c, bhs, lba, blocks);
    client_send(c, bhs, data, (uint32_t)blocks * BLOCK);
    return client_status(c, c->itt);
}

void client_data_out(struct client *c, uint32_t itt, uint32_t ttt, uint32_t data_sn,
    uint32_t offset, const void *data, uint32_t length, bool final)
{
    uint8_t bhs[ISCSI_BHS] = { ISCSI_DATA_OUT, final ? ISCSI_FINAL : 0 };

    be32_put(bhs + BHS_ITT, itt);
    be32_put(bhs + BHS_TTT, ttt);
    be32_put(bhs + BHS_DATA_SN, data_sn);
    be32_put(bhs + BHS_BUFFER_OFFSET, offset);
    client_send(c, bhs, data, length);
}

void client_settle(struct client *c)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };

    client_command(c, bhs, ISCSI_FINAL, 0, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    assert_int_equal(2, client_status(c, c->itt)); /* POWER ON */
}

void client_login_other(struct client *c, const struct disk *disk)
{
    client_login_port(c, disk, 9, "");
    client_settle(c);
}

void client_nop_out(struct client *c, uint8_t opcode, const void *data, uint32_t length)
{
    uint8_t bhs[ISCSI_BHS];

    client_header(c, bhs, opcode, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(c, bhs, data, length);
}

void client_ping(struct client *c)
{
    client_nop_out(c, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, NULL, 0);
    client_expect(c, ISCSI_NOP_IN);
    assert_int_equal(c->itt, be32_get(c->bhs + BHS_ITT));
}

void client_answer_ping(struct client *c)
{
    uint8_t bhs[ISCSI_BHS];

    client_expect(c, ISCSI_NOP_IN);
    client_header(c, bhs, ISCSI_NOP_OUT | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_ITT, ISCSI_NO_TAG);
    memcpy(bhs + BHS_TTT, c->bhs + BHS_TTT, 4);
    client_send(c, bhs, NULL, 0);
}

uint32_t client_start_read(struct client *c)
{
    uint8_t bhs[ISCSI_BHS];

    client_read10(c, bhs, 0, 1);
    client_send(c, bhs, NULL, 0);
    return c->itt;
}

uint32_t client_start_write(struct client *c, uint8_t attribute, uint32_t *ttt)
{
    uint8_t bhs[ISCSI_BHS];

    client_write10(c, bhs, 0, 1);
    bhs[BHS_FLAGS] = (bhs[BHS_FLAGS] & ~COMMAND_ATTRIBUTE) | attribute;
    client_send(c, bhs, NULL, 0);
    client_expect(c, ISCSI_R2T);
    *ttt = be32_get(c->bhs + BHS_TTT);
    return c->itt;
}

uint32_t client_give_write(struct client *c)
{
    static const uint8_t data[BLOCK];
    uint32_t ttt, tag = client_start_write(c, 1, &ttt);

    client_data_out(c, tag, ttt, 0, 0, data, BLOCK, true);
    return tag;
}

uint32_t client_start_test(struct client *c, uint8_t attribute)
{
    uint8_t bhs[ISCSI_BHS], cdb[6] = { 0 };

    client_command(c, bhs, ISCSI_FINAL | attribute, 0, cdb, sizeof cdb);
    client_send(c, bhs, NULL, 0);
    return c->itt;
}

int client_sense(struct client *c)
{
    return client_status(c, client_start_test(c, 0)) == 0 ? 0 : be16_get(c->data + 14);
}
