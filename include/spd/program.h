/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The frame of a program that is a disk: command line, start line, log, statistics, and the orderly
 * end. rawdisk and memdisk are built on it. A program adds its device, and a table of options of
 * its own:
 *
 *     static const spd_program program = {
 *         .name = "mydisk", .summary = "Serves ...", .product_id = "MyDisk",
 *     };
 *
 *     int main(int argc, char **argv)
 *     {
 *         spd_program_options options;
 *         spd_program_disk disk;
 *         int status = spd_program_begin(&program, argc, argv, &options, NULL);
 *
 *         if (status >= 0)
 *             return status;
 *         spd_program_disk_init(&disk, &options, 0);
 *         disk.device = (spd_device){ &ops, NULL };
 *         return spd_program_run(&disk, 1);
 *     }
 *
 * The library libspd-program is static, so a program is always linked with the one that belongs to
 * this header, and the structures may grow. Its functions are for the thread of main(), save
 * spd_program_error(). A process is one such program, once.
 */

#ifndef SPD_PROGRAM_H
#define SPD_PROGRAM_H

#include <stdbool.h>

#include "spd.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define SPD_PROGRAM_FORMAT __attribute__((format(printf, 2, 3)))
#else
#define SPD_PROGRAM_FORMAT
#endif

enum {
    SPD_PROGRAM_EXIT_FAILURE = 1,
    SPD_PROGRAM_EXIT_USAGE = 87, /* ERROR_INVALID_PARAMETER, as the original's programs exit */
    SPD_PROGRAM_DOORS_MAX = 16,
    SPD_PROGRAM_DISKS_MAX = 16,
    SPD_PROGRAM_FILTERS_MAX = SPD_FILTERS_MAX - 1, /* one place is for --debug */
    SPD_PROGRAM_OPTIONS_MAX = 32, /* the program's own rows */
    SPD_PROGRAM_BLOCK_COUNT = 1048576, /* when neither -c nor --size was given */
};

/* Kinds of options: each has its argument, and the type of its value. */
enum {
    SPD_PROGRAM_TEXT,   /* const char *, not empty; min to max characters of printable ASCII when
                         * max is not 0. Points into argv */
    SPD_PROGRAM_IMAGE,  /* const char *, a file with the disk's blocks: no output of the program may
                         * go there */
    SPD_PROGRAM_NUMBER, /* uint64_t, min to max, decimal or 0x hexadecimal */
    SPD_PROGRAM_SIZE,   /* uint64_t, bytes above 0: 4096, 512M, 4G */
    SPD_PROGRAM_SWITCH, /* bool, 0 or 1 */
    SPD_PROGRAM_FLAG,   /* bool, true when given; has no argument */
};

/* An option: a row of a table, which serves parsing, --help, the start line and the messages. */
typedef struct spd_program_option {
    const char *name;     /* the long one, without "--" */
    const char *argument; /* its name in --help; NULL for a flag. FILE, USER, GROUP and 0|1 are
                           * completed by the shells */
    const char *help;     /* a line, without a period; the default in brackets at its end */
    uint64_t min, max;
    size_t offset;        /* where the value is in the structure of the program's values */
    int kind;             /* SPD_PROGRAM_TEXT, ... */
    char letter;          /* -x; 0: it has none */
    bool power_of_two;    /* the number has to be one */
    bool required;
    bool one_disk;        /* refused with several disks, such as an identity */
    bool omitted;         /* not in the start line: it says nothing about the disk */
} spd_program_option;

/* A program's constant properties. */
typedef struct spd_program {
    const char *name;       /* as people type it */
    const char *summary;    /* a line, for --help */
    const char *version;    /* for --version; NULL: that of WinSpd */
    const char *product_id; /* the default of -i, 1 to 16 characters */
    const char *vendor_id;  /* the default of --vendor-id, 1 to 8 characters; NULL: "WinSpd" */
    const spd_program_option *options; /* its own; at most SPD_PROGRAM_OPTIONS_MAX */
    size_t option_count;
    /* Names of common options that this program lacks, ended by NULL; may be NULL. A switch that it
     * lacks is 0: without "write-allowed" the disk is write-protected, and without "unmap" it
     * cannot unmap. --sandbox refuses system calls that open files or connect: a device that needs
     * them lacks "sandbox". */
    const char *const *without;
    /* The option, own or "size", that makes one more disk each time it is given; NULL: the program
     * is one disk. */
    const char *disk_option;
} spd_program;

