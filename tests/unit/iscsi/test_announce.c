/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Where SendTargets says that the target is, and by which names a door is found again. */

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../skip.h"
#include "fixture.h"

static unsigned port_of(const char *uri)
{
    const char *host = uri + sizeof("iscsi://") - 1;

    return (unsigned)atoi((*host == '[' ? strchr(host, ']') + 1 : strchr(host, ':')) + 1);
}

/* Logs client in for discovery at this address. */
static void discover(const struct sockaddr *address, socklen_t length)
{
    memset(&client, 0, sizeof client);
    client.cmd_sn = 100;
    client.isid[0] = 0x80;
    client.fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client.fd >= 0);
    assert_int_equal(0, connect(client.fd, address, length));
    assert_int_equal(0,
        client_login_step(&client, 0x87, "InitiatorName=" INITIATOR "\nSessionType=Discovery\n"));
}

static void discover_at(const char *host)
{
    struct sockaddr_in four = { .sin_family = AF_INET };

    four.sin_port = htons((uint16_t)port_of(spd_unit_door_uri(disk.unit, disk.door)));
    assert_int_equal(1, inet_pton(AF_INET, host, &four.sin_addr));
    discover((struct sockaddr *)&four, sizeof four);
}

static void send_targets(void)
{
    static const char all[] = "SendTargets=All";
    uint8_t bhs[ISCSI_BHS];

    client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(&client, bhs, all, sizeof all);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
}

/* expected: "KEY=VALUE|KEY=VALUE"; %u is the door's port. */
static void assert_answer(const char *expected)
{
    char answer[1024], text[1024];
    uint32_t length = client.length;
    unsigned port = port_of(spd_unit_door_uri(disk.unit, disk.door));

    assert_true(length > 0 && length < sizeof answer);
    for (uint32_t i = 0; i < length; i++)
        answer[i] = client.data[i] == '\0' ? '|' : (char)client.data[i];
    answer[length - 1] = '\0';
    snprintf(text, sizeof text, expected, port, port);
    assert_string_equal(text, answer);
}

static void reopen(const char *authority, const char *query)
{
    disk_close(&disk);
    disk_open(&disk, authority, query);
}

static void behind_the_wildcard_it_is_where_the_discovery_came_to(void **state)
{
    (void)state;
    reopen("0.0.0.0:0", "?allow-anonymous=1");
    discover_at("127.0.0.2");
    send_targets();
    assert_answer("TargetName=" TARGET "|TargetAddress=127.0.0.2:%u,1");
    client_close(&client);
    discover_at("127.0.0.3");
    send_targets();
    assert_answer("TargetName=" TARGET "|TargetAddress=127.0.0.3:%u,1");
}

static void ipv6_stands_in_brackets_and_ipv4_is_ipv4(void **state)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    (void)state;
    if (!client_has_ipv6())
        SKIP_BECAUSE("this system has no IPv6 loopback");
    reopen("[::]:0", "?allow-anonymous=1");
    six.sin6_port = htons((uint16_t)port_of(spd_unit_door_uri(disk.unit, 0)));
    discover((struct sockaddr *)&six, sizeof six);
    send_targets();
    assert_answer("TargetName=" TARGET "|TargetAddress=[::1]:%u,1");
    client_close(&client);
    /* The same listener takes it as a mapped address. */
    discover_at("127.0.0.1");
    send_targets();
    assert_answer("TargetName=" TARGET "|TargetAddress=127.0.0.1:%u,1");
}

/* A link-local address of this host; false: it has none. */
static bool find_link_local(struct sockaddr_in6 *found)
{
    struct ifaddrs *all;
    bool has = false;

    assert_int_equal(0, getifaddrs(&all));
    for (const struct ifaddrs *a = all; a && !has; a = a->ifa_next) {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)a->ifa_addr;

        has = six && six->sin6_family == AF_INET6 && (a->ifa_flags & IFF_UP) &&
            IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
        if (has)
            *found = *six;
    }
    freeifaddrs(all);
    return has;
}

