/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* spdctl: what the disks of this host do, and orders to their programs. It finds programs by their
 * control sockets, and prints what they answer. */

#include "programs.h"
#include "top.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spd/spd.h>

enum { EXIT_USAGE = 87 /* as our other programs */, LINE_LENGTH_MAX = 254 /* without its end */ };

struct options {
    bool json;
    double interval; /* seconds */
    uint64_t rounds;
    const char *wanted; /* NULL: all programs */
    char *const *words; /* what the program gets after the command, up to NULL */
};

/* A command: a line that programs get. */
static const struct command {
    const char *name, *help;
    bool json; /* also as JSON */
    bool one;  /* with several programs the user has to name one */
    int words; /* so many more may follow the program: the command is for one, then */
} commands[] = {
    { "list", "the disks, their doors and figures; the default", .json = true },
    { "sessions", "who uses the disks, and for how long", .json = true },
    { "top", "rates of all operations, again and again" },
    { "log", "the last 200 lines that a program has logged", .json = true },
    { "resize", "make a grown image visible to its initiators", .json = true, .one = true },
    { "filter", "the filters; with NUMBER KEY=VALUE,... a change of one", .json = true,
        .words = 2 },
    { "drop", "cut the connection of session NUMBER", .one = true, .words = 1 },
    { "eject", "end all disks of a program, and the program", .json = true, .one = true },
    { "metrics", "the figures in the text format of Prometheus", .one = true },
};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void usage(FILE *out)
{
    fputs("usage: spdctl [OPTION]... [COMMAND [PROGRAM [WORD]...]]\n\n"
          "Shows what the disks of this host do, and gives orders to their programs.\n\n"
          "PROGRAM is a name (rawdisk), a process number, or the path of a control socket;\n"
          "without it the command is for all programs of this user.\n\n"
          "  --json              print JSON, where the command has it\n"
          "  --interval SECONDS  time between two rounds of top, 0.1 to 3600 (1)\n"
          "  --count N           rounds of top; 0: until you end it (0)\n"
          "  --help              this text\n"
          "  --version           the version\n\nCommands:\n", out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-10s%s%s\n", commands[i].name, commands[i].help,
            commands[i].json ? " (JSON)" : "");
}

static int fail(const char *path, int error)
{
    fprintf(stderr, "spdctl: %s: %s\n", path, strerror(error));
    return EXIT_FAILURE;
}

static int none_found(const struct options *options)
{
    if (options->wanted) {
        fprintf(stderr, "spdctl: no program %s of this user serves disks; `spdctl list` lists "
            "all\n", options->wanted);
        return EXIT_FAILURE;
    }
    fputs(options->json ? "[]\n" : "no program of this user serves disks\n", stdout);
    return EXIT_SUCCESS;
}

static int too_many(const struct command *command, const struct programs *programs)
{
    fprintf(stderr, "spdctl: %s is for one program; name one of these:\n", command->name);
    for (size_t i = 0; i < programs->count; i++)
        fprintf(stderr, "  %s\n", strrchr(programs->paths[i], '/') + 1);
    return EXIT_USAGE;
}

static int refuse(const char *what, const char *text)
{
    fprintf(stderr, "spdctl: %s%s; see spdctl --help\n", what, text);
    return EXIT_USAGE;
}

/* False: it does not fit into what programs take. */
static bool make_line(
    char line[LINE_LENGTH_MAX + 1], const struct command *command, const struct options *options)
{
    const char *number = options->words[0], *pairs = number ? options->words[1] : NULL;
    int length = snprintf(line, LINE_LENGTH_MAX + 1, "%s%s%s%s%s%s", options->json ? "json " : "",
        command->name, number ? " " : "", number ? number : "", pairs ? " " : "",
        pairs ? pairs : "");

    return length <= LINE_LENGTH_MAX;
}

