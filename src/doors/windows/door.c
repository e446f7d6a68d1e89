/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The door of Windows: the driver, or a named pipe. Messages are block operations already; the
 * engine takes them so, and checks and counts them like the commands of any other door.
 *
 * The thread that receives a message starts its command. If the command has ended by then, the
 * answer goes with the next receive, which is one call for both. Otherwise the thread goes on with
 * another message, and the thread that ends the command sends the answer.
 */

#include "doors/windows/windows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/uri.h"
#include "scsi/guid.h"

enum { NAME_MAX_CHARS = 512 };

_Static_assert((int)TRANSACT_READ == (int)SpdIoctlTransactReadKind &&
        (int)TRANSACT_WRITE == (int)SpdIoctlTransactWriteKind &&
        (int)TRANSACT_FLUSH == (int)SpdIoctlTransactFlushKind &&
        TRANSACT_RANGE_LENGTH == sizeof(SPD_IOCTL_UNMAP_DESCRIPTOR),
    "the protocol is that of winspd/ioctl.h");
_Static_assert(SPD_GRACE_MAX == SPD_IOCTL_GRACE_MAX, "one limit");
_Static_assert(TRANSACT_MODERN_PROFILE == SPD_IOCTL_MODERN_PROFILE, "one bit");

static const uint64_t luns[] = { 0 };

/* Commands. */

static bool map(struct spd_request *request)
{
    request->task.data = &((struct windows_command *)request)->data;
    request->task.data_count = 1;
    return true;
}

static void done(struct spd_request *request);
static const struct spd_request_ops request_ops = { .map = map, .done = done };
static const struct spd_request_ops lent_ops = {
    .map = map, .later = windows_later, .done = done
};

/* Makes an operation of a message. */

static struct transact_request request_of(const SPD_IOCTL_TRANSACT_REQ *from)
{
    if (from->Kind == SpdIoctlTransactUnmapKind)
        return (struct transact_request){ .kind = from->Kind, .blocks = from->Op.Unmap.Count };
    return (struct transact_request){
        .kind = from->Kind,
        .lba = from->Op.Read.BlockAddress,
        .blocks = from->Op.Read.BlockCount,
        .fua = from->Op.Read.ForceUnitAccess,
    };
}

/* False: it is refused. */
static bool build(struct windows_command *command, struct scsi_block *block)
{
    struct transact_request message = request_of(&command->message);

    if (command->status.ScsiStatus)
        return false;
    if (!transact_block(&message, windows_data(command), block)) {
        windows_refuse(command, SCSI_ADSENSE_ILLEGAL_COMMAND);
        return false;
    }
    command->data = (struct scsi_vec){ windows_data(command),
        (size_t)transact_data_length(&message, command->door->params.BlockLength) };
    return true;
}

/* Answers. */

static int fail(const char *name, DWORD error)
{
    static const char pipes[] = "\\\\.\\pipe\\";

    /* The first is Windows' answer, the second Wine's. */
    if ((error == ERROR_ACCESS_DENIED || error == ERROR_PIPE_BUSY) &&
        !strncmp(name, pipes, sizeof pipes - 1))
        return spd_fail_system(SPD_ERROR_ADDRESS_IN_USE, error,
            "%s: another program serves this pipe; choose another name", name);
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
        return spd_fail_system(SPD_ERROR_DOOR_MISSING, error,
            "%s: there is no such device; is the driver installed? \\\\.\\pipe\\NAME needs none",
            name);
    case ERROR_ACCESS_DENIED:
        return spd_fail_system(SPD_ERROR_ACCESS, error,
            "%s: run this as an administrator, or for a disk that waits, as the user that made it",
            name);
    case ERROR_ALREADY_EXISTS:
        return spd_fail_system(
            SPD_ERROR_ADDRESS_IN_USE, error, "%s: there is a disk with this GUID", name);
    case ERROR_CANNOT_MAKE:
        return spd_fail_system(
            SPD_ERROR_ADDRESS_IN_USE, error, "%s: there are as many disks as it takes", name);
    default:
        return spd_fail_system(SPD_ERROR_SYSTEM, error, "%s: Windows error %lu", name, error);
    }
}

/* Otherwise Windows has removed the disk; a pipe is no disk. */
static bool was_stopped(struct windows_door *door)
{
    bool stopped;

    if (door->transport != &windows_by_driver)
        return true;
    AcquireSRWLockShared(&door->issuing);
    stopped = door->stopped;
    ReleaseSRWLockShared(&door->issuing);
    return stopped;
}

/* The door cannot go on. Or it is an orderly end, a shutdown or an eject, which looks the same from
 * here. */
