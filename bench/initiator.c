/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "initiator.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool initiator_fail(struct initiator *ini, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(ini->error, sizeof ini->error, format, args);
    va_end(args);
    return false;
}

static uint32_t min32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/*
 * Sending
 */

static bool flush(struct initiator *ini)
{
    struct msghdr message = { .msg_iov = ini->send_vec, .msg_iovlen = ini->send_vecs };

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(ini->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return initiator_fail(ini, "send: %s", strerror(errno));
        while (message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len) {
            sent -= (ssize_t)message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = (uint8_t *)message.msg_iov->iov_base + sent;
            message.msg_iov->iov_len -= (size_t)sent;
        }
    }
    ini->send_pdus = 0;
    ini->send_vecs = 0;
    return true;
}

uint8_t *initiator_new_pdu(struct initiator *ini, uint8_t opcode)
{
    uint8_t *bhs;

    if (ini->send_pdus == INITIATOR_SEND_PDUS && !flush(ini))
        return NULL;
    bhs = ini->send_bhs[ini->send_pdus++];
    memset(bhs, 0, INITIATOR_BHS);
    bhs[0] = opcode;
    put32(bhs + 28, ini->exp_stat_sn);
    return bhs;
}

void initiator_queue_pdu(struct initiator *ini, uint8_t *bhs, const void *data, uint32_t length)
{
    put32(bhs + 4, length); /* the first byte, TotalAHSLength, stays zero: segments are < 2^24 */
    ini->send_vec[ini->send_vecs++] = (struct iovec){ bhs, INITIATOR_BHS };
    if (length > 0)
        ini->send_vec[ini->send_vecs++] = (struct iovec){ (void *)data, (length + 3) & ~3u };
}

/* Data-Out PDUs for [offset, end), the last of them final; RFC 7143 11.7. */
static bool queue_data_out(
    struct initiator *ini, uint32_t tag, uint32_t transfer_tag, uint32_t offset, uint32_t end)
{
    uint32_t sn = 0;

    while (offset < end) {
        uint32_t length = min32(end - offset, ini->max_send);
        uint8_t *bhs = initiator_new_pdu(ini, DATA_OUT);
        if (!bhs)
            return false;
        bhs[1] = offset + length == end ? FINAL : 0;
        bhs[9] = ini->lun;
        put32(bhs + 16, tag);
        put32(bhs + 20, transfer_tag);
        put32(bhs + 36, sn++);
        put32(bhs + 40, offset);
        initiator_queue_pdu(ini, bhs, ini->tasks[tag].data + offset, length);
        offset += length;
    }
    return true;
}

bool initiator_window_open(const struct initiator *ini)
{
    return (int32_t)(ini->max_cmd_sn - ini->cmd_sn) >= 0; /* serial number arithmetic, 4.2.2.1 */
}

bool initiator_submit(struct initiator *ini, uint32_t tag)
{
    struct initiator_task *task = &ini->tasks[tag];
    uint32_t immediate = 0, unsolicited = 0;
    uint8_t *bhs = initiator_new_pdu(ini, SCSI_COMMAND);

    if (!bhs)
        return false;
    if (task->write && !task->silent) {
        unsolicited = min32(task->length, ini->first_burst);
        if (ini->immediate_data)
            immediate = min32(unsolicited, ini->max_send);
        if (ini->initial_r2t)
            unsolicited = immediate;
    }
    task->busy = true;
    task->received = 0;
    bhs[1] = task->write ? 0x20 : task->length > 0 ? 0x40 : 0; /* W, R */
    bhs[1] |= task->ordered ? 0x02 : 0x01;
    if (immediate == unsolicited)
        bhs[1] |= FINAL;
    bhs[9] = ini->lun;
    put32(bhs + 16, tag);
    put32(bhs + 20, task->length);
    put32(bhs + 24, ini->cmd_sn++);
    memcpy(bhs + 32, task->cdb, sizeof task->cdb);
    initiator_queue_pdu(ini, bhs, task->data, immediate);
    return queue_data_out(ini, tag, NO_TAG, immediate, unsolicited);
}

