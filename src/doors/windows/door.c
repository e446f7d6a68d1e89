/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The door of Windows: the driver, or a named pipe, through the calls of winspd/winspd.h. Their
 * dispatcher threads bring requests that are block operations already; each becomes a command, so
 * that the engine checks and counts it like those of any other door.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winspd/winspd.h>

#include "doors/unix/command.h"
#include "lib/door.h"
#include "lib/uri.h"
#include "os/os.h"

enum {
    THREADS = 8, /* requests under way at once; each has two buffers of the maximum transfer */
    ATTEMPTS_MAX = 2 * SCSI_UA_COUNT,
    NAME_MAX_CHARS = 512,
};

struct command {
    struct spd_request request; /* first: done() gets a pointer to it */
    struct command *next;
    struct scsi_nexus nexus;
    struct scsi_vec data[2];
    os_mutex lock;
    os_cond changed;
    bool done;
    uint8_t unmap_header[UNIX_UNMAP_HEADER_LENGTH];
};

struct windows_door {
    struct spd_door door; /* first */
    struct scsi_port port;
    SPD_STORAGE_UNIT *unit;
    os_thread thread;
    bool started;
    os_mutex lock;
    struct command *free;
    struct command commands[THREADS];
};

_Static_assert(SPD_GRACE_MAX == SPD_IOCTL_GRACE_MAX, "one limit");

static const uint64_t luns[] = { 0 };
static const char pipe_prefix[] = "\\\\.\\pipe\\";

static bool map(struct spd_request *request)
{
    struct command *command = (struct command *)request;

    request->task.data = command->data;
    request->task.data_count = command->data[1].length ? 2 : 1;
    return true;
}

static void done(struct spd_request *request)
{
    struct command *command = (struct command *)request;

    os_mutex_lock(&command->lock);
    command->done = true;
    os_cond_signal(&command->changed);
    os_mutex_unlock(&command->lock);
}

static const struct spd_request_ops request_ops = { .map = map, .done = done };

/* There are as many as threads. */
static struct command *take_command(struct windows_door *door)
{
    struct command *command;

    os_mutex_lock(&door->lock);
    command = door->free;
    door->free = command->next;
    os_mutex_unlock(&door->lock);
    command->data[0] = command->data[1] = (struct scsi_vec){ 0 };
    return command;
}

static void give_back(struct windows_door *door, struct command *command)
{
    os_mutex_lock(&door->lock);
    command->next = door->free;
    door->free = command;
    os_mutex_unlock(&door->lock);
}

/* Runs it to its end on this thread, which has nothing else to do. Unit attentions are for
 * initiators, which the driver has of its own. */
static void run(struct command *command, SPD_STORAGE_UNIT_STATUS *status)
{
    struct transact_status result;
    int attempts = 0;

    do {
        command->done = false;
        spd_request_start(&command->request);
        os_mutex_lock(&command->lock);
        while (!command->done)
            os_cond_wait(&command->changed, &command->lock);
        os_mutex_unlock(&command->lock);
        result = unix_status_from_task(&command->request.task);
        spd_request_release(&command->request);
    } while (result.scsi_status == SCSI_CHECK_CONDITION &&
        result.sense_key == SCSI_SENSE_UNIT_ATTENTION && attempts++ < ATTEMPTS_MAX);
    status->ScsiStatus = result.scsi_status;
    status->SenseKey = result.sense_key;
    status->ASC = result.asc;
    status->ASCQ = result.ascq;
    status->Information = result.information;
    status->InformationValid = result.information_valid;
}

static BOOLEAN transfer(SPD_STORAGE_UNIT *unit, const struct transact_request *message,
    void *buffer, SPD_STORAGE_UNIT_STATUS *status)
{
    struct windows_door *door = unit->UserContext;
    struct command *command = take_command(door);
    uint32_t block_length = unit->StorageUnitParams.BlockLength;

    unix_command_build(message, block_length, &command->request.task);
    command->data[0] = (struct scsi_vec){ buffer, (size_t)message->blocks * block_length };
    run(command, status);
    give_back(door, command);
    return TRUE;
}

static BOOLEAN SPD_CALL door_read(SPD_STORAGE_UNIT *StorageUnit, PVOID Buffer, UINT64 BlockAddress,
    UINT32 BlockCount, BOOLEAN Flush, SPD_STORAGE_UNIT_STATUS *Status)
{
    const struct transact_request message = {
        .kind = TRANSACT_READ, .lba = BlockAddress, .blocks = BlockCount, .fua = Flush
    };

    return transfer(StorageUnit, &message, Buffer, Status);
}

