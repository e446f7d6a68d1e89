/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A disk of zeros for each --size, of which the second one stops when somebody opens a FIFO. */

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include <spd/program.h>

struct own {
    const char *fifo;
};

static spd_program_disk disks[SPD_PROGRAM_DISKS_MAX];

static int read_zeros(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device;
    (void)lba;
    (void)flags;
    (void)status;
    memset(buffer, 0, (size_t)blocks * 512);
    return 0;
}

static int forget(spd_device *device, const void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    (void)device;
    (void)buffer;
    (void)lba;
    (void)blocks;
    (void)flags;
    (void)status;
    return 0;
}

static const spd_ops ops = { sizeof ops, .read = read_zeros, .write = forget };

static const spd_program_option options[] = {
    { "fifo", "FILE", "stops the second disk when it is opened",
        .offset = offsetof(struct own, fifo), .kind = SPD_PROGRAM_TEXT, .required = true },
};

static const spd_program program = {
    .name = "onestops",
    .summary = "Serves disks of zeros.",
    .product_id = "OneStops",
    .options = options,
    .option_count = 1,
    .without = (const char *const[]){ "unmap", "block-length", NULL },
    .disk_option = "size",
};

/* The disks are served by the time that there is a writer, without which open() waits. */
static void *stop_second(void *fifo)
{
    if (open(fifo, O_RDONLY) >= 0)
        spd_unit_shutdown(disks[1].unit);
    return NULL;
}

int main(int argc, char **argv)
{
    struct own own = { 0 };
    spd_program_options wanted;
    pthread_t thread;
    int status = spd_program_begin(&program, argc, argv, &wanted, &own);

    if (status >= 0)
        return status;
    for (uint32_t i = 0; i < spd_program_disks(&wanted); i++) {
        spd_program_disk_init(&disks[i], &wanted, i);
        disks[i].device = (spd_device){ &ops, NULL };
    }
    if (pthread_create(&thread, NULL, stop_second, (void *)(uintptr_t)own.fifo))
        return SPD_PROGRAM_EXIT_FAILURE;
    return spd_program_run(disks, spd_program_disks(&wanted));
}