static void end(struct windows_door *door, DWORD error)
{
    if (error == ERROR_OPERATION_ABORTED) {
        windows_session_ends(door, was_stopped(door) ? SPD_END_STOPPED : SPD_END_REMOVED, 0);
        spd_unit_shutdown(door->door.unit);
    } else {
        windows_session_ends(door, SPD_END_LOST, error);
        spd_unit_fail(door->door.unit, fail(door->door.uri, error));
    }
}

/* Passes the program's status on to the byte, as the original does. */
static SPD_IOCTL_STORAGE_UNIT_STATUS status_of(const struct scsi_outcome *outcome)
{
    return (SPD_IOCTL_STORAGE_UNIT_STATUS){
        .ScsiStatus = outcome->status,
        .SenseKey = outcome->sense_key,
        .ASC = outcome->asc,
        .ASCQ = outcome->ascq,
        .Information = outcome->information,
        .InformationValid = outcome->information_valid,
    };
}

/* True: it has ended, is the caller's, and wants its answer. The system and the clients get no unit
 * attention, so the status tells them: TASK ABORTED (SAM-5 5.3.1). */
static bool owes_nothing(struct windows_command *command, uint32_t count)
{
    struct windows_door *door = command->door;

    if (atomic_fetch_sub(&command->owed, count) != count)
        return false;
    if (windows_command_was_aborted(command))
        command->status = (SPD_IOCTL_STORAGE_UNIT_STATUS){ .ScsiStatus = SCSI_TASK_ABORTED };
    if (atomic_load(&door->owes_report))
        windows_look(&door->door);
    return true;
}

static void owes_less(struct windows_command *command, uint32_t count)
{
    DWORD error;

    if (!owes_nothing(command, count))
        return;
    error = command->door->transport->send(command);
    if (error)
        end(command->door, error);
    windows_command_give_back(command);
}

static void done(struct spd_request *request)
{
    struct windows_command *command = (struct windows_command *)request;

    command->status = status_of(&request->task.outcome);
    spd_request_release(request);
    owes_less(command, 1);
}

/* True: the answer is there, and the caller sends it. False: another thread has the command now. */
static bool start(struct windows_command *command)
{
    struct scsi_block block;

    if (!build(command, &block))
        return true;
    windows_command_begin(command);
    spd_request_start_block(&command->request, &block);
    return owes_nothing(command, windows_command_begun(command));
}

static void serve(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;
    struct windows_command *command = windows_command_take(door);
    bool answered = false;
    DWORD error = 0;

    while (command && !error) {
        bool got = false;

        error = door->transport->receive(&command, answered, &got);
        answered = !error && got && start(command);
        if (got && !error && !answered)
            command = windows_command_take(door);
    }
    end(door, command ? error : ERROR_NO_SYSTEM_RESOURCES);
    if (command)
        windows_command_give_back(command);
}

/* Names and parameters. */

static SPD_STORAGE_UNIT_PARAMS params_of(const spd_params *from)
{
    SPD_STORAGE_UNIT_PARAMS params = {
        .BlockCount = from->block_count,
        .BlockLength = from->block_length,
        .WriteProtected = (from->flags & SPD_WRITE_PROTECTED) != 0,
        .CacheSupported = (from->flags & SPD_CACHE) != 0,
        .UnmapSupported = (from->flags & SPD_UNMAP_SUPPORTED) != 0,
        .EjectDisabled = (from->flags & SPD_EJECT_DISABLED) != 0,
        .MaxTransferLength = from->max_transfer_length,
    };

    scsi_guid_swap(from->guid, &params.Guid);
    memcpy(params.ProductId, from->product_id, strlen(from->product_id));
    memcpy(params.ProductRevisionLevel, from->product_revision, strlen(from->product_revision));
    params.Reserved[0] = from->grace | SPD_IOCTL_MODERN_PROFILE |
        (from->flags & SPD_UNMAP_ZEROS ? SPD_IOCTL_UNMAP_ZEROS : 0);
    params.Reserved[1] = from->physical_block_length |
        (UINT64)(from->unmap_granularity / from->block_length) << 32;
    params.Reserved[2] = from->max_unmap_blocks;
    memcpy(&params.Reserved[3], from->wwn, sizeof from->wwn);
    return params;
}

