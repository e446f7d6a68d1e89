/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/tcmu/target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "doors/tcmu/sysfile.h"
#include "lib/door.h"

#define CONFIG "/sys/kernel/config"
#define CORE CONFIG "/target/core/user_0"
#define LOOPBACK CONFIG "/target/loopback"

static const char help[] = "the tcmu: door needs root, configfs at " CONFIG ", and the modules "
    "target_core_user and tcm_loop: try `modprobe -a target_core_user tcm_loop`";

enum {
    DATA_AREA_MIB = 64,
    PATIENCE_MS = 20,
    DISK_SECONDS = 120, /* for what hangs; what is slow has to pass */
};

/* Steps. */

enum step_kind {
    STEP_FOLDER,  /* for all disks: made where it lacks, and left there */
    STEP_OWN,     /* a folder of this target's */
    STEP_FILE,    /* text that must be accepted */
    STEP_OPTION,  /* text for a file that not every kernel has */
    STEP_LINK,    /* from the LUN to the device */
};

struct step {
    enum step_kind kind;
    /* Fills in the path, and the text of files. False: the step has nothing to do. */
    bool (*describe)(const struct tcmu_target *target, char *path, char *text);
};

static void core_path(const struct tcmu_target *target, const char *name, char *path)
{
    snprintf(path, TCMU_PATH_MAX, CORE "/%s%s", target->name, name);
}

static void loop_path(const struct tcmu_target *target, const char *name, char *path)
{
    snprintf(path, TCMU_PATH_MAX, LOOPBACK "/%s%s", target->naa[0], name);
}

static bool describe_adapter(const struct tcmu_target *target, char *path, char *text)
{
    (void)target, (void)text;
    snprintf(path, TCMU_PATH_MAX, CORE);
    return true;
}

static bool describe_device(const struct tcmu_target *target, char *path, char *text)
{
    (void)text;
    core_path(target, "", path);
    return true;
}

/* nl_reply_supported=-1: the kernel waits for nobody who listens on netlink, so it never hangs for
 * lack of one. */
static bool describe_control(const struct tcmu_target *target, char *path, char *text)
{
    const struct tcmu_wishes *wishes = &target->wishes;

    core_path(target, "/control", path);
    snprintf(text, TCMU_TEXT_MAX,
        "dev_config=%s,dev_size=%" PRIu64 ",hw_block_size=%u,hw_max_sectors=%u,"
        "max_data_area_mb=%d,nl_reply_supported=-1",
        target->config, wishes->size, wishes->block_length,
        wishes->max_transfer / wishes->block_length, DATA_AREA_MIB);
    return true;
}

static bool describe_enable(const struct tcmu_target *target, char *path, char *text)
{
    core_path(target, "/enable", path);
    snprintf(text, TCMU_TEXT_MAX, "1");
    return true;
}

static bool describe_timeout(const struct tcmu_target *target, char *path, char *text)
{
    core_path(target, "/attrib/cmd_time_out", path);
    snprintf(text, TCMU_TEXT_MAX, "%u", target->wishes.timeout);
    return true;
}

static bool describe_tasks(const struct tcmu_target *target, char *path, char *text)
{
    core_path(target, "/attrib/tmr_notification", path);
    snprintf(text, TCMU_TEXT_MAX, "1");
    return true;
}

/* The kernel keeps reservations by itself, for it knows the initiators of all its fabrics. It knows
 * none of our other doors, so beside them it refuses the commands. */
static bool describe_reservations(const struct tcmu_target *target, char *path, char *text)
{
    core_path(target, "/attrib/emulate_pr", path);
    snprintf(text, TCMU_TEXT_MAX, "%d", !target->wishes.shared);
    return !target->taken_over;
}

static bool describe_serial(const struct tcmu_target *target, char *path, char *text)
{
    core_path(target, "/wwn/vpd_unit_serial", path);
    snprintf(text, TCMU_TEXT_MAX, "%s", target->serial);
    return true;
}

static bool describe_fabric(const struct tcmu_target *target, char *path, char *text)
{
    (void)target, (void)text;
    snprintf(path, TCMU_PATH_MAX, LOOPBACK);
    return true;
}