/* The values of the common options. Texts point into argv. */
typedef struct spd_program_options {
    const spd_program *program;
    void *own; /* the program's own values */
    const char *arguments[SPD_PROGRAM_DISKS_MAX]; /* program->disk_option's, one for each disk */
    uint32_t argument_count;
    const char *argument; /* this disk's value, after spd_program_disk_init(); NULL: none given */
    uint64_t given;       /* spd_program_given() */
    uint64_t block_count; /* 0: not given */
    uint64_t block_length;
    uint64_t size; /* bytes; 0: not given */
    const char *product_id;
    const char *revision;
    const char *vendor_id;  /* NULL: "WinSpd" */
    uint64_t rotation_rate; /* 0: not given */
    uint8_t guid[16];
    char guid_text[37]; /* empty: not given */
    uint8_t wwn[16];
    char wwn_text[33]; /* empty: not given */
    bool write_allowed;
    bool cache;
    bool unmap;
    bool stats;
    bool sandbox;
    const char *user, *group;
    const char *exec; /* a command to run with the disks; NULL: none */
    const char *control; /* the path of the control socket, or "off"; NULL: the usual one */
    uint32_t debug; /* 1 << spd_operation for each kind to log */
    const char *debug_log;
    uint64_t threads;
    uint64_t stop_timeout; /* seconds */
    uint64_t slow_call;    /* milliseconds */
    const char *doors[SPD_PROGRAM_DOORS_MAX];
    uint32_t door_count;
    const char *filters[SPD_PROGRAM_FILTERS_MAX]; /* as given, that on top first */
    uint32_t filter_count;
} spd_program_options;

/* Begins the program, as the first call of main(). It reserves the descriptors 0 to 2 and takes
 * inherited sockets. It fills in options and the own values, which have their defaults before. own
 * may be NULL if the program has no options of its own. Returns -1 to go on, else the exit status:
 * --help or --version was answered (0), or a message was printed. *program stays until the process
 * ends. */
SPD_API int SPD_CALL spd_program_begin(const spd_program *program, int argc, char **argv,
    spd_program_options *options, void *own);

/* Whether the user gave the option of this long name. */
SPD_API bool SPD_CALL spd_program_given(const spd_program_options *options, const char *name);

/* How many disks the user wants, 1 to SPD_PROGRAM_DISKS_MAX. */
SPD_API uint32_t SPD_CALL spd_program_disks(const spd_program_options *options);

/* Prints the program's name, a colon and the message on standard error, as one line in which
 * unprintable bytes are \xHH. It does not wait for a reader. Any thread. */
SPD_API SPD_PROGRAM_FORMAT void SPD_CALL spd_program_error(const spd_program *program,
    const char *format, ...);

/* The files of a disk, as the start makes them. Both functions get the store's context. */
typedef struct spd_program_store {
    /* The doors are bound, and clients are not served yet: makes what is missing, for these
     * effective parameters. Returns 0, or the exit status after a message. */
    int (SPD_CALL *make)(void *context, const spd_params *params);
    /* make() was called, and the start failed then or later: removes the files that it has made. */
    void (SPD_CALL *unmake)(void *context);
    /* May be NULL: the size of the disk is fixed. The user asks by SIGUSR1 for the present size of
     * the store. Sets *block_count to blocks that the device can serve by now, and returns true; a
     * disk does not become smaller. False: a message says why its size stays. Called on a thread of
     * its own while the disk is served. */
    bool (SPD_CALL *measure)(void *context, uint64_t *block_count);
} spd_program_store;

/* A disk of the program. */
typedef struct spd_program_disk {
    spd_program_options options; /* what the start line shows; the program may change values */
    spd_params params;           /* made of the options; the program may change them */
    spd_device device;           /* set by the program; its context stays until the run ends */
    const spd_program_store *store; /* NULL: nothing has to be made */
    void *store_context;
    spd_unit *unit; /* set by spd_program_run() before make() is called, until it returns */
    bool made;      /* its own */
} spd_program_disk;

/* Fills in disk `index`, below spd_program_disks(), from the options; its device is still
 * missing. */
SPD_API void SPD_CALL spd_program_disk_init(spd_program_disk *disk,
    const spd_program_options *options, uint32_t index);

/* Serves the disks until SIGINT, SIGTERM or SIGHUP, and prints a start line and "serving URI" for
 * each when clients can connect. Disk i has the LUN that the URI says, 0 without one, plus i.
 *
 * If a disk stops before the others, by an error or by spd_unit_shutdown(), the others go on. The
 * program ends when all have stopped. Returns the exit status: 0 after an orderly end of all.
 * If a device hangs at the end, the process ends here. */
SPD_API int SPD_CALL spd_program_run(spd_program_disk *disks, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