/*
 * Receiving
 */

static struct initiator_task *task_of(struct initiator *ini, const uint8_t *bhs)
{
    uint32_t tag = get32(bhs + 16);

    if (tag < INITIATOR_DEPTH_MAX && ini->tasks[tag].busy)
        return &ini->tasks[tag];
    initiator_fail(ini, "PDU %02Xh names task %08Xh, which is not outstanding", bhs[0], tag);
    return NULL;
}

/* Everything but a Login Request carries StatSN (valid unless said otherwise), ExpCmdSN, MaxCmdSN.
 */
static void take_numbers(struct initiator *ini, const uint8_t *bhs, bool stat_sn)
{
    uint32_t max = get32(bhs + 32);

    if (stat_sn)
        ini->exp_stat_sn = get32(bhs + 24) + 1;
    if ((int32_t)(max - ini->max_cmd_sn) > 0)
        ini->max_cmd_sn = max;
}

static bool finish(struct initiator *ini, struct initiator_task *task, uint8_t status)
{
    if (!task)
        return false;
    if (status == 0 && !task->write && task->received != task->length)
        return initiator_fail(ini, "a read returned %u bytes of %u", task->received, task->length);
    task->status = status;
    task->busy = false;
    ini->done(ini, (uint32_t)(task - ini->tasks));
    return true;
}

/* The header has arrived: checks it and says where its data goes. */
static bool begin_data(struct initiator *ini)
{
    const uint8_t *bhs = ini->bhs;
    uint32_t length = get32(bhs + 4) & 0xffffff;
    struct initiator_task *task;

    if (bhs[4] != 0)
        return initiator_fail(ini, "PDU %02Xh has an additional header segment", bhs[0]);
    if (length > ini->max_receive)
        return initiator_fail(
            ini, "PDU %02Xh has %u bytes of data, limit %u", bhs[0], length, ini->max_receive);
    ini->data_left = length;
    ini->data_pad = -length & 3;
    ini->sink_room = 0;
    switch (bhs[0] & OPCODE_MASK) {
    case LOGIN_RESPONSE:
        ini->sink = (uint8_t *)ini->text + ini->text_length;
        ini->sink_room = (uint32_t)sizeof ini->text - 1 - ini->text_length;
        break;
    case SCSI_RESPONSE:
        memset(ini->scratch, 0, sizeof ini->scratch);
        ini->sink = ini->scratch;
        ini->sink_room = sizeof ini->scratch;
        break;
    case DATA_IN:
        task = task_of(ini, bhs);
        if (!task)
            return false;
        /* RFC 7143 4.1: data and status numbers are in order, and so must the offsets be here */
        if (task->write || get32(bhs + 40) != task->received ||
            length > task->length - task->received)
            return initiator_fail(ini, "Data-In at %u of %u bytes, expected at %u", get32(bhs + 40),
                length, task->received);
        if (task->data) {
            ini->sink = task->data + task->received;
            ini->sink_room = length;
        }
        task->received += length;
        break;
    }
    return true;
}

static bool answer_nop_in(struct initiator *ini, const uint8_t *bhs)
{
    uint8_t *out;

    take_numbers(ini, bhs, get32(bhs + 16) != NO_TAG);
    if (get32(bhs + 20) == NO_TAG) /* no answer wanted, 11.19 */
        return true;
    out = initiator_new_pdu(ini, NOP_OUT | IMMEDIATE);
    if (!out)
        return false;
    out[1] = FINAL;
    memcpy(out + 8, bhs + 8, 8);
    put32(out + 16, NO_TAG);
    memcpy(out + 20, bhs + 20, 4);
    put32(out + 24, ini->cmd_sn);
    initiator_queue_pdu(ini, out, NULL, 0);
    return true;
}

