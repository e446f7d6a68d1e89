/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* scsitool: queries a SCSI disk and shows the answer bit by bit. */

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "scsi/be.h"
#include "scsitool/decode.h"
#include "scsitool/transport.h"
#include "spd/spd.h"
#include "stgtest/output.h"
#include "stgtest/winerror.h"

enum { BUFFER_MAX = 16384 };

/* A command: the CDB with its allocation length at `where` (`width` bytes, big-endian). */
struct query {
    const char *name;
    const char *about;
    uint8_t cdb[16];
    uint8_t cdb_length;
    uint8_t where;
    uint8_t width;
    uint16_t buffer;
    decoder *decode;
    bool takes_lba; /* eight bytes at 2 */
};

#define VPD(name, page, about) \
    { name, about, { 0x12, 0x01, page }, 6, 3, 2, 255, decode_vpd }
#define MODE(name, page, about) \
    { name, about, { 0x1a, 0x00, page }, 6, 4, 1, 255, decode_mode_sense_6 }

static const struct query queries[] = {
    { "luns", "REPORT LUNS", { 0xa0 }, 12, 6, 4, 1024, decode_report_luns },
    { "inquiry", "standard INQUIRY data", { 0x12 }, 6, 3, 2, 255, decode_inquiry },
    VPD("vpd0", 0x00, "Supported VPD Pages"),
    VPD("vpd80", 0x80, "Unit Serial Number"),
    VPD("vpd83", 0x83, "Device Identification"),
    VPD("vpd86", 0x86, "Extended INQUIRY Data"),
    VPD("vpdb0", 0xb0, "Block Limits"),
    VPD("vpdb1", 0xb1, "Block Device Characteristics"),
    VPD("vpdb2", 0xb2, "Logical Block Provisioning"),
    MODE("mode-sense", 0x3f, "all mode pages, current values"),
    MODE("mode-recovery", 0x01, "Read-Write Error Recovery mode page"),
    MODE("mode-caching", 0x08, "Caching mode page"),
    MODE("mode-control", 0x0a, "Control mode page"),
    MODE("mode-exceptions", 0x1c, "Informational Exceptions Control mode page"),
    { "capacity", "READ CAPACITY(10)", { 0x25 }, 10, 0, 0, 255, decode_read_capacity_10 },
    { "capacity16", "READ CAPACITY(16)", { 0x9e, 0x10 }, 16, 10, 4, 255,
        decode_read_capacity_16 },
    { "lba-status", "GET LBA STATUS from --lba on", { 0x9e, 0x12 }, 16, 10, 4, 4096,
        decode_lba_status, true },
    { "opcodes", "REPORT SUPPORTED OPERATION CODES, all", { 0xa3, 0x0c }, 12, 6, 4, BUFFER_MAX,
        decode_supported_opcodes },
    { "task-management", "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", { 0xa3, 0x0d }, 12, 6, 4,
        255, decode_task_management },
    { "request-sense", "REQUEST SENSE", { 0x03 }, 6, 4, 1, 252, decode_sense },
    { "ready", "TEST UNIT READY", { 0x00 }, 6, 0, 0, 0, NULL },
};

static const char usage_text[] =
    "usage: scsitool [-c] [--lba N] COMMAND DEVICE [b:t:l]\n";

static const char help_text[] =
    "\n"
    "Asks a SCSI disk what it is and shows the answer bit by bit.\n"
    "\n";

static const char options_text[] =
    "\n"
    "  -c          one NAME=value a line instead of a table\n"
    "  --lba N     the first block, for lba-status (0)\n"
    "  --help      this text\n"
    "  --version   the version\n"
    "\n"
    "Commands:\n"
    "  devpath          the path of the device, without asking it anything\n";

static const char exit_text[] =
    "\n"
    "A command that the disk refuses is an answer too: its status and sense data are\n"
    "shown, and the exit status is 0. Otherwise that is a Windows error number (Unix\n"
    "keeps the low 8 bits): 2 no such device, 5 permission denied, 29 standard output\n"
    "cannot be written, 50 not a SCSI device, 87 wrong usage, 1117 (93) the command\n"
    "did not get through.\n";

int transport_fail(int error, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "Error %d: ", error);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return error;
}

static int usage(void)
{
    fputs(usage_text, stderr);
    fputs("try: scsitool --help\n", stderr);
    return ERROR_INVALID_PARAMETER;
}

static void help(void)
{
    fputs(usage_text, stdout);
    fputs(help_text, stdout);
    fputs(transports_help, stdout);
    fputs(options_text, stdout);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        printf("  %-15s  %s\n", queries[i].name, queries[i].about);
    fputs(exit_text, stdout);
}

