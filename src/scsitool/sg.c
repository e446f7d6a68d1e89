/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Devices of the Linux kernel that take SG_IO: /dev/sdX, /dev/sgN, /dev/disk/by-id/... */

#include "scsitool/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "stgtest/winerror.h"

/* A value of struct sg_io_hdr, which the kernel's header for programs does not name. */
enum { DRIVER_SENSE = 0x08 };

struct sg {
    struct transport transport; /* first */
    int fd;
};

static bool knows(const char *device)
{
    return !strstr(device, "://");
}

static int open_sg(const char *device, struct transport **result)
{
    struct sg *sg;
    int version, error;
    /* The commands here only ask, which the kernel allows a reader. When a writer closes a disk,
     * udev has the kernel read its partition table again. */
    int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return transport_fail(winerror_from_errno(errno), "%s: %s", device, strerror(errno));
    if (ioctl(fd, SG_GET_VERSION_NUM, &version) || version < 30000) {
        close(fd);
        return transport_fail(ERROR_NOT_SUPPORTED,
            "%s: not a SCSI device; give /dev/sdX, /dev/sgN or iscsi://HOST[:PORT]/IQN/LUN",
            device);
    }
    sg = calloc(1, sizeof *sg);
    if (!sg) {
        error = errno;
        close(fd);
        return transport_fail(winerror_from_errno(error), "%s: %s", device, strerror(error));
    }
    sg->transport.ops = &transport_sg;
    sg->fd = fd;
    *result = &sg->transport;
    return 0;
}

static int execute(struct transport *transport, struct command *command)
{
    struct sg *sg = (struct sg *)transport;
    struct sg_io_hdr io = {
        .interface_id = 'S',
        .dxfer_direction = command->data_length ? SG_DXFER_FROM_DEV : SG_DXFER_NONE,
        .cmd_len = command->cdb_length,
        .mx_sb_len = sizeof command->sense,
        .dxfer_len = (unsigned)command->data_length,
        .dxferp = command->data,
        .cmdp = command->cdb,
        .sbp = command->sense,
        .timeout = TRANSPORT_TIMEOUT * 1000,
    };

    if (ioctl(sg->fd, SG_IO, &io))
        return transport_fail(winerror_from_errno(errno), "SG_IO: %s", strerror(errno));
    if (io.host_status != 0 || (io.driver_status & 0x0f & ~DRIVER_SENSE) != 0)
        return transport_fail(ERROR_IO_DEVICE, "SG_IO: host status 0x%02x, driver status 0x%02x",
            io.host_status, io.driver_status);
    command->status = io.status;
    command->sense_length = io.sb_len_wr;
    if (io.resid > 0)
        command->data_length -= (size_t)io.resid < command->data_length ? (size_t)io.resid :
            command->data_length;
    return 0;
}

static void close_sg(struct transport *transport)
{
    struct sg *sg = (struct sg *)transport;

    close(sg->fd);
    free(sg);
}

const struct transport_ops transport_sg = {
    .knows = knows,
    .open = open_sg,
    .execute = execute,
    .close = close_sg,
};