static bool answer_r2t(struct initiator *ini, const uint8_t *bhs)
{
    struct initiator_task *task = task_of(ini, bhs);
    uint32_t offset = get32(bhs + 40), length = get32(bhs + 44);

    take_numbers(ini, bhs, false);
    if (!task)
        return false;
    if (!task->write || offset > task->length || length > task->length - offset ||
        length > ini->max_burst || length == 0)
        return initiator_fail(
            ini, "R2T for %u bytes at %u of a transfer of %u", length, offset, task->length);
    if (task->silent)
        return true;
    return queue_data_out(ini, get32(bhs + 16), get32(bhs + 20), offset, offset + length);
}

static bool take_login_response(struct initiator *ini, const uint8_t *bhs)
{
    if (bhs[36] != 0)
        return initiator_fail(ini, "login refused: status %02X%02Xh", bhs[36], bhs[37]);
    ini->text_length += min32(
        get32(bhs + 4) & 0xffffff, (uint32_t)sizeof ini->text - 1 - ini->text_length);
    ini->text[ini->text_length] = '\0';
    ini->exp_stat_sn = get32(bhs + 24) + 1;
    ini->max_cmd_sn = get32(bhs + 32);
    ini->tsih = (uint16_t)get32(bhs + 12);
    ini->login_final = (bhs[1] & FINAL) != 0;
    ini->login_answered = true;
    return true;
}

/* A PDU has arrived whole. */
static bool finish_pdu(struct initiator *ini)
{
    const uint8_t *bhs = ini->bhs;
    struct initiator_task *task;

    switch (bhs[0] & OPCODE_MASK) {
    case DATA_IN:
        take_numbers(ini, bhs, (bhs[1] & 1) != 0);
        return (bhs[1] & 1) == 0 || finish(ini, task_of(ini, bhs), bhs[3]); /* S: with status */
    case SCSI_RESPONSE:
        take_numbers(ini, bhs, true);
        task = task_of(ini, bhs);
        if (bhs[2] != 0)
            return initiator_fail(ini, "SCSI Response with response code %02Xh", bhs[2]);
        if (task)
            memcpy(task->sense, ini->scratch + 2, sizeof task->sense);
        return finish(ini, task, bhs[3]);
    case R2T:
        return answer_r2t(ini, bhs);
    case NOP_IN:
        return answer_nop_in(ini, bhs);
    case LOGIN_RESPONSE:
        return take_login_response(ini, bhs);
    case LOGOUT_RESPONSE:
        ini->logged_out = true;
        return true;
    default:
        return initiator_fail(ini, "the target sent a PDU %02Xh", bhs[0] & OPCODE_MASK);
    }
}

/* Takes part of a data segment; returns the bytes used. */
static uint32_t take_data(struct initiator *ini, const uint8_t *bytes, uint32_t have)
{
    uint32_t length = min32(have, ini->data_left), copy = min32(length, ini->sink_room), pad;

    if (copy > 0) {
        memcpy(ini->sink, bytes, copy);
        ini->sink += copy;
        ini->sink_room -= copy;
    }
    ini->data_left -= length;
    pad = min32(have - length, ini->data_pad);
    ini->data_pad -= pad;
    return length + pad;
}

static bool parse(struct initiator *ini, uint32_t have)
{
    const uint8_t *p = ini->receive, *end = p + have;

    while (p < end) {
        if (ini->data_left + ini->data_pad == 0) {
            if (end - p < INITIATOR_BHS)
                break;
            memcpy(ini->bhs, p, INITIATOR_BHS);
            p += INITIATOR_BHS;
            if (!begin_data(ini))
                return false;
        }
        p += take_data(ini, p, (uint32_t)(end - p));
        if (ini->data_left + ini->data_pad == 0 && !finish_pdu(ini))
            return false;
    }
    ini->kept = (uint32_t)(end - p);
    memmove(ini->receive, p, ini->kept);
    return true;
}

bool initiator_poll(struct initiator *ini)
{
    ssize_t got;

    if (!flush(ini))
        return false;
    do
        got = recv(ini->fd, ini->receive + ini->kept, INITIATOR_RECEIVE - ini->kept, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return initiator_fail(ini, "receive: %s", strerror(errno));
    if (got == 0)
        return initiator_fail(ini, "the target closed the connection");
    return parse(ini, ini->kept + (uint32_t)got);
}
