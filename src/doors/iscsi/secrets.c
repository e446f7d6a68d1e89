/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The secrets file: lines "name secret" are accounts, lines "@name initiator[,initiator...]" bind
 * an account to InitiatorNames. Freed memory never has a copy of a secret, neither from the file's
 * buffer nor from an array that became too small.
 *
 * A secret is everything behind the blank. So quotes, a comment behind it, a blank at the end, or
 * the marks of an encoding would silently become part of it. Such a line is refused by its number,
 * since its meaning is unclear. The mark that some editors put before UTF-8 is skipped.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/chap.h"
#include "doors/iscsi/name.h"
#include "lib/door.h"
#include "os/os.h"

enum { SECRETS_LINE_MAX = 4096 };

static int bad_line(const char *path, unsigned line, const char *what)
{
    return spd_fail(SPD_ERROR_SECRET, "%s, line %u: %s", path, line, what);
}

/* Adds one element to an array whose room doubles; NULL: not enough memory. */
static void *grow(void **array, uint32_t *count, size_t size)
{
    uint32_t have = *count;

    if ((have & (have - 1)) == 0) {
        void *grown = calloc(have == 0 ? 1 : 2 * (size_t)have, size);

        if (!grown)
            return NULL;
        if (have > 0) {
            memcpy(grown, *array, have * size);
            os_wipe(*array, have * size);
        }
        free(*array);
        *array = grown;
    }
    ++*count;
    return (char *)*array + have * size;
}