/* Prints whole answers only, so that JSON stays JSON. */
static int ask_one(const char *path, const char *line, const char *before)
{
    static const char refusal[] = "error: ";
    char *answer = NULL;
    size_t length;
    FILE *out = open_memstream(&answer, &length);
    int error = out ? program_ask(path, line, out) : errno;

    if (out && fclose(out) != 0)
        error = errno;
    if (error) {
        fail(path, error);
    } else if (strncmp(answer, refusal, strlen(refusal)) == 0) {
        fprintf(stderr, "spdctl: %s: %s", strrchr(path, '/') + 1, answer + strlen(refusal));
        error = EPERM;
    } else {
        fputs(before, stdout);
        fwrite(answer, 1, length, stdout);
    }
    free(answer);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int ask_all(
    const struct command *command, const struct options *options, const struct programs *programs)
{
    const char *before = "", *between = options->json ? "," : "\n";
    int status = EXIT_SUCCESS;
    char line[LINE_LENGTH_MAX + 1];

    if (!make_line(line, command, options))
        return refuse("too long: ", options->words[1]);
    fputs(options->json ? "[" : "", stdout);
    for (size_t i = 0; i < programs->count; i++)
        if (ask_one(programs->paths[i], line, before) == EXIT_SUCCESS)
            before = between;
        else
            status = EXIT_FAILURE;
    fputs(options->json ? "]\n" : "", stdout);
    return fflush(stdout) == 0 ? status : fail("standard output", errno);
}

static int run(const struct command *command, const struct options *options)
{
    static struct programs programs;

    if (strcmp(command->name, "top") == 0)
        return top(options->wanted, options->interval, options->rounds);
    programs_find(&programs, options->wanted);
    if (!programs.count)
        return none_found(options);
    if ((command->one || *options->words) && programs.count > 1)
        return too_many(command, &programs);
    return ask_all(command, options, &programs);
}

static bool read_number(const char *text, double least, double most, double *number)
{
    char *end;

    *number = strtod(text, &end);
    return end != text && !*end && *number >= least && *number <= most;
}

/* Returns -1 to go on, or the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        { "json", no_argument, NULL, 'j' }, { "interval", required_argument, NULL, 'i' },
        { "count", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' }, { 0 },
    };
    double number;
    int letter;

    while ((letter = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        if (letter == 'j')
            options->json = true;
        else if (letter == 'i' && !read_number(optarg, 0.1, 3600, &options->interval))
            return refuse("--interval has to be 0.1 to 3600, not ", optarg);
        else if (letter == 'c' && !read_number(optarg, 0, 1e9, &number))
            return refuse("--count has to be 0 to 1000000000, not ", optarg);
        else if (letter == 'c')
            options->rounds = (uint64_t)number;
        else if (letter == 'h')
            return usage(stdout), EXIT_SUCCESS;
        else if (letter == 'v')
            return printf("spdctl (WinSpd) %d.%d.%d\n", SPD_VERSION_MAJOR, SPD_VERSION_MINOR,
                       SPD_VERSION_PATCH), EXIT_SUCCESS;
        else if (letter == '?')
            return EXIT_USAGE;
    }
    return -1;
}

int main(int argc, char **argv)
{
    struct options options = { .interval = 1 };
    int status = read_options(argc, argv, &options);
    const char *name = optind < argc ? argv[optind] : commands[0].name;

    if (status >= 0)
        return status;
    options.wanted = optind + 1 < argc ? argv[optind + 1] : NULL;
    options.words = argv + (optind + 2 < argc ? optind + 2 : argc);
    for (const struct command *command = commands; command < commands + COMMANDS; command++) {
        if (strcmp(command->name, name) != 0)
            continue;
        if (options.json && !command->json)
            return refuse("there is no JSON of ", name);
        if (argc - optind > 2 + command->words)
            return refuse("too many words from ", argv[optind + 2 + command->words]);
        if (argc - optind > 2 && argc - optind < 2 + command->words)
            return refuse("KEY=VALUE is missing after ", argv[optind + 2]);
        return run(command, &options);
    }
    return refuse("there is no command ", name);
}
