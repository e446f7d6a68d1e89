/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A text names one kind of host. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "os/net.h"

static void hosts_are_told_apart(void **state)
{
    static const struct {
        const char *host;
        enum os_host kind;
    } rows[] = {
        { "example.org", OS_HOST_NAME },
        { "", OS_HOST_NAME },
        { "1.2.3", OS_HOST_NAME },
        { "192.0.2.256", OS_HOST_NAME },
        { "2001:db8:::1", OS_HOST_NAME },
        { "0.0.0.0", OS_HOST_ANY },
        { "::", OS_HOST_ANY },
        { "::ffff:0.0.0.0", OS_HOST_ANY },
        { "169.254.0.1", OS_HOST_LINK_LOCAL },
        { "169.253.255.255", OS_HOST_ADDRESS },
        { "169.255.0.0", OS_HOST_ADDRESS },
        { "fe80::1", OS_HOST_LINK_LOCAL },
        { "fe80::1%eth0", OS_HOST_LINK_LOCAL },
        { "FEBF::1%25", OS_HOST_LINK_LOCAL },
        { "fec0::1", OS_HOST_ADDRESS },
        { "::ffff:169.254.0.1", OS_HOST_LINK_LOCAL },
        { "224.0.0.1", OS_HOST_GROUP },
        { "255.255.255.255", OS_HOST_GROUP },
        { "ff02::1%eth0", OS_HOST_GROUP },
        { "127.0.0.1", OS_HOST_ADDRESS },
        { "223.255.255.255", OS_HOST_ADDRESS },
        { "::1", OS_HOST_ADDRESS },
        { "2001:db8::1%2", OS_HOST_ADDRESS },
        { "::ffff:192.0.2.1", OS_HOST_ADDRESS },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            OS_HOST_NAME },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (os_host_kind(rows[i].host) != rows[i].kind)
            fail_msg("%s is %d", rows[i].host, (int)os_host_kind(rows[i].host));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
