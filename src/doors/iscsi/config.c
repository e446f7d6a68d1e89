/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Parses the URI of a door. */

#include "doors/iscsi/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doors/iscsi/announce.h"
#include "doors/iscsi/chap.h"
#include "doors/iscsi/keys.h"
#include "doors/iscsi/limits.h"
#include "doors/iscsi/name.h"
#include "lib/door.h"
#include "lib/uri.h"

static int read_number(const struct spd_uri *uri, const char *name, uint32_t low, uint32_t high,
    uint32_t *number)
{
    const char *text = spd_uri_query(uri, name);

    if (!text)
        return 0;
    if (!iscsi_number(text, number) || *number < low || *number > high)
        return spd_fail(SPD_ERROR_URI_PARAMETER, "%s=%s: a number from %u to %u is needed", name,
            text, low, high);
    return 0;
}

static int read_target(const char *path, size_t length, struct iscsi_config *config)
{
    char name[ISCSI_NAME_MAX + 2];
    const char *fault;

    /* iscsi_name_fault() refuses a name of one byte too many, so the copy need be no longer. */
    snprintf(name, sizeof name, "%.*s", (int)length, path);
    fault = iscsi_name_fault(name);
    /* A person who types the name sees it as it is on the wire. */
    if (!fault && memcmp(name, path, length) != 0)
        fault = "it has upper-case letters";
    if (fault)
        return spd_fail(SPD_ERROR_URI, "'%.*s' is not an iSCSI name, which looks like "
            "iqn.2026-01.org.example:disk: %s", (int)(length < 300 ? length : 300), path, fault);
    memcpy(config->target, name, length + 1);
    return 0;
}

/* IQN[/LUN] */
static int read_path(const struct spd_uri *uri, struct iscsi_config *config, uint32_t *lun)
{
    const char *path = uri->path ? uri->path : "";
    size_t length = strcspn(path, "/");
    const char *query = spd_uri_query(uri, "lun");
    int error;

    if ((error = read_target(path, length, config)) != 0)
        return error;
    if (path[length] == '/' && path[length + 1] != '\0') {
        if (query || !iscsi_number(path + length + 1, lun) || *lun > ISCSI_LUN_MAX)
            return spd_fail(SPD_ERROR_URI, "the LUN '%s' is not a number from 0 to %d, given once",
                path + length + 1, ISCSI_LUN_MAX);
    }
    return 0;
}

static int read_resets(const struct spd_uri *uri, bool *resets)
{
    const char *text = spd_uri_query(uri, "resets");

    *resets = text && strcmp(text, "all") == 0;
    if (text && !*resets && strcmp(text, "none") != 0)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "resets=%s: 'all' lets an initiator reset the target while others use it; with 'none' "
            "it cannot", text);
    return 0;
}

static int read_secrets(const struct spd_uri *uri, struct iscsi_config *config)
{
    const char *chap = spd_uri_query(uri, "chap"), *mutual = spd_uri_query(uri, "mutual");
    uint32_t demand = 0;
    int error = read_number(uri, "demand-mutual", 0, 1, &demand);

    if (error != 0)
        return error;
    config->demand_mutual = demand != 0;
    if (config->demand_mutual && !mutual)
        return spd_fail(SPD_ERROR_URI_PARAMETER, "demand-mutual=1 needs mutual=FILE, too");

    if (mutual && !chap)
        return spd_fail(SPD_ERROR_URI_PARAMETER, "mutual=FILE needs chap=FILE, too");
    error = chap ? iscsi_chap_load(chap, &config->chap) : 0;
    if (error == 0 && mutual)
        error = iscsi_chap_load(mutual, &config->mutual);
    if (error != 0)
        return error;
    if (config->mutual.count > 1)
        return spd_fail(SPD_ERROR_SECRET, "%s: the target has one name and secret", mutual);
    /* RFC 7143 9.2.1: otherwise another party could answer an initiator's own challenge. */
    for (uint32_t i = 0; config->mutual.count == 1 && i < config->chap.count; i++)
        if (strcmp(config->chap.list[i].secret, config->mutual.list[0].secret) == 0)
            return spd_fail(SPD_ERROR_SECRET, "%s: the target's secret must differ from those of "
                "the initiators", mutual);
    return 0;
}