/* NULL, and every name without a scheme (RFC 3986 3.1); a single letter is a drive. */
static bool takes(const char *device_name)
{
    size_t length;

    if (!device_name)
        return true;
    length = strspn(
        device_name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return length < 2 || device_name[length] != ':';
}

/* Clients of a pipe need its target; the driver shows Windows a disk. */
static char *uri_of(const struct windows_door *door, const char *name)
{
    char text[NAME_MAX_CHARS + 16];

    if (door->transport != &windows_by_pipe)
        return strdup(name);
    snprintf(text, sizeof text, "%s\\%u", name, (unsigned)SPD_IOCTL_BTL_T(door->btl));
    return strdup(text);
}

/* Life. */

static void free_door(struct windows_door *door)
{
    windows_commands_free(door);
    windows_round_close(door);
    windows_lead_destroy(&door->lead);
    os_cond_destroy(&door->idle);
    os_mutex_destroy(&door->lock);
    free(door);
}

static struct windows_door *new_door(struct spd_unit *unit, PCWSTR name)
{
    const struct windows_native *native = spd_unit_native(unit);
    struct windows_door *door = calloc(1, sizeof *door);

    if (!door)
        return NULL;
    door->transport = windows_is_pipe(name) ? &windows_by_pipe : &windows_by_driver;
    door->params = native ? *native->params : params_of(spd_unit_params_here(unit));
    door->request_ops = door->transport->wake && spd_unit_is_lent(unit) ? &lent_ops : &request_ops;
    door->owes_less = owes_less;
    door->frame_length = (DWORD)door->transport->header + door->params.MaxTransferLength;
    windows_batches_init(&door->batches);
    windows_later_init(door);
    windows_lead_init(&door->lead);
    door->port = (struct scsi_port){ .relative_port = 1, .luns = luns, .lun_count = 1 };
    /* The system, or a client of the pipe, which may come and go at any time. */
    atomic_init(&door->door.nexuses, 1);
    scsi_nexus_init(&door->nexus, spd_unit_scsi(unit), &door->port);
    /* They are for initiators; the driver has its own for Windows. */
    door->nexus.no_attentions = true;
    InitializeSRWLock(&door->pipe.reader);
    InitializeSRWLock(&door->pipe.connection);
    InitializeSRWLock(&door->issuing);
    os_mutex_init(&door->lock);
    os_cond_init(&door->idle);
    if (!windows_round_open(door)) {
        free_door(door);
        return NULL;
    }
    return door;
}

static int open_door(struct spd_unit *unit, const struct spd_uri *uri, struct spd_door **result)
{
    const char *name = uri->path ? uri->path : SPD_IOCTL_HARDWARE_ID;
    struct windows_native *native = spd_unit_native(unit);
    WCHAR wide[NAME_MAX_CHARS];
    struct windows_door *door;
    DWORD error;

    if (!MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, wide, NAME_MAX_CHARS))
        return spd_fail(SPD_ERROR_URI, "it is not UTF-8, or too long");
    if (spd_unit_params_here(unit)->grace && windows_is_pipe(wide))
        return spd_fail(SPD_ERROR_GRACE, "%s: a pipe ends with its program", name);
    door = new_door(unit, wide);
    if (!door)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a door");
    error = door->transport->open(door, wide);
    if (error) {
        free_door(door);
        return fail(name, error);
    }
    door->door.uri = uri_of(door, name);
    if (!door->door.uri) {
        door->transport->close(door);
        free_door(door);
        return spd_fail(SPD_ERROR_NO_MEMORY, "for a name");
    }
    if (native) {
        native->device = door->transport == &windows_by_driver ? door->handle : NULL;
        native->btl = door->btl;
        native->version = door->version;
    }
    *result = &door->door;
    return 0;
}

static void serve_on_own(void *argument)
{
    serve(argument);
}

static void stop_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;

    door->transport->stop(door);
    windows_round_end_all(door);
    windows_later_end(door);
}

static void join_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;

    while (door->thread_count)
        os_thread_join(door->threads[--door->thread_count]);
    os_mutex_lock(&door->lock);
    while (door->busy)
        os_cond_wait(&door->idle, &door->lock);
    os_mutex_unlock(&door->lock);
    windows_round_join(door);
}

static int start_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;
    uint32_t wanted = os_cpu_count();

    if (door->transport == &windows_by_driver)
        windows_session_begins(door);
    if (spd_unit_is_lent(base->unit))
        return 0;
    if (wanted > WINDOWS_THREADS_MAX)
        wanted = WINDOWS_THREADS_MAX;
    for (; door->thread_count < wanted; door->thread_count++) {
        if (os_thread_create(
                &door->threads[door->thread_count], "spd-windows", serve_on_own, door)) {
            stop_door(base);
            join_door(base);
            return spd_fail(SPD_ERROR_THREADS, "for a door");
        }
    }
    return 0;
}

static void close_door(struct spd_door *base)
{
    struct windows_door *door = (struct windows_door *)base;

    windows_session_ends(door, SPD_END_STOPPED, 0);
    door->transport->close(door);
    free_door(door);
}

const struct spd_door_ops windows_door_ops = {
    .scheme = "",
    .synopsis = "\\\\.\\pipe\\NAME, or a hardware id; none: the driver",
    .takes = takes,
    .has_grace = true,
    .open = open_door,
    .start = start_door,
    .serve = serve,
    .look = windows_look,
    .stop = stop_door,
    .join = join_door,
    .close = close_door,
};