static BOOLEAN SPD_CALL door_write(SPD_STORAGE_UNIT *StorageUnit, PVOID Buffer,
    UINT64 BlockAddress, UINT32 BlockCount, BOOLEAN Flush, SPD_STORAGE_UNIT_STATUS *Status)
{
    const struct transact_request message = {
        .kind = TRANSACT_WRITE, .lba = BlockAddress, .blocks = BlockCount, .fua = Flush
    };

    return transfer(StorageUnit, &message, Buffer, Status);
}

static BOOLEAN SPD_CALL door_flush(SPD_STORAGE_UNIT *StorageUnit, UINT64 BlockAddress,
    UINT32 BlockCount, SPD_STORAGE_UNIT_STATUS *Status)
{
    const struct transact_request message = {
        .kind = TRANSACT_FLUSH, .lba = BlockAddress, .blocks = BlockCount
    };

    return transfer(StorageUnit, &message, NULL, Status);
}

/* As many ranges at once as the engine takes; the list is turned around where it lies. */
static BOOLEAN SPD_CALL door_unmap(SPD_STORAGE_UNIT *StorageUnit,
    SPD_UNMAP_DESCRIPTOR Descriptors[], UINT32 Count, SPD_STORAGE_UNIT_STATUS *Status)
{
    struct windows_door *door = StorageUnit->UserContext;
    struct command *command = take_command(door);
    struct scsi_task *task = &command->request.task;
    uint8_t *ranges = (uint8_t *)Descriptors;

    unix_command_convert_ranges(ranges, Count);
    while (Count > 0 && Status->ScsiStatus == SCSI_GOOD) {
        uint32_t count = Count < SCSI_UNMAP_RANGES_MAX ? Count : SCSI_UNMAP_RANGES_MAX;
        size_t length = (size_t)count * TRANSACT_RANGE_LENGTH;

        unix_command_build_unmap(count, task, command->unmap_header);
        command->data[0] = (struct scsi_vec){ command->unmap_header, UNIX_UNMAP_HEADER_LENGTH };
        command->data[1] = (struct scsi_vec){ ranges, length };
        run(command, Status);
        ranges += length;
        Count -= count;
    }
    give_back(door, command);
    return TRUE;
}

static const SPD_STORAGE_UNIT_INTERFACE door_interface = {
    .Read = door_read,
    .Write = door_write,
    .Flush = door_flush,
    .Unmap = door_unmap,
};

/* RFC 4122's bytes are in network order. */
static GUID guid_of(const uint8_t bytes[16])
{
    GUID guid = {
        .Data1 = (ULONG)bytes[0] << 24 | (ULONG)bytes[1] << 16 | (ULONG)bytes[2] << 8 | bytes[3],
        .Data2 = (USHORT)(bytes[4] << 8 | bytes[5]),
        .Data3 = (USHORT)(bytes[6] << 8 | bytes[7]),
    };

    memcpy(guid.Data4, bytes + 8, sizeof guid.Data4);
    return guid;
}

static SPD_STORAGE_UNIT_PARAMS params_of(const spd_params *from)
{
    SPD_STORAGE_UNIT_PARAMS params = {
        .Guid = guid_of(from->guid),
        .BlockCount = from->block_count,
        .BlockLength = from->block_length,
        .WriteProtected = (from->flags & SPD_WRITE_PROTECTED) != 0,
        .CacheSupported = (from->flags & SPD_CACHE) != 0,
        .UnmapSupported = (from->flags & SPD_UNMAP_SUPPORTED) != 0,
        .EjectDisabled = (from->flags & SPD_EJECT_DISABLED) != 0,
        .MaxTransferLength = from->max_transfer_length,
    };

    memcpy(params.ProductId, from->product_id, strlen(from->product_id));
    memcpy(params.ProductRevisionLevel, from->product_revision, strlen(from->product_revision));
    params.Reserved[0] = from->grace;
    params.Reserved[1] = from->physical_block_length |
        (UINT64)(from->unmap_granularity / from->block_length) << 32;
    return params;
}

