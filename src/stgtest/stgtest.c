/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* stgtest: writes a pattern to a storage unit, reads it back and compares. */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "spd/spd.h"
#include "stgtest/output.h"
#include "stgtest/run.h"

static const char usage_text[] =
    "usage: stgtest [-s SEED] NAME COUNT [RWFU] [ADDRESS|*] [BLOCKS|*]\n";

static const char help_text[] =
    "\n"
    "Writes a pattern to a storage unit, reads it back and compares.\n"
    "ALL DATA ON THE UNIT MAY BE OVERWRITTEN.\n"
    "\n";

static const char help_arguments[] =
    "  COUNT        how many operations (0: 1)\n"
    "  RWFU         the operations, repeated in this order: read, write, flush,\n"
    "               unmap; up to 32 letters (WR). Devices and files: only R and W\n"
    "  ADDRESS      first block (default 0), as HI:LO two halves of 32 bits in\n"
    "               hexadecimal, or * for a random one in each round\n"
    "  BLOCKS       blocks of each operation (default 1), or * for a random number\n"
    "\n"
    "Each round of operations uses one range. A read after a write of the same round\n"
    "must find the pattern, a read after an unmap zeros.\n"
    "\n"
    "  -s, --seed=SEED   where random numbers start: the same seed, the same run\n"
    "      --help        this text\n"
    "      --version     the version\n"
    "\n"
    "Numbers may be decimal, 0x hexadecimal or 0 octal.\n"
    "\n"
    "Exit status: 0 when all is well, otherwise a Windows error number, of which Unix\n"
    "keeps the low 8 bits (in brackets). The messages have it in full:\n"
    "   2  the unit is not there     5  permission denied     8  no memory\n"
    "  29  standard output cannot be written\n"
    "  87  wrong usage             170  the device is in use\n"
    "  1117 (93)  data or an answer is wrong, or I/O failed\n";

static int usage(void)
{
    fputs(usage_text, stderr);
    fputs("try: stgtest --help\n", stderr);
    return ERROR_INVALID_PARAMETER;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    unsigned long long number;
    char *end;

    errno = 0;
    number = strtoull(text, &end, 0);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno == ERANGE || number > max)
        return false;
    *value = number;
    return true;
}

/* A number, or two halves of 32 bits in hexadecimal, as the first line has them. */
static bool parse_address(const char *text, uint64_t *address)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t high = strspn(text, digits), low;

    if (text[high] != ':')
        return parse_number(text, UINT64_MAX, address);
    low = strspn(text + high + 1, digits);
    if (high == 0 || high > 8 || low == 0 || low > 8 || text[high + 1 + low] != '\0')
        return false;
    *address = strtoull(text, NULL, 16) << 32 | strtoull(text + high + 1, NULL, 16);
    return true;
}

/* Letters that are no operation are skipped, as the original does. True: all were taken. */
static bool parse_ops(const char *text, char ops[OPS_MAX + 1])
{
    size_t length = strlen(text), count = 0;

    for (; *text && count < OPS_MAX; text++) {
        char letter = (char)toupper((unsigned char)*text);

        if (strchr("RWFU", letter))
            ops[count++] = letter;
    }
    ops[count] = '\0';
    if (count == 0)
        strcpy(ops, "WR");
    return count > 0 && count == length;
}

