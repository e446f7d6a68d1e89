/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* iSCSI targets, with libiscsi as initiator. */

#include "scsitool/transport.h"

#include <stdlib.h>
#include <string.h>

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>

#include "stgtest/winerror.h"

#define INITIATOR "iqn.2026-01.org.winspd:scsitool"

struct session {
    struct transport transport; /* first */
    struct iscsi_context *iscsi;
    int lun;
    bool connected;
};

static bool knows(const char *device)
{
    return strncmp(device, "iscsi://", 8) == 0;
}

static void close_session(struct transport *transport)
{
    struct session *session = (struct session *)transport;

    if (session->connected)
        iscsi_logout_sync(session->iscsi);
    if (session->iscsi)
        iscsi_destroy_context(session->iscsi);
    free(session);
}

static int connect_url(struct session *session, const char *device)
{
    struct iscsi_url *url = iscsi_parse_full_url(session->iscsi, device);
    int error = 0;

    if (!url)
        return transport_fail(ERROR_INVALID_PARAMETER,
            "%s: write iscsi://[USER@]HOST[:PORT]/IQN/LUN", device);
    session->lun = url->lun;
    iscsi_set_session_type(session->iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_targetname(session->iscsi, url->target);
    iscsi_set_header_digest(session->iscsi, ISCSI_HEADER_DIGEST_NONE_CRC32C);
    iscsi_set_noautoreconnect(session->iscsi, 1);
    iscsi_set_timeout(session->iscsi, TRANSPORT_TIMEOUT);
    if (url->user[0] != '\0')
        iscsi_set_initiator_username_pwd(session->iscsi, url->user, url->passwd);
    if (url->target_user[0] != '\0')
        iscsi_set_target_username_pwd(session->iscsi, url->target_user, url->target_passwd);
    if (iscsi_full_connect_sync(session->iscsi, url->portal, url->lun))
        error = transport_fail(ERROR_FILE_NOT_FOUND, "%s: %s", device,
            iscsi_get_error(session->iscsi));
    else
        session->connected = true;
    iscsi_destroy_url(url);
    return error;
}

static int open_session(const char *device, struct transport **result)
{
    struct session *session = calloc(1, sizeof *session);
    int error;

    if (session) {
        session->transport.ops = &transport_iscsi;
        session->iscsi = iscsi_create_context(INITIATOR);
    }
    if (!session || !session->iscsi) {
        free(session);
        return transport_fail(ERROR_NOT_ENOUGH_MEMORY, "%s: no memory", device);
    }
    error = connect_url(session, device);
    if (error) {
        close_session(&session->transport);
        return error;
    }
    *result = &session->transport;
    return 0;
}

/* libiscsi keeps the data segment of a CHECK CONDITION unchanged: a length of two bytes, then the
 * sense data (RFC 7143 11.4.7). */
static void take_sense(const struct scsi_task *task, struct command *command)
{
    size_t length = task->datain.size < 2 ? 0 : task->datain.data[0] << 8 | task->datain.data[1];

    if (task->datain.size < 2)
        return;
    if (length > (size_t)task->datain.size - 2)
        length = (size_t)task->datain.size - 2;
    if (length > sizeof command->sense)
        length = sizeof command->sense;
    memcpy(command->sense, task->datain.data + 2, length);
    command->sense_length = length;
}

static int execute(struct transport *transport, struct command *command)
{
    struct session *session = (struct session *)transport;
    struct scsi_task *task = scsi_create_task(command->cdb_length, command->cdb,
        command->data_length ? SCSI_XFER_READ : SCSI_XFER_NONE, (int)command->data_length);

    if (!task)
        return transport_fail(ERROR_NOT_ENOUGH_MEMORY, "no memory");
    if (!iscsi_scsi_command_sync(session->iscsi, session->lun, task, NULL) ||
        task->status > 0xff) {
        scsi_free_scsi_task(task);
        session->connected = false;
        return transport_fail(ERROR_IO_DEVICE, "%s", iscsi_get_error(session->iscsi));
    }
    command->status = (uint8_t)task->status;
    if (task->status == SCSI_STATUS_GOOD) {
        if ((size_t)task->datain.size < command->data_length)
            command->data_length = (size_t)task->datain.size;
        if (command->data_length > 0)
            memcpy(command->data, task->datain.data, command->data_length);
    } else {
        command->data_length = 0;
        take_sense(task, command);
    }
    scsi_free_scsi_task(task);
    return 0;
}

const struct transport_ops transport_iscsi = {
    .knows = knows,
    .open = open_session,
    .execute = execute,
    .close = close_session,
};
