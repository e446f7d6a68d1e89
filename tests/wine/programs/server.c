/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A memory disk on the driver, without the DLL. */

#include "client.h"

static void move(struct server *server, BOOL write, UINT64 block, UINT32 count, UCHAR *data)
{
    DWORD length = count * server->block_length;
    UINT64 at = (block - server->first) * server->block_length;

    CHECK(length <= server->max);
    CHECK(block >= server->first && block + count <= server->end);
    memcpy(write ? server->disk + at : data, write ? data : server->disk + at, length);
}

static DWORD serve(struct server *server, const SPD_IOCTL_TRANSACT_REQ *req, UCHAR *data)
{
    UINT64 block = req->Op.Read.BlockAddress; /* Write's lies in the same place */
    UINT32 count = req->Op.Read.BlockCount;

    InterlockedIncrement(&server->taken);
    if (server->delay)
        Sleep(server->delay);
    switch (req->Kind) {
    case SpdIoctlTransactReadKind:
        InterlockedIncrement(&server->reads);
        move(server, FALSE, block, count, data);
        return count * server->block_length;
    case SpdIoctlTransactWriteKind:
        InterlockedIncrement(&server->writes);
        move(server, TRUE, block, count, data);
        return 0;
    case SpdIoctlTransactFlushKind:
        server->flush_block = req->Op.Flush.BlockAddress;
        server->flush_count = req->Op.Flush.BlockCount;
        InterlockedIncrement(&server->flushes);
        return 0;
    case SpdIoctlTransactUnmapKind:
        server->unmap_block = ((const SPD_IOCTL_UNMAP_DESCRIPTOR *)data)->BlockAddress;
        server->unmap_count = ((const SPD_IOCTL_UNMAP_DESCRIPTOR *)data)->BlockCount;
        InterlockedIncrement(&server->unmaps);
        return 0;
    default:
        fail(__FILE__, __LINE__, "a request of kind %u", req->Kind);
    }
}

static DWORD WINAPI server_thread(void *context)
{
    struct server *server = context;
    UCHAR *data = malloc(server->max);
    SPD_IOCTL_TRANSACT_RSP rsp;
    SPD_IOCTL_TRANSACT_REQ req;
    DWORD length = 0, error;
    BOOL answer = FALSE;

    for (;;) {
        error = transact(server->btl, answer ? &rsp : NULL, &req, data, length, server->max);
        if (error)
            break;
        answer = req.Hint != 0;
        if (!answer)
            continue;
        length = serve(server, &req, data);
        rsp = good_response(&req);
    }
    free(data);
    return error;
}

void server_start(struct server *server, const SPD_IOCTL_STORAGE_UNIT_PARAMS *params, UINT32 btl,
    unsigned threads)
{
    memset(server, 0, sizeof *server);
    server->btl = btl;
    server->max = params->MaxTransferLength;
    server->block_length = params->BlockLength;
    server->end = params->BlockCount;
    server->disk = calloc((size_t)params->BlockCount, params->BlockLength);
    while (server->thread_count < threads)
        server->threads[server->thread_count++] =
            CreateThread(NULL, 0, server_thread, server, 0, NULL);
}

/* After the unit is gone. */
void server_end(struct server *server)
{
    unsigned i;
    DWORD code;

    for (i = 0; i < server->thread_count; i++) {
        CHECK_EQUAL(WaitForSingleObject(server->threads[i], PATIENCE), WAIT_OBJECT_0);
        CHECK(GetExitCodeThread(server->threads[i], &code));
        CHECK_EQUAL(code, ERROR_OPERATION_ABORTED);
        CloseHandle(server->threads[i]);
    }
    free(server->disk);
}