/* The original silently takes such a value for another one. */
static OS_PRINTF(1, 2) void warn(const char *format, ...)
{
    va_list arguments;

    fputs("stgtest: warning: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static bool parse_arguments(int argc, char **argv, struct run_options *options)
{
    uint64_t blocks = 1;
    bool all;

    if (argc < 2 || argc > 5 || !parse_number(argv[1], UINT64_MAX, &options->count))
        return false;
    all = parse_ops(argc > 2 ? argv[2] : "WR", options->ops);
    options->random_address = argc > 3 && strcmp(argv[3], "*") == 0;
    if (argc > 3 && !options->random_address && !parse_address(argv[3], &options->address))
        return false;
    options->random_blocks = argc > 4 && strcmp(argv[4], "*") == 0;
    if (argc > 4 && !options->random_blocks && !parse_number(argv[4], UINT32_MAX, &blocks))
        return false;
    if (options->count == 0)
        warn("COUNT 0 is taken for 1 operation");
    if (!all)
        warn("of the operations \"%s\" these are taken: \"%s\"; up to %d of R, W, F and U are "
            "allowed", argv[2], options->ops, OPS_MAX);
    if (blocks == 0)
        warn("BLOCKS 0 is taken for 1 block");
    options->count += options->count == 0;
    options->blocks = blocks ? (uint32_t)blocks : 1;
    return true;
}

/* The ranges of the run, against those that the unit has. As with the original, a range may pass
 * the end: it is cut short. */
static int check_ranges(const char *name, const struct target *target,
    const struct run_options *options)
{
    uint32_t max = target->max_transfer_length / target->block_length;
    uint32_t blocks = options->blocks < max ? options->blocks : max;
    uint64_t rounds = (options->count - 1) / strlen(options->ops) + 1;

    if (!options->random_address && options->address >= target->block_count) {
        fprintf(stderr, "stgtest: %s: ADDRESS %" PRIu64 " is past the end: the unit has the "
            "blocks 0 to %" PRIu64 " (error %d)\n", name, options->address,
            target->block_count - 1, ERROR_INVALID_PARAMETER);
        return ERROR_INVALID_PARAMETER;
    }
    if (!options->random_blocks && options->blocks > max)
        warn("BLOCKS %" PRIu32 " is taken for %" PRIu32 ", the most that one operation moves",
            options->blocks, max);
    if (!options->random_address && !options->random_blocks &&
        rounds > (target->block_count - options->address) / blocks)
        warn("the run comes to the end of the unit, block %" PRIu64 ": there a range is cut "
            "short, and the next one lies at the beginning", target->block_count - 1);
    return 0;
}

/* 0 or an error. */
static int print_options(const char *name, const struct run_options *options)
{
    printf("stgtest -s %" PRIu32 " ", options->seed);
    target_print_name(name);
    printf(" %" PRIu64 " \"%s\" ", options->count, options->ops);
    if (options->random_address)
        printf("%s ", target_star);
    else
        printf("%" PRIx32 ":%" PRIx32 " ", (uint32_t)(options->address >> 32),
            (uint32_t)options->address);
    if (options->random_blocks)
        printf("%s\n", target_star);
    else
        printf("%" PRIu32 "\n", options->blocks);
    return output_flush();
}

static int check_ops(const char *name, const struct target *target, const char *ops)
{
    if (ops[strspn(ops, target->allowed)] == '\0')
        return 0;
    fprintf(stderr, "stgtest: %s: of the operations %s only %s can be used here (error %d)\n",
        name, ops, target->allowed, ERROR_INVALID_PARAMETER);
    return ERROR_INVALID_PARAMETER;
}

/* Every fault is found before the first operation. */
static int open_target(const char *name, const struct run_options *options,
    struct target **target)
{
    int error = target_open(name, target);

    if (error)
        return error;
    error = check_ops(name, *target, options->ops);
    if (error == 0)
        error = check_ranges(name, *target, options);
    if (error == 0)
        error = print_options(name, options);
    if (error)
        (*target)->ops->close(*target);
    return error;
}

static int test(const char *name, const struct run_options *options)
{
    struct run_totals totals = { 0 };
    uint64_t start;
    struct target *target;
    double seconds, mebibytes;
    int error = open_target(name, options, &target);

    if (error)
        return error;
    start = os_now_ns();
    error = run(target, options, &totals);
    seconds = (double)(os_now_ns() - start) / 1e9;
    target->ops->close(target);
    if (error)
        return error;
    if (seconds <= 0)
        seconds = 1e-9;
    mebibytes = (double)totals.bytes / (1024 * 1024);
    fprintf(stderr, "%" PRIu64 " operations, %.1f MiB in %.2f s: %.0f operations/s, %.1f MiB/s\n",
        totals.operations, mebibytes, seconds, (double)totals.operations / seconds,
        mebibytes / seconds);
    puts("OK");
    return 0;
}

static void help(void)
{
    fputs(usage_text, stdout);
    fputs(help_text, stdout);
    fputs(target_names, stdout);
    fputs(help_arguments, stdout);
}

/* 0 or an error. */
static int stgtest(int argc, char **argv)
{
    static const struct option long_options[] = {
        { "seed", required_argument, NULL, 's' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { 0 },
    };
    struct run_options options = { .progress = isatty(STDERR_FILENO) };
    uint64_t seed;
    int option;

    options.seed = (uint32_t)(os_now_ns() / 1000000);
    opterr = 0; /* on Windows its messages begin with the program's whole path */
    while ((option = getopt_long(argc, argv, "+s:", long_options, NULL)) != -1) {
        switch (option) {
        case 's':
            if (!parse_number(optarg, UINT32_MAX, &seed))
                return usage();
            options.seed = (uint32_t)seed;
            break;
        case 'h':
            help();
            return 0;
        case 'v':
            printf("stgtest (WinSpd) %d.%d.%d\n", SPD_VERSION_MAJOR, SPD_VERSION_MINOR,
                SPD_VERSION_PATCH);
            return 0;
        default:
            fprintf(stderr, "stgtest: %s: no such option, or no argument\n", argv[optind - 1]);
            return usage();
        }
    }
    if (!parse_arguments(argc - optind, argv + optind, &options))
        return usage();
    return test(argv[optind], &options);
}

int main(int argc, char **argv)
{
    if (os_reserve_descriptors() != 0)
        return winerror_exit_status(ERROR_NOT_ENOUGH_MEMORY);
    return winerror_exit_status(output_end("stgtest", stgtest(argc, argv)));
}