static const struct query *find_query(const char *name)
{
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        if (strcmp(queries[i].name, name) == 0)
            return &queries[i];
    }
    return NULL;
}

static void put_length(uint8_t *at, uint8_t width, uint32_t length)
{
    switch (width) {
    case 1:
        at[0] = (uint8_t)length;
        break;
    case 2:
        be16_put(at, (uint16_t)length);
        break;
    case 4:
        be32_put(at, length);
        break;
    }
}

static void show(const struct query *query, const struct command *command, bool table)
{
    struct printer printer;

    printer_begin(&printer, stdout, table);
    if (command->status == 0) {
        if (query->decode) {
            query->decode(&printer, command->data, command->data_length);
            printer_end(&printer);
        } else {
            puts("OK");
        }
    } else {
        printf("ScsiStatus=%u\n", command->status);
        if (command->sense_length > 0) {
            decode_sense(&printer, command->sense, command->sense_length);
            printer_end(&printer);
        }
    }
}

static int ask(const struct query *query, const char *device, const unsigned long address[3],
    uint64_t lba, bool table)
{
    static uint8_t buffer[BUFFER_MAX];
    const struct transport_ops *const *ops = transports;
    struct transport *transport;
    struct command command = {
        .bus = (uint8_t)address[0],
        .target = (uint8_t)address[1],
        .lun = (uint8_t)address[2],
        .cdb_length = query->cdb_length,
        .data = buffer,
        .data_length = query->buffer,
    };
    int error;

    memcpy(command.cdb, query->cdb, sizeof command.cdb);
    put_length(command.cdb + query->where, query->width, query->buffer);
    if (query->takes_lba)
        be64_put(command.cdb + 2, lba);
    while (*ops && !(*ops)->knows(device))
        ops++;
    if (!*ops)
        return transport_fail(ERROR_INVALID_PARAMETER, "%s: %s", device, transports_devices);
    error = (*ops)->open(device, &transport);
    if (error)
        return error;
    error = transport->ops->execute(transport, &command);
    transport->ops->close(transport);
    if (error == 0)
        show(query, &command, table);
    return error;
}

/* "b:t:l"; fewer parts are the last ones. */
static bool parse_address(const char *text, unsigned long address[3])
{
    int parts = 0;

    memset(address, 0, 3 * sizeof address[0]);
    for (;;) {
        char *end;

        if (*text < '0' || *text > '9' || parts++ == 3)
            return false;
        address[0] = address[1];
        address[1] = address[2];
        address[2] = strtoul(text, &end, 10);
        if (address[2] > 255)
            return false;
        if (*end == '\0')
            return true;
        if (*end != ':')
            return false;
        text = end + 1;
    }
}

static int run(int argc, char **argv, uint64_t lba, bool table)
{
    const struct query *query;
    unsigned long address[3] = { 0 };

    if (argc < 2 || argc > 3 || (argc == 3 && !parse_address(argv[2], address)))
        return usage();
    query = find_query(argv[0]);
    if (!query && strcmp(argv[0], "devpath") != 0) {
        fprintf(stderr, "scsitool: there is no command %s\n", argv[0]);
        return usage();
    }
    if (!transports_address && (address[0] || address[1] || address[2]))
        return transport_fail(ERROR_INVALID_PARAMETER,
            "%s: %s names one unit already; its address is 0:0:0", argv[2], argv[1]);
    return query ? ask(query, argv[1], address, lba, table) : transports_print_path(argv[1]);
}

/* 0 or an error. */
static int scsitool(int argc, char **argv)
{
    static const struct option long_options[] = {
        { "lba", required_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { 0 },
    };
    unsigned long long lba = 0;
    bool table = true;
    char *end;
    int option;

    opterr = 0; /* on Windows its messages begin with the program's whole path */
    while ((option = getopt_long(argc, argv, "+c", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            table = false;
            break;
        case 'l':
            errno = 0;
            lba = strtoull(optarg, &end, 0);
            if (*optarg < '0' || *optarg > '9' || *end != '\0' || errno == ERANGE)
                return usage();
            break;
        case 'h':
            help();
            return 0;
        case 'v':
            printf("scsitool (WinSpd) %d.%d.%d\n", SPD_VERSION_MAJOR, SPD_VERSION_MINOR,
                SPD_VERSION_PATCH);
            return 0;
        default:
            fprintf(stderr, "scsitool: %s: no such option, or no argument\n", argv[optind - 1]);
            return usage();
        }
    }
    return run(argc - optind, argv + optind, lba, table);
}

int main(int argc, char **argv)
{
    if (spd_reserve_descriptors() != 0)
        return winerror_exit_status(ERROR_NOT_ENOUGH_MEMORY);
    return winerror_exit_status(output_end("scsitool", scsitool(argc, argv)));
}