static bool describe_port(const struct tcmu_target *target, char *path, char *text)
{
    (void)text;
    loop_path(target, "", path);
    return true;
}

static bool describe_group(const struct tcmu_target *target, char *path, char *text)
{
    (void)text;
    loop_path(target, "/tpgt_1", path);
    return true;
}

static bool describe_nexus(const struct tcmu_target *target, char *path, char *text)
{
    char present[TCMU_TEXT_MAX];

    loop_path(target, "/tpgt_1/nexus", path);
    snprintf(text, TCMU_TEXT_MAX, "%s", target->naa[1]);
    return sysfile_read(path, present, sizeof present) || strcmp(present, text) != 0;
}

static bool describe_lun(const struct tcmu_target *target, char *path, char *text)
{
    (void)text;
    loop_path(target, "/tpgt_1/lun/lun_0", path);
    return true;
}

static bool describe_link(const struct tcmu_target *target, char *path, char *text)
{
    core_path(target, "", text);
    loop_path(target, "/tpgt_1/lun/lun_0/device", path);
    return true;
}

static const struct step steps[] = {
    { STEP_FOLDER, describe_adapter },
    { STEP_FOLDER, describe_fabric },
    { STEP_OWN, describe_device },
    { STEP_FILE, describe_control },
    { STEP_FILE, describe_enable },
    { STEP_OPTION, describe_timeout },
    { STEP_OPTION, describe_tasks },
    { STEP_FILE, describe_serial },
    { STEP_FILE, describe_reservations },
    { STEP_OWN, describe_port },
    { STEP_OWN, describe_group },
    { STEP_FILE, describe_nexus },
    { STEP_OWN, describe_lun },
    { STEP_LINK, describe_link },
};

enum { LINK_STEP = 8, STEPS = sizeof steps / sizeof steps[0] };

static int act(const struct step *step, const char *path, const char *text)
{
    switch (step->kind) {
    case STEP_FOLDER:
    case STEP_OWN:
        return mkdir(path, 0755) && errno != EEXIST ? errno : 0;
    case STEP_LINK:
        return symlink(text, path) && errno != EEXIST ? errno : 0;
    case STEP_OPTION:
        sysfile_write(path, text);
        return 0;
    default:
        return sysfile_write(path, text);
    }
}

static int fail(const char *path, int error)
{
    int code = error == EACCES || error == EPERM || error == EROFS ? SPD_ERROR_ACCESS
        : error == ENOENT || error == ENOSYS || error == EINVAL    ? SPD_ERROR_DOOR_MISSING
                                                                   : SPD_ERROR_SYSTEM;

    return spd_fail_system(code, (uint32_t)error, "%s: %s; %s", path, strerror(error), help);
}

static int take_steps(struct tcmu_target *target, uint32_t from, uint32_t to)
{
    char path[TCMU_PATH_MAX], text[TCMU_TEXT_MAX];

    for (uint32_t i = from; i < to; i++) {
        int error = steps[i].describe(target, path, text) ? act(&steps[i], path, text) : 0;

        if (error)
            return fail(path, error);
        target->made |= 1u << i;
    }
    return 0;
}

static void take_back(const struct tcmu_target *target, uint32_t index)
{
    char path[TCMU_PATH_MAX], text[TCMU_TEXT_MAX];
    const struct step *step = &steps[index];
    int failed = 0;

    step->describe(target, path, text);
    if (step->kind == STEP_LINK)
        failed = unlink(path);
    else if (step->kind == STEP_OWN)
        failed = rmdir(path);
    if (failed && errno != ENOENT)
        spd_log(SPD_LOG_WARNING, "tcmu:%s: %s cannot be removed: %s", target->name, path,
            strerror(errno));
}

void tcmu_target_remove(struct tcmu_target *target)
{
    for (uint32_t i = STEPS; i--;) {
        if (target->made >> i & 1)
            take_back(target, i);
        target->made &= ~(1u << i);
    }
}

/* The UIO device. */

struct uio_device {
    char name[32];   /* "uio0" */
    char config[TCMU_TEXT_MAX];
};

