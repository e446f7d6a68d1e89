/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* How a session of the initiator begins and ends. */

#include "initiator.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool initiator_url_parse(const char *text, struct initiator_url *url)
{
    char host[sizeof url->host], target[sizeof url->target], port[sizeof url->port] = "3260";
    unsigned lun;
    int end = 0;

    if (sscanf(text, "iscsi://[%127[^]]]:%7[0-9]/%223[^/]/%u%n", host, port, target, &lun, &end) !=
            4 &&
        sscanf(text, "iscsi://%127[^:/[]:%7[0-9]/%223[^/]/%u%n", host, port, target, &lun, &end) !=
            4 &&
        sscanf(text, "iscsi://%127[^:/[]/%223[^/]/%u%n", host, target, &lun, &end) != 3)
        return false;
    if (end == 0 || text[end] != '\0' || lun > 255)
        return false;
    memcpy(url->host, host, sizeof host);
    memcpy(url->port, port, sizeof port);
    memcpy(url->target, target, sizeof target);
    url->lun = (uint8_t)lun;
    return true;
}

static bool open_socket(struct initiator *ini, const struct initiator_url *url)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *a;
    int on = 1, error = getaddrinfo(url->host, url->port, &hints, &list);

    if (error != 0)
        return initiator_fail(ini, "%s: %s", url->host, gai_strerror(error));
    for (a = list; a; a = a->ai_next) {
        ini->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (ini->fd >= 0 && connect(ini->fd, a->ai_addr, a->ai_addrlen) == 0)
            break;
        initiator_fail(ini, "connect to %s port %s: %s", url->host, url->port, strerror(errno));
        if (ini->fd >= 0)
            close(ini->fd);
        ini->fd = -1;
    }
    freeaddrinfo(list);
    if (ini->fd >= 0)
        setsockopt(ini->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return ini->fd >= 0;
}

/* The target's answer to a key, or what holds when it gave none. */
static const char *answer(const struct initiator *ini, const char *key, const char *otherwise)
{
    size_t length = strlen(key);

    for (const char *p = ini->text; p < ini->text + ini->text_length; p += strlen(p) + 1)
        if (strncmp(p, key, length) == 0 && p[length] == '=')
            return p + length + 1;
    return otherwise;
}

static uint32_t answer_number(const struct initiator *ini, const char *key, const char *otherwise)
{
    return (uint32_t)strtoul(answer(ini, key, otherwise), NULL, 0);
}

static bool login_round(struct initiator *ini, const char *keys, uint32_t length)
{
    uint8_t *bhs = initiator_new_pdu(ini, LOGIN_REQUEST | IMMEDIATE);

    bhs[1] = FINAL | 1 << 2 | 3; /* from LoginOperationalNegotiation to FullFeaturePhase */
    bhs[8] = 0x80;               /* ISID: random format, 11.12.5 */
    put32(bhs + 9, (uint32_t)getpid());
    put16(bhs + 14, ini->tsih);
    put32(bhs + 24, ini->cmd_sn);
    initiator_queue_pdu(ini, bhs, keys, length);
    ini->login_answered = false;
    while (!ini->login_answered)
        if (!initiator_poll(ini))
            return false;
    return true;
}

/* RFC 7143 6.3: without authentication the security stage may be skipped. */
static bool login(struct initiator *ini, const struct initiator_url *url)
{
    char keys[1024] = "";
    int length = snprintf(keys, sizeof keys - 4,
        "InitiatorName=iqn.2026-01.org.winspd:bench%cTargetName=%s%cSessionType=Normal%c"
        "HeaderDigest=None%cDataDigest=None%cInitialR2T=No%cImmediateData=Yes%c"
        "MaxRecvDataSegmentLength=%u%cMaxBurstLength=16776192%cFirstBurstLength=%u%c"
        "MaxConnections=1%cMaxOutstandingR2T=1%cErrorRecoveryLevel=0%c"
        "DefaultTime2Wait=0%cDefaultTime2Retain=0%c",
        0, url->target, 0, 0, 0, 0, 0, 0, ini->max_receive, 0, 0, ini->max_receive, 0, 0, 0, 0, 0,
        0);

    if (!login_round(ini, keys, (uint32_t)length))
        return false;
    for (int round = 0; !ini->login_final; round++)
        if (round == 4)
            return initiator_fail(ini, "the target does not end the login");
        else if (!login_round(ini, NULL, 0))
            return false;
    ini->max_send = answer_number(ini, "MaxRecvDataSegmentLength", "8192") & ~3u;
    ini->first_burst = answer_number(ini, "FirstBurstLength", "65536");
    ini->max_burst = answer_number(ini, "MaxBurstLength", "262144");
    ini->initial_r2t = strcmp(answer(ini, "InitialR2T", "Yes"), "No") != 0;
    ini->immediate_data = strcmp(answer(ini, "ImmediateData", "Yes"), "No") != 0;
    if (ini->max_send < 512)
        return initiator_fail(ini, "the target takes only %u bytes a PDU", ini->max_send);
    return true;
}

bool initiator_connect(struct initiator *ini, const struct initiator_url *url)
{
    ini->fd = -1;
    ini->lun = url->lun;
    ini->max_receive = 1 << 20;
    ini->receive = malloc(INITIATOR_RECEIVE);
    if (!ini->receive)
        return initiator_fail(ini, "not enough memory");
    return open_socket(ini, url) && login(ini, url);
}

void initiator_close(struct initiator *ini)
{
    uint8_t *bhs;

    if (ini->fd >= 0) {
        if (ini->error[0] == '\0' &&
            (bhs = initiator_new_pdu(ini, LOGOUT_REQUEST | IMMEDIATE))) {
            bhs[1] = FINAL; /* close the session */
            put32(bhs + 24, ini->cmd_sn);
            initiator_queue_pdu(ini, bhs, NULL, 0);
            while (!ini->logged_out && initiator_poll(ini))
                continue;
        }
        close(ini->fd);
    }
    free(ini->receive);
}