static void a_link_local_address_and_its_zone_are_kept_to_oneself(void **state)
{
    struct sockaddr_in6 six;

    (void)state;
    if (!find_link_local(&six))
        SKIP_BECAUSE("this system has no link-local address");
    reopen("[::]:0", "?allow-anonymous=1");
    six.sin6_port = htons((uint16_t)port_of(spd_unit_door_uri(disk.unit, 0)));
    discover((struct sockaddr *)&six, sizeof six);
    send_targets();
    assert_answer("TargetName=" TARGET);
    client_close(&client);
    /* The address that is announced is another matter. */
    reopen("[::]:0", "?allow-anonymous=1&announce=disks.example.org");
    six.sin6_port = htons((uint16_t)port_of(spd_unit_door_uri(disk.unit, 0)));
    discover((struct sockaddr *)&six, sizeof six);
    send_targets();
    assert_answer("TargetName=" TARGET "|TargetAddress=disks.example.org:%u,1");
}

/* The zone is part of both names of such a door: without it nobody on this host finds it. */
static void a_door_on_a_link_has_names_with_the_zone(void **state)
{
    char authority[INET6_ADDRSTRLEN + IF_NAMESIZE + 16], host[INET6_ADDRSTRLEN],
        zone[IF_NAMESIZE], expected[256], again[512];
    struct sockaddr_in6 six;

    (void)state;
    if (!find_link_local(&six))
        SKIP_BECAUSE("this system has no link-local address");
    inet_ntop(AF_INET6, &six.sin6_addr, host, sizeof host);
    assert_non_null(if_indextoname(six.sin6_scope_id, zone));
    snprintf(authority, sizeof authority, "[%s%%25%s]:0", host, zone);
    reopen(authority, "?allow-anonymous=1");
    snprintf(again, sizeof again, "%s", spd_unit_door_name(disk.unit, 0));
    snprintf(expected, sizeof expected, "iscsi://[%s%%%s]:%u/" TARGET "?allow-anonymous=1", host,
        zone, port_of(again));
    assert_string_equal(expected, again);
    snprintf(expected, sizeof expected, "iscsi://[%s%%%s]:%u/" TARGET "/0", host, zone,
        port_of(again));
    assert_string_equal(expected, spd_unit_door_uri(disk.unit, 0));
    /* And the form of that line can be typed. */
    snprintf(authority, sizeof authority, "[%s%%%s]:%u", host, zone, port_of(again));
    reopen(authority, "?allow-anonymous=1");
    assert_string_equal(again, spd_unit_door_name(disk.unit, 0));
}

static void what_is_announced_is_all_that_is_told(void **state)
{
    static const struct {
        const char *announce, *answer;
    } rows[] = {
        { "disks.example.org:3261", "TargetAddress=disks.example.org:3261,1" },
        { "192.0.2.7", "TargetAddress=192.0.2.7:%u,1" },
        { "[2001:db8::7]:3260", "TargetAddress=[2001:db8::7]:3260,1" },
        { "[2001:db8::7]", "TargetAddress=[2001:db8::7]:%u,1" },
        { "127.0.0.1:1", "TargetAddress=127.0.0.1:1,1" },
        { "container_1,%5B2001:db8::7%5D:65535,a.example:1,b.example:2",
            "TargetAddress=container_1:%u,1|TargetAddress=[2001:db8::7]:65535,1|"
            "TargetAddress=a.example:1,1|TargetAddress=b.example:2,1" },
    };
    char query[256], expected[512];

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(query, sizeof query, "?announce=%s", rows[i].announce);
        reopen(NULL, query);
        client_login_discovery(&client, &disk);
        send_targets();
        snprintf(expected, sizeof expected, "TargetName=" TARGET "|%s", rows[i].answer);
        assert_answer(expected);
        client_close(&client);
    }
}