/* The UIO device of this name, whichever unit it is of: "tcm-user/0/NAME/CONFIG". */
static bool find_uio(const char *name, struct uio_device *device)
{
    DIR *entries = opendir("/sys/class/uio");
    const struct dirent *entry;
    char wanted[TCMU_NAME_MAX + 16], path[TCMU_PATH_MAX], text[TCMU_TEXT_MAX];
    bool found = false;

    snprintf(wanted, sizeof wanted, "tcm-user/0/%s/", name);
    while (entries && !found && (entry = readdir(entries))) {
        if (strncmp(entry->d_name, "uio", 3) != 0 || strlen(entry->d_name) >= sizeof device->name)
            continue;
        snprintf(path, sizeof path, "/sys/class/uio/%.31s/name", entry->d_name);
        found = !sysfile_read(path, text, sizeof text) &&
            !strncmp(text, wanted, strlen(wanted));
        if (found) {
            snprintf(device->name, sizeof device->name, "%s", entry->d_name);
            snprintf(device->config, sizeof device->config, "%s", text + strlen(wanted));
        }
    }
    if (entries)
        closedir(entries);
    return found;
}

static int map_memory(struct tcmu_target *target, const struct uio_device *device)
{
    char path[TCMU_PATH_MAX];

    snprintf(path, sizeof path, "/dev/%s", device->name);
    target->uio = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (target->uio < 0 && errno == EBUSY)
        return spd_fail(SPD_ERROR_ADDRESS_IN_USE, "another program serves tcmu:%s", target->name);
    if (target->uio < 0)
        return fail(path, errno);
    snprintf(path, sizeof path, "/sys/class/uio/%s/maps/map0/size", device->name);
    target->size = (size_t)sysfile_number(path);
    target->memory = mmap(NULL, target->size, PROT_READ | PROT_WRITE, MAP_SHARED, target->uio, 0);
    if (target->memory == MAP_FAILED) {
        target->memory = NULL;
        return fail(path, errno);
    }
    return 0;
}

/* Another unit's device has the name. It may be somebody's mounted disk. */
static int refuse_other(const struct tcmu_target *target, const struct uio_device *device)
{
    return spd_fail(SPD_ERROR_ADDRESS_IN_USE,
        "tcmu:%s is the disk of another server: %s at " CORE "/%s. Choose another name; if that "
        "server has died, start it again and end it in order", target->name, device->config,
        target->name);
}

/* A device that was never enabled has no UIO device: its server died early. */
static void clear_early(const struct tcmu_target *target)
{
    char path[TCMU_PATH_MAX];

    core_path(target, "", path);
    rmdir(path);
}

static int make_new(struct tcmu_target *target, struct uio_device *device)
{
    int error;

    clear_early(target);
    error = take_steps(target, 0, LINK_STEP);
    if (error)
        return error;
    if (!find_uio(target->name, device))
        return spd_fail(SPD_ERROR_SYSTEM, "/sys/class/uio has no device for " CORE "/%s",
            target->name);
    return 0;
}

/* All steps count as taken, so that the end takes all of them back. */
static int take_over(struct tcmu_target *target, const struct uio_device *device)
{
    if (strcmp(device->config, target->config) != 0)
        return refuse_other(target, device);
    target->taken_over = true;
    return 0;
}

int tcmu_target_make(
    struct tcmu_target *target, const char *name, const struct tcmu_wishes *wishes)
{
    struct uio_device device;
    uint8_t id[16];
    char text[TCMU_TEXT_MAX];
    int error;

    *target = (struct tcmu_target){ .wishes = *wishes, .uio = -1 };
    snprintf(target->name, sizeof target->name, "%s", name);
    snprintf(target->serial, sizeof target->serial, "%s", wishes->serial);
    target->wishes.serial = target->serial;
    snprintf(target->config, sizeof target->config, "spd/%s", target->serial);
    /* NAA 3h: locally assigned (SPC-4 7.8.6.6.4). */
    snprintf(text, sizeof text, "%s/%s", target->config, target->name);
    spd_guid_from_name(text, id);
    for (int i = 0; i < 2; i++)
        snprintf(target->naa[i], sizeof target->naa[i], "naa.3%02x%02x%02x%02x%02x%02x%02x%d",
            id[0], id[1], id[2], id[3], id[4], id[5], id[7], i);
    error = find_uio(target->name, &device) ? take_over(target, &device)
                                            : make_new(target, &device);
    if (!error)
        error = map_memory(target, &device);
    if (!error && target->taken_over)
        target->made = (1u << STEPS) - 1;
    if (error) {
        tcmu_target_close(target);
        tcmu_target_remove(target);
    }
    return error;
}