static int fail(const char *name, DWORD error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
        return spd_fail(SPD_ERROR_DOOR_MISSING,
            "%s: there is no such device; is the driver installed? \\\\.\\pipe\\NAME needs none",
            name);
    case ERROR_ACCESS_DENIED:
        return spd_fail(SPD_ERROR_ACCESS, "%s: run this as an administrator", name);
    case ERROR_ALREADY_EXISTS:
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "%s: there is a disk with this GUID", name);
    case ERROR_CANNOT_MAKE:
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "%s: there are as many disks as it takes", name);
    default:
        return spd_fail(SPD_ERROR_SYSTEM, "%s: Windows error %lu", name, error);
    }
}

/* NULL, and what a URI cannot be: a backslash before any scheme. */
static bool takes(const char *device_name)
{
    return !device_name || device_name[strcspn(device_name, ":\\")] == '\\';
}

static bool is_pipe(const char *name)
{
    return !strncmp(name, pipe_prefix, sizeof pipe_prefix - 1);
}

/* Clients of a pipe need its target; the driver shows Windows a disk. */
static char *uri_of(const SPD_STORAGE_UNIT *unit, const char *name)
{
    char text[NAME_MAX_CHARS + 16];

    if (!is_pipe(name))
        return strdup(name);
    snprintf(text, sizeof text, "%s\\%u", name, (unsigned)unit->Btl);
    return strdup(text);
}

static void init_commands(struct windows_door *door, struct spd_unit *unit)
{
    os_mutex_init(&door->lock);
    for (int i = 0; i < THREADS; i++) {
        struct command *command = &door->commands[i];

        scsi_nexus_init(&command->nexus, spd_unit_scsi(unit), &door->port);
        os_mutex_init(&command->lock);
        os_cond_init(&command->changed);
        command->request.unit = unit;
        command->request.ops = &request_ops;
        command->request.task.unit = spd_unit_scsi(unit);
        command->request.task.nexus = &command->nexus;
        command->request.task.attribute = SCSI_SIMPLE;
        give_back(door, command);
    }
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    const char *name = uri->path ? uri->path : SPD_IOCTL_HARDWARE_ID;
    SPD_STORAGE_UNIT_PARAMS params = params_of(spd_unit_params(unit));
    WCHAR wide[NAME_MAX_CHARS];
    struct windows_door *door;
    DWORD error;

    if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, wide, NAME_MAX_CHARS))
        return spd_fail(SPD_ERROR_URI, "it is not UTF-8, or too long");
    if (params.Reserved[0] && is_pipe(name))
        return spd_fail(SPD_ERROR_GRACE, "%s: a pipe ends with its program", name);
    door = calloc(1, sizeof *door);
    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a door");
    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    init_commands(door, unit);
    error = SpdStorageUnitCreate(wide, &params, &door_interface, &door->unit);
    if (error) {
        free(door);
        return fail(name, error);
    }
    door->unit->UserContext = door;
    door->door.uri = uri_of(door->unit, name);
    if (!door->door.uri) {
        SpdStorageUnitDelete(door->unit);
        free(door);
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a name");
    }
    *result = &door->door;
    return 0;
}

/* Waits for the end: a shutdown, an eject, or what went wrong. */
static void wait_for_end(void *argument)
{
    struct windows_door *door = argument;
    DWORD error;

    SpdStorageUnitWaitDispatcher(door->unit);
    SpdStorageUnitGetDispatcherError(door->unit, &error);
    if (error)
        spd_unit_fail(door->door.unit, fail(door->door.uri, error));
    else
        spd_unit_shutdown(door->door.unit);
}

static int start_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;
    DWORD error = SpdStorageUnitStartDispatcher(door->unit, THREADS);

    if (error)
        return fail(door->door.uri, error);
    if (os_thread_create(&door->thread, "spd-windows", wait_for_end, door)) {
        SpdStorageUnitShutdown(door->unit);
        SpdStorageUnitWaitDispatcher(door->unit);
        return spd_fail(SPD_ERROR_THREADS, "for a door");
    }
    door->started = true;
    return 0;
}

static void stop_door(struct spd_door *base)
{
    SpdStorageUnitShutdown(((struct windows_door *)base)->unit);
}

static void join_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;

    if (door->started)
        os_thread_join(door->thread);
    door->started = false;
}

static void close_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;

    SpdStorageUnitDelete(door->unit);
    free(door);
}

const struct spd_door_ops windows_door_ops = {
    .scheme = "",
    .synopsis = "\\\\.\\pipe\\NAME, or a hardware id; none: the driver",
    .takes = takes,
    .has_grace = true,
    .open = open_door,
    .start = start_door,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};
