/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * inf2cat INF ARCHITECTURE...
 *
 * Makes the catalogue of a driver package, for each architecture (x64, x86) the file that the INF
 * names, in the folder of the INF. Members are the INF and every file that it lists, all of which
 * have to be there. A catalogue depends on them and on SOURCE_DATE_EPOCH alone. Its signature is
 * another program's business (packaging/sign).
 */

#include "inf2cat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* The systems by the names that Microsoft's tool gives them: Windows 8, 8.1, and 10 with all later
 * ones. */
static const struct arch ARCHS[] = {
    { "x64", "amd64", 0x8664, "8X64,_v63_X64,_v100_X64" },
    { "x86", "x86", 0x014c, "8X86,_v63,_v100" },
};

enum { MAX_MEMBERS = 64, MAX_HARDWARE = 64 };

struct package {
    const struct arch *arch;
    const struct inf *inf;
    char *folder;
    struct member members[MAX_MEMBERS];
    size_t count;
    char *hardware[MAX_HARDWARE + 1];
};

static const struct arch *arch_named(const char *name)
{
    for (size_t i = 0; i < sizeof ARCHS / sizeof *ARCHS; i++) {
        if (strcmp(ARCHS[i].name, name) == 0)
            return &ARCHS[i];
    }
    fail("there is no architecture \"%s\"; there are x64 and x86", name);
}

static int ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);

    return length >= tail && strcasecmp(name + length - tail, end) == 0;
}

/* A 64-bit Windows has use for programs of 32 bits. */
static void check_machine(const struct arch *arch, const char *name, uint16_t machine)
{
    if (ends_with(name, ".sys") ? machine == arch->machine
                                : !machine || machine == arch->machine || machine == 0x014c)
        return;
    fail("%s: it is for machine %#06x, and %s is %#06x", name, machine, arch->name, arch->machine);
}

static void add_member(struct package *package, const char *name)
{
    struct member *member = &package->members[package->count];

    if (strchr(name, '/') || strchr(name, '\\') || strchr(name, '%'))
        fail("%s: \"%s\" is no plain name of a file", package->inf->path, name);
    for (const char *c = name; *c; c++) {
        if ((unsigned char)*c > 0x7e || (unsigned char)*c < 0x20)
            fail("%s: \"%s\" is not in ASCII", package->inf->path, name);
    }
    if (package->count++ >= MAX_MEMBERS)
        fail("%s: it names more than %d files", package->inf->path, MAX_MEMBERS - 1);
    member->name = name;
    member->file = file_digest(text("%s%s", package->folder, name));
    check_machine(package->arch, name, member->file.machine);
}

static void add_files(struct package *package, const char *section)
{
    const struct inf_line *line;
    size_t at = 0;

    while ((line = inf_next(package->inf, section, &at)))
        add_member(package, line->key);
}

static void add_hardware(struct package *package, const char *models)
{
    const struct inf_line *line;
    size_t at = 0, count = 0;

    while ((line = inf_next(package->inf, models, &at))) {
        char *id;

        for (unsigned item = 1; (id = inf_item(line->value, item)); item++) {
            if (count >= MAX_HARDWARE)
                fail("%s: it has more than %d hardware ids", package->inf->path, MAX_HARDWARE);
            for (char *c = id; *c; c++)
                *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
            package->hardware[count++] = id;
        }
    }
    if (count == 0)
        fail("%s: [%s] names no device", package->inf->path, models);
}

/* [Manufacturer] says which sections have devices: "WinSpd, ntx86, ntamd64". */
static void add_devices(struct package *package)
{
    const struct inf_line *line;
    size_t at = 0;

    line = inf_next(package->inf, "Manufacturer", &at);
    if (!line)
        fail("%s: it has no [Manufacturer]", package->inf->path);
    add_hardware(package, text("%s.nt%s", inf_item(line->value, 0), package->arch->suffix));
}

static void make(const struct inf *inf, const struct arch *arch, int64_t when)
{
    struct package *package = allocate(1, sizeof *package);
    const char *slash = strrchr(inf->path, '/');
    const char *name = inf_value(inf, "Version", text("CatalogFile.nt%s", arch->suffix));

    if (!name)
        name = inf_value(inf, "Version", "CatalogFile");
    if (!name || strchr(name, '/') || strchr(name, '\\'))
        fail("%s: it names no catalogue for %s: CatalogFile.nt%s = NAME.cat belongs in [Version]",
            inf->path, arch->name, arch->suffix);
    package->arch = arch;
    package->inf = inf;
    package->folder = text("%.*s", slash ? (int)(slash + 1 - inf->path) : 0, inf->path);
    add_member(package, slash ? slash + 1 : inf->path);
    add_files(package, "SourceDisksFiles");
    add_files(package, text("SourceDisksFiles.%s", arch->suffix));
    if (package->count == 1)
        fail("%s: [SourceDisksFiles.%s] names no file", inf->path, arch->suffix);
    add_devices(package);
    catalogue_write(text("%s%s", package->folder, name), arch, package->members, package->count,
        package->hardware, when);
}

static int64_t time_of_catalogue(void)
{
    const char *given = getenv("SOURCE_DATE_EPOCH");
    char *end;
    long long seconds;

    if (!given || !*given)
        return time(NULL);
    seconds = strtoll(given, &end, 10);
    /* The range of UTCTime. */
    if (*end || seconds < 0 || seconds >= 2524608000)
        fail("SOURCE_DATE_EPOCH is \"%s\"; it has to be seconds since 1970, before 2050", given);
    return seconds;
}

int main(int argc, char **argv)
{
    struct inf inf;

    if (argc < 3) {
        fputs("usage: inf2cat INF ARCHITECTURE...   (x64, x86)\n", stderr);
        return 2;
    }
    inf = inf_read(argv[1]);
    for (int i = 2; i < argc; i++)
        make(&inf, arch_named(argv[i]), time_of_catalogue());
    return 0;
}