/* The tag says which door it is, also behind a port map (RFC 7143 13.9). */
static void an_announced_address_keeps_its_portal_group(void **state)
{
    (void)state;
    disk_close(&disk);
    disk_open_doors(&disk, "", "iscsi://127.0.0.1:0/" TARGET "?announce=192.0.2.7:3260", false);
    disk.door = 1;
    client_login_discovery(&client, &disk);
    send_targets();
    assert_answer("TargetName=" TARGET "|TargetAddress=192.0.2.7:3260,2");
}

/* The shortest data segment that an initiator may ask for takes the longest answer. */
static void the_answer_fits_the_shortest_segment(void **state)
{
    static const char declare[] = "MaxRecvDataSegmentLength=512";
    char name[64], query[512];
    uint8_t bhs[ISCSI_BHS];

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(query, sizeof query, "?announce=%s.%s:65535,%s.%s:65535,%s.%s:65535", name, name,
        name, name, name, name);
    reopen(NULL, query);
    client_login_discovery(&client, &disk);
    client_header(&client, bhs, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
    be32_put(bhs + BHS_TTT, ISCSI_NO_TAG);
    client_send(&client, bhs, declare, sizeof declare);
    client_expect(&client, ISCSI_TEXT_RESPONSE);
    send_targets();
    assert_true(client.length > 480 && client.length <= 512);
}

static void never_called(spd_device *device, spd_request *request)
{
    (void)device;
    (void)request;
}

static int create(const char *uri, spd_unit **unit)
{
    static const spd_ops ops = { .size = sizeof(spd_ops), .submit = never_called };
    spd_params params = SPD_PARAMS_INIT;

    params.block_count = BLOCKS;
    *unit = NULL;
    return spd_unit_create(uri, &params, &(spd_device){ &ops, NULL }, unit);
}

static void what_no_initiator_could_reach_is_refused(void **state)
{
    static const char *const rows[][2] = {
        { "", "neither an address nor a host name" },
        { ":3260", "neither an address nor a host name" },
        { "a,,b", "neither an address nor a host name" },
        { "a,", "neither an address nor a host name" },
        { "0.0.0.0:3260", "wildcard" },
        { "[::]:3260", "wildcard" },
        { "[fe80::1]:3260", "link-local" },
        { "169.254.1.1:3260", "link-local" },
        { "[2001:db8::7%25eth0]", "zone" },
        { "[fe80::1%2525eth0]", "zone" },
        { "239.1.1.1", "one host" },
        { "255.255.255.255", "one host" },
        { "[ff02::1]", "one host" },
        { "2001:db8::7", "brackets" },
        { "[2001:db8::7", "']'" },
        { "[2001:db8::7]3260", "':' and a port" },
        { "[2001:db8:::7]", "no IPv6 address" },
        { "[a]", "brackets are for" },
        { "a:0", "1 to 65535" },
        { "a:65536", "1 to 65535" },
        { "a:0x10", "1 to 65535" },
        { "a:b", "1 to 65535" },
        { "192.0.2.256", "no address" },
        { "1.2.3", "no address" },
        { "a b", "neither an address nor a host name" },
        { "a..b", "neither an address nor a host name" },
        { "a%2Fb", "neither an address nor a host name" },
        { "%C3%A4.example", "neither an address nor a host name" },
        { "a,b,c,d,e", "more than 4" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "host name" },
    };
    char uri[512];
    spd_unit *unit;

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(uri, sizeof uri, "iscsi://127.0.0.1:0/" TARGET "?announce=%s", rows[i][0]);
        assert_int_equal(SPD_ERROR_URI_PARAMETER, create(uri, &unit));
        if (!strstr(spd_error_detail(), rows[i][1]))
            fail_msg("%s: %s", rows[i][0], spd_error_detail());
    }
}