int iscsi_config_read(const struct spd_uri *uri, struct iscsi_config *config, bool *guarded)
{
    static const char *const names[] = { "allow-anonymous", "announce", "chap", "demand-mutual",
        "login-timeout", "lun", "mutual", "nop-interval", "nop-timeout", "resets", "threads",
        "write-wait", NULL };
    uint32_t anonymous = 0;
    struct iscsi_times *times = &config->times;
    int error;

    memset(config, 0, sizeof *config);
    config->times = (struct iscsi_times){ ISCSI_LOGIN_SECONDS, ISCSI_NOP_INTERVAL,
        ISCSI_NOP_TIMEOUT };
    config->write_wait = ISCSI_WRITE_WAIT;
    config->threads = 1;
    if ((error = spd_uri_check_query(uri, names)) != 0 ||
        (error = read_path(uri, config, &config->lun)) != 0 ||
        (error = iscsi_announce_read(uri, config)) != 0)
        return error;
    if ((error = read_number(uri, "lun", 0, ISCSI_LUN_MAX, &config->lun)) != 0 ||
        (error = read_number(uri, "allow-anonymous", 0, 1, &anonymous)) != 0 ||
        (error = read_number(uri, "nop-interval", 1, ISCSI_SECONDS_MAX, &times->nop_interval)) ||
        (error = read_number(uri, "nop-timeout", 1, ISCSI_SECONDS_MAX, &times->nop_timeout)) ||
        (error = read_number(uri, "login-timeout", 1, ISCSI_SECONDS_MAX, &times->login)) ||
        (error = read_number(uri, "write-wait", 1, ISCSI_SECONDS_MAX, &config->write_wait)) ||
        (error = read_number(uri, "threads", 1, ISCSI_THREADS_MAX, &config->threads)) ||
        (error = read_resets(uri, &config->resets)) != 0)
        return error;
    error = read_secrets(uri, config);
    if (error != 0)
        iscsi_config_free(config);
    *guarded = anonymous != 0 || config->chap.count > 0;
    return error;
}

void iscsi_config_free(struct iscsi_config *config)
{
    iscsi_chap_free(&config->chap);
    iscsi_chap_free(&config->mutual);
}

const char *iscsi_times_other(const struct iscsi_times *one, const struct iscsi_times *other)
{
    return one->login != other->login           ? "login-timeout"
        : one->nop_interval != other->nop_interval ? "nop-interval"
        : one->nop_timeout != other->nop_timeout   ? "nop-timeout"
                                                   : NULL;
}

static bool same_accounts(
    const struct iscsi_chap_accounts *one, const struct iscsi_chap_accounts *other)
{
    if (one->count != other->count || one->binding_count != other->binding_count)
        return false;
    for (uint32_t i = 0; i < one->count; i++)
        if (strcmp(one->list[i].name, other->list[i].name) != 0 ||
            strcmp(one->list[i].secret, other->list[i].secret) != 0)
            return false;
    for (uint32_t i = 0; i < one->binding_count; i++)
        if (strcmp(one->bindings[i].account, other->bindings[i].account) != 0 ||
            strcmp(one->bindings[i].initiator, other->bindings[i].initiator) != 0)
            return false;
    return true;
}

static bool same_portals(const struct iscsi_config *one, const struct iscsi_config *other)
{
    if (one->portal_count != other->portal_count)
        return false;
    for (uint32_t i = 0; i < one->portal_count; i++)
        if (strcmp(one->portals[i].host, other->portals[i].host) != 0 ||
            one->portals[i].port != other->portals[i].port)
            return false;
    return true;
}

const char *iscsi_config_other(const struct iscsi_config *one, const struct iscsi_config *other)
{
    return !same_accounts(&one->chap, &other->chap)   ? "chap"
        : !same_accounts(&one->mutual, &other->mutual) ? "mutual"
        : one->demand_mutual != other->demand_mutual   ? "demand-mutual"
        : one->write_wait != other->write_wait         ? "write-wait"
        : one->resets != other->resets                 ? "resets"
        : !same_portals(one, other)                    ? "announce"
                                                       : NULL;
}

/* A designation descriptor (SPC-4 7.8.6.1); returns its length. */
static uint16_t designator(uint8_t *p, uint8_t code_set, uint8_t association, uint8_t type,
    const void *value, size_t length)
{
    size_t padded = (length + 3) & ~(size_t)3;

    memset(p, 0, 4 + padded);
    p[0] = (uint8_t)(5 << 4 | code_set); /* protocol identifier: iSCSI */
    p[1] = (uint8_t)(0x80 | association << 4 | type);
    p[3] = (uint8_t)padded;
    memcpy(p + 4, value, length);
    return (uint16_t)(4 + padded);
}

uint16_t iscsi_config_designators(
    const struct iscsi_config *config, uint16_t port, uint8_t *designators)
{
    enum { BINARY = 1, UTF_8 = 3, TARGET_PORT = 1, TARGET_DEVICE = 2, RELATIVE = 4, NAME = 8 };
    const uint8_t relative[4] = { 0, 0, (uint8_t)(port >> 8), (uint8_t)port };
    char name[ISCSI_NAME_MAX + 16];
    uint16_t used = 0;

    /* SPC-4 7.8.6.11: names end with a zero. RFC 7143 4.4.1: the port's has its group's tag. */
    snprintf(name, sizeof name, "%s,t,0x%04x", config->target, port);
    used += designator(designators, BINARY, TARGET_PORT, RELATIVE, relative, 4);
    used += designator(designators + used, UTF_8, TARGET_PORT, NAME, name, strlen(name) + 1);
    used += designator(designators + used, UTF_8, TARGET_DEVICE, NAME, config->target,
        strlen(config->target) + 1);
    return used;
}