static const struct iscsi_chap_account *find(
    const struct iscsi_chap_accounts *accounts, const char *name)
{
    for (uint32_t i = 0; i < accounts->count; i++)
        if (strcmp(accounts->list[i].name, name) == 0)
            return &accounts->list[i];
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

static const char *secret_fault(const char *secret)
{
    size_t length = strlen(secret);

    if (length > 0 && is_blank(secret[length - 1]))
        return "a blank follows the secret, and would be part of it: remove it";
    if (length > 1 && is_quote(*secret) && secret[length - 1] == *secret)
        return "the secret is in quotes, which would be part of it: remove them";
    for (const char *c = secret; *c != '\0'; c++)
        if (*c == '#' && c > secret && is_blank(c[-1]))
            return "a secret has no # behind a blank, and a comment has a line of its own";
    return NULL;
}

static int add_account(struct iscsi_chap_accounts *accounts, const char *name, const char *secret,
    const char *path, unsigned line)
{
    const char *fault = secret_fault(secret);
    struct iscsi_chap_account *account;

    if (fault)
        return bad_line(path, line, fault);
    if (strlen(secret) < CHAP_SECRET_MIN || strlen(secret) > CHAP_SECRET_MAX)
        return bad_line(path, line, "the secret must have 12 to 255 characters");
    if (find(accounts, name))
        return bad_line(path, line, "the name was there before");
    if (accounts->count == CHAP_ACCOUNTS_MAX)
        return bad_line(path, line, "a file may have 1024 names");
    account = grow((void **)(void *)&accounts->list, &accounts->count, sizeof *account);
    if (!account)
        return spd_fail(SPD_ERROR_NO_MEMORY, "%s", path);
    snprintf(account->name, sizeof account->name, "%s", name);
    snprintf(account->secret, sizeof account->secret, "%s", secret);
    return 0;
}

static int add_binding(struct iscsi_chap_accounts *accounts, const char *name, char *initiator,
    const char *path, unsigned line)
{
    struct iscsi_chap_binding *binding;
    const char *fault;

    size_t length;

    initiator += strspn(initiator, " \t");
    length = strcspn(initiator, " \t");
    if (initiator[length + strspn(initiator + length, " \t")] != '\0')
        return bad_line(path, line, "InitiatorNames have commas between them, and a comment has a "
            "line of its own");
    initiator[length] = '\0';
    fault = iscsi_name_fault(initiator);
    if (fault)
        return spd_fail(SPD_ERROR_SECRET, "%s, line %u: '%s' is not an iSCSI name: %s", path, line,
            initiator, fault);
    if (accounts->binding_count == CHAP_BINDINGS_MAX)
        return bad_line(path, line, "a file may bind 4096 initiators");
    binding = grow((void **)(void *)&accounts->bindings, &accounts->binding_count,
        sizeof *binding);
    if (!binding)
        return spd_fail(SPD_ERROR_NO_MEMORY, "%s", path);
    snprintf(binding->account, sizeof binding->account, "%s", name);
    snprintf(binding->initiator, sizeof binding->initiator, "%s", initiator);
    binding->line = line;
    return 0;
}

static int add_bindings(struct iscsi_chap_accounts *accounts, const char *name, char *list,
    const char *path, unsigned line)
{
    int error = 0;

    for (char *next; list && error == 0; list = next) {
        next = strchr(list, ',');
        if (next)
            *next++ = '\0';
        error = add_binding(accounts, name, list, path, line);
    }
    return error;
}

static int add_line(
    struct iscsi_chap_accounts *accounts, char *text, const char *path, unsigned line)
{
    char *name = text + strspn(text, " \t"), *rest;
    bool binds = *name == '@';

    if (*name == '\0' || *name == '#')
        return 0;
    if (is_quote(name[binds]))
        return bad_line(path, line, "a name has no quotes around it: remove them");
    rest = name + strcspn(name, " \t");
    if (*rest == '\0')
        return bad_line(path, line, binds ? "'@name', a space and InitiatorNames are needed"
                                          : "a name, a space and a secret are needed");
    *rest++ = '\0';
    rest += strspn(rest, " \t");
    if (strlen(name) > CHAP_NAME_MAX)
        return bad_line(path, line, "the name is longer than 255 characters");
    return binds ? add_bindings(accounts, name + 1, rest, path, line)
                 : add_account(accounts, name, rest, path, line);
}

static int check(const struct iscsi_chap_accounts *accounts, const char *path)
{
    if (accounts->count == 0)
        return spd_fail(SPD_ERROR_SECRET, "%s: there is no line 'name secret' in it", path);
    for (uint32_t i = 0; i < accounts->binding_count; i++)
        if (!find(accounts, accounts->bindings[i].account))
            return bad_line(path, accounts->bindings[i].line,
                "there is no line 'name secret' for the name behind '@'");
    return 0;
}

/* Takes a line without its end, LF or CR LF. False: there is none. *length: of all bytes that were
 * read, perhaps with a NUL; SECRETS_LINE_MAX: it is too long. */
static bool read_line(FILE *file, char text[SECRETS_LINE_MAX], size_t *length)
{
    int c = getc(file);

    *length = 0;
    if (c == EOF)
        return false;
    for (; c != EOF && c != '\n' && *length < SECRETS_LINE_MAX; c = getc(file))
        text[(*length)++] = (char)c;
    if (*length == SECRETS_LINE_MAX)
        return true;
    if (*length > 0 && text[*length - 1] == '\r')
        --*length;
    text[*length] = '\0';
    return true;
}

/* Finds characters that a line cannot have; NULL: none. *text goes past the mark of UTF-8. */
static const char *line_fault(char **text, size_t length, unsigned line)
{
    static const char mark[] = "\xef\xbb\xbf", little[] = "\xff\xfe", big[] = "\xfe\xff";

    if (length == SECRETS_LINE_MAX)
        return "the line is too long";
    if (strncmp(*text, little, 2) == 0 || strncmp(*text, big, 2) == 0 || strlen(*text) != length)
        return "it is no text of ASCII or UTF-8: save the file in one of these";
    if (strchr(*text, '\r'))
        return "it has a CR in it: lines end with LF, or with CR and LF";
    if (strncmp(*text, mark, sizeof mark - 1) != 0)
        return NULL;
    if (line > 1)
        return "it begins with a byte order mark: remove it";
    *text += sizeof mark - 1;
    return NULL;
}

static int read_lines(FILE *file, const char *path, struct iscsi_chap_accounts *accounts)
{
    char text[SECRETS_LINE_MAX];
    size_t length;
    int error = 0;

    for (unsigned line = 1; error == 0 && read_line(file, text, &length); line++) {
        char *begin = text;
        const char *fault = line_fault(&begin, length, line);

        error = fault ? bad_line(path, line, fault)
                              : add_line(accounts, begin, path, line);
    }
    os_wipe(text, sizeof text);
    if (error == 0 && ferror(file))
        error = spd_fail(SPD_ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    return error;
}

static int load(FILE *file, const char *path, struct iscsi_chap_accounts *accounts)
{
    char buffer[SECRETS_LINE_MAX];
    int error;

    setvbuf(file, buffer, _IOFBF, sizeof buffer);
    error = read_lines(file, path, accounts);
    fclose(file);
    os_wipe(buffer, sizeof buffer);
    return error != 0 ? error : check(accounts, path);
}

int iscsi_chap_load(const char *path, struct iscsi_chap_accounts *accounts)
{
    char why[128];
    FILE *file;
    int error = os_secret_open(path, &file, why, sizeof why);

    memset(accounts, 0, sizeof *accounts);
    if (error != 0)
        return spd_fail(
            error == EACCES ? SPD_ERROR_ACCESS : SPD_ERROR_SECRET, "%s: %s", path, why);
    os_secrets_begin();
    accounts->secret = true;
    error = load(file, path, accounts);
    if (error != 0)
        iscsi_chap_free(accounts);
    return error;
}

void iscsi_chap_free(struct iscsi_chap_accounts *accounts)
{
    if (accounts->list)
        os_wipe(accounts->list, accounts->count * sizeof *accounts->list);
    if (accounts->secret)
        os_secrets_end();
    free(accounts->list);
    free(accounts->bindings);
    memset(accounts, 0, sizeof *accounts);
}

bool iscsi_chap_may_use(
    const struct iscsi_chap_accounts *accounts, const char *account, const char *initiator)
{
    bool bound = false;

    for (uint32_t i = 0; i < accounts->binding_count; i++) {
        const struct iscsi_chap_binding *binding = &accounts->bindings[i];
        bool same_account = strcmp(binding->account, account) == 0;
        bool same_initiator = strcmp(binding->initiator, initiator) == 0;

        if (same_account && same_initiator)
            return true;
        bound = bound || same_account || same_initiator;
    }
    return !bound;
}