static void hosts_that_are_too_long_for_one_answer_are_refused(void **state)
{
    char uri[1024], label[61];
    spd_unit *unit;

    (void)state;
    memset(label, 'a', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    snprintf(uri, sizeof uri, "iscsi://127.0.0.1:0/" TARGET "?announce=%s.%s.%s,%s.%s.%s", label,
        label, label, label, label, label);
    assert_int_equal(0, create(uri, &unit));
    spd_unit_delete(unit);
    snprintf(uri, sizeof uri, "iscsi://127.0.0.1:0/" TARGET "?announce=%s.%s.%s.%s,%s.%s.%s.%s",
        label, label, label, label, label, label, label, label);
    assert_int_equal(SPD_ERROR_URI_PARAMETER, create(uri, &unit));
    assert_non_null(strstr(spd_error_detail(), "512 bytes"));
}

/* Each name is typed in, and the door is asked for its names, which must be the same when they are
 * typed in again. */
static void names_can_be_typed_again(void **state)
{
    static const char *const rows[][3] = { /* given, name, URI */
        { "iscsi://127.0.0.1:0/" TARGET, "iscsi://127.0.0.1:%u/" TARGET,
            "iscsi://127.0.0.1:%u/" TARGET "/0" },
        { "iscsi://127.1:0/" TARGET "/7", "iscsi://127.1:%u/" TARGET "/7",
            "iscsi://127.0.0.1:%u/" TARGET "/7" },
        { "iscsi://:0/" TARGET "?lun=7", "iscsi://127.0.0.1:%u/" TARGET "?lun=7",
            "iscsi://127.0.0.1:%u/" TARGET "/7" },
        { "ISCSI://127.0.0.1:0/iqn.2026-01.org.example%3Atest?resets=%61ll&announce=a:1",
            "iscsi://127.0.0.1:%u/" TARGET "?resets=all&announce=a:1",
            "iscsi://127.0.0.1:%u/" TARGET "/0" },
        /* As they are: what libiscsi does with their escapes is another name. */
        { "iscsi://127.0.0.1:0/iqn.2026-01.org.example:\xc3\xa4\xe6\xbc\xa2",
            "iscsi://127.0.0.1:%u/iqn.2026-01.org.example:\xc3\xa4\xe6\xbc\xa2",
            "iscsi://127.0.0.1:%u/iqn.2026-01.org.example:\xc3\xa4\xe6\xbc\xa2/0" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[256], uri[256], expected[256];
        spd_unit *unit;

        assert_int_equal(0, create(rows[i][0], &unit));
        snprintf(name, sizeof name, "%s", spd_unit_door_name(unit, 0));
        snprintf(uri, sizeof uri, "%s", spd_unit_door_uri(unit, 0));
        assert_null(spd_unit_door_name(unit, 1));
        spd_unit_delete(unit);
        snprintf(expected, sizeof expected, rows[i][1], port_of(name));
        assert_string_equal(expected, name);
        snprintf(expected, sizeof expected, rows[i][2], port_of(name));
        assert_string_equal(expected, uri);

        assert_int_equal(0, create(name, &unit));
        assert_string_equal(name, spd_unit_door_name(unit, 0));
        assert_string_equal(uri, spd_unit_door_uri(unit, 0));
        spd_unit_delete(unit);
        /* A URI is a name, too. */
        assert_int_equal(0, create(uri, &unit));
        assert_string_equal(uri, spd_unit_door_uri(unit, 0));
        spd_unit_delete(unit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DISK(behind_the_wildcard_it_is_where_the_discovery_came_to),
        WITH_DISK(ipv6_stands_in_brackets_and_ipv4_is_ipv4),
        WITH_DISK(a_link_local_address_and_its_zone_are_kept_to_oneself),
        WITH_DISK(a_door_on_a_link_has_names_with_the_zone),
        WITH_DISK(what_is_announced_is_all_that_is_told),
        WITH_DISK(an_announced_address_keeps_its_portal_group),
        WITH_DISK(the_answer_fits_the_shortest_segment),
        cmocka_unit_test(what_no_initiator_could_reach_is_refused),
        cmocka_unit_test(hosts_that_are_too_long_for_one_answer_are_refused),
        cmocka_unit_test(names_can_be_typed_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