int tcmu_target_reset(struct tcmu_target *target)
{
    static const char *const orders[][2] = {
        { "/action/block_dev", "1" }, { "/action/reset_ring", "1" }, { "/action/block_dev", "0" },
    };
    char path[TCMU_PATH_MAX];

    for (size_t i = 0; target->taken_over && i < sizeof orders / sizeof orders[0]; i++) {
        int error;

        core_path(target, orders[i][0], path);
        error = sysfile_write(path, orders[i][1]);
        if (error)
            return fail(path, error);
    }
    return 0;
}

void tcmu_target_close(struct tcmu_target *target)
{
    if (target->memory)
        munmap(target->memory, target->size);
    if (target->uio >= 0)
        close(target->uio);
    target->memory = NULL;
    target->uio = -1;
}

/* The disk. */

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = PATIENCE_MS * 1000000L }, NULL);
}

/* "2:0:1" of the port and its LUN 0. */
static bool find_address(struct tcmu_target *target)
{
    char path[TCMU_PATH_MAX], text[TCMU_DISK_MAX - 2];

    loop_path(target, "/tpgt_1/address", path);
    if (sysfile_read(path, text, sizeof text) || !*text)
        return false;
    snprintf(target->address, sizeof target->address, "%s:0", text);
    return true;
}

static bool find_disk(struct tcmu_target *target)
{
    char path[TCMU_PATH_MAX];

    snprintf(path, sizeof path, "/sys/bus/scsi/devices/%s/block", target->address);
    return sysfile_find(path, "sd", target->disk, sizeof target->disk);
}

/* The kernel makes it on a thread of its own. */
static int await_disk(struct tcmu_target *target)
{
    uint64_t end = os_now_ns() + DISK_SECONDS * UINT64_C(1000000000);

    if (!find_address(target))
        return spd_fail(SPD_ERROR_SYSTEM, "the loopback fabric does not tell the disk's address");
    while (!find_disk(target)) {
        if (os_now_ns() > end)
            return spd_fail(SPD_ERROR_SYSTEM, "the kernel has made no disk at %s within %d s: is "
                "the module sd_mod there?", target->address, DISK_SECONDS);
        pause_a_moment();
    }
    return 0;
}

static void set_depth(const struct tcmu_target *target)
{
    char path[TCMU_PATH_MAX], text[16];

    snprintf(path, sizeof path, "/sys/bus/scsi/devices/%s/queue_depth", target->address);
    snprintf(text, sizeof text, "%u", target->wishes.queue_depth);
    sysfile_write(path, text);
}

/* The kernel scans a new disk while its name is there already. A rescan waits for that: otherwise a
 * server that ends at once takes the disk from the scan. */
static void await_scan(const struct tcmu_target *target)
{
    char path[TCMU_PATH_MAX];

    snprintf(path, sizeof path, "/sys/bus/scsi/devices/%s/rescan", target->address);
    sysfile_write(path, "1");
}

void tcmu_target_rescan(const struct tcmu_target *target)
{
    char path[TCMU_PATH_MAX];
    int error;

    snprintf(path, sizeof path, "/sys/bus/scsi/devices/%s/rescan", target->address);
    error = sysfile_write(path, "1");
    if (error)
        spd_log(SPD_LOG_WARNING, "tcmu:%s: the kernel does not look at the new capacity: %s: %s",
            target->name, path, strerror(error));
}

int tcmu_target_link(struct tcmu_target *target)
{
    int error = take_steps(target, LINK_STEP, STEPS);

    if (!error)
        error = await_disk(target);
    if (!error) {
        await_scan(target);
        set_depth(target);
    }
    return error;
}
