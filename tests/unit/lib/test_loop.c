/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A door's event loop, taken turn by turn; and its thread. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/door.h"
#include "lib/loop.h"
#include "lib/unit.h"

enum { ROOM = 32, FOR_EVER = -1 };

/* A loop, and what happened in it: a letter each. */
static struct spd_loop loop;
static char story[ROOM];
static unsigned told;
static unsigned settles_more;       /* how often settle() says so */
static struct spd_request *ends_in_settle;
static unsigned stays;              /* how many drains leave something */
static struct spd_request first, second, third;

struct end {
    struct spd_loop_socket watch;
    int other;
    char letter;
    bool closes;
    struct end *victim, *heir; /* whom it closes, once, and who gets its number */
};

static void tell(char letter)
{
    assert_true(told < ROOM - 1);
    story[told++] = letter;
    story[told] = 0;
}

static void mailed(struct spd_loop *of, struct spd_request *request)
{
    assert_ptr_equal(of, &loop);
    assert_true(spd_loop_here(&loop));
    tell(request == &first ? '1' : request == &second ? '2' : '3');
    if (request == &first && ends_in_settle == &third) {
        spd_loop_done(&loop, &third);
        spd_loop_done(&loop, &second);
    }
}

static bool settle(struct spd_loop *of)
{
    assert_ptr_equal(of, &loop);
    tell('.');
    if (ends_in_settle == &second) {
        ends_in_settle = NULL;
        spd_loop_done(&loop, &second);
    }
    return settles_more > 0 && settles_more-- > 0;
}

static void stop(struct spd_loop *of)
{
    assert_ptr_equal(of, &loop);
    tell('s');
}

static bool is_empty(const struct spd_loop *of)
{
    assert_ptr_equal(of, &loop);
    if (stays == 0)
        return true;
    stays--;
    spd_loop_wake(&loop); /* as what is left will, when it ends */
    return false;
}

static const struct spd_loop_ops ops = {
    .mailed = mailed,
    .settle = settle,
    .stop = stop,
    .is_empty = is_empty,
};

static int setup(void **state)
{
    (void)state;
    memset(&loop, 0, sizeof loop);
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    memset(&third, 0, sizeof third);
    told = settles_more = stays = 0;
    ends_in_settle = NULL;
    story[0] = 0;
    return spd_loop_open(&loop, &ops);
}

static int teardown(void **state)
{
    (void)state;
    spd_loop_close(&loop);
    return 0;
}

static void replace_victim(struct end *end);

static void ready(struct spd_loop_socket *watch, uint32_t flags)
{
    struct end *end = (struct end *)watch;
    char bytes[8];

    tell(end->letter);
    if (flags & OS_POLL_OUT)
        tell('o');
    if (flags & OS_POLL_IN)
        tell(recv(watch->socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0 ? 'i' : 'e');
    if (end->closes)
        spd_loop_close_socket(&loop, watch);
    if (end->victim)
        replace_victim(end);
}

static struct end pair(char letter)
{
    struct end end = { .letter = letter };
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    end.watch = (struct spd_loop_socket){ .ready = ready, .socket = ends[0] };
    end.other = ends[1];
    return end;
}

static void part(struct end *end)
{
    close(end->other);
    if (end->watch.socket != OS_NO_SOCKET)
        spd_loop_close_socket(&loop, &end->watch);
}

static void say(const struct end *end)
{
    assert_int_equal(write(end->other, "x", 1), 1);
}

static void replace_victim(struct end *end)
{
    struct end *victim = end->victim;
    os_socket number = victim->watch.socket;

    end->victim = victim->victim = NULL;
    spd_loop_close_socket(&loop, &victim->watch);
    *end->heir = pair('c');
    assert_int_equal(end->heir->watch.socket, number);
    assert_int_equal(spd_loop_add(&loop, &end->heir->watch, OS_POLL_IN), 0);
    say(end->heir);
}

static void a_turn_brings_what_is_ready_and_settles(void **state)
{
    struct end a = pair('a');

    (void)state;
    assert_int_equal(spd_loop_add(&loop, &a.watch, OS_POLL_IN), 0);
    spd_loop_turn(&loop, 0);
    assert_string_equal(story, ".");
    say(&a);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, ".ai.");
    assert_false(spd_loop_here(&loop));
    part(&a);
}

static void a_watch_can_wait_for_something_else(void **state)
{
    struct end a = pair('a');

    (void)state;
    assert_int_equal(spd_loop_add(&loop, &a.watch, 0), 0);
    say(&a);
    spd_loop_turn(&loop, 0);
    assert_int_equal(spd_loop_change(&loop, &a.watch, OS_POLL_OUT), 0);
    spd_loop_turn(&loop, FOR_EVER);
    assert_int_equal(spd_loop_change(&loop, &a.watch, OS_POLL_IN), 0);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, ".ao.ai.");
    spd_loop_remove(&loop, &a.watch);
    say(&a);
    spd_loop_turn(&loop, 0);
    assert_string_equal(story, ".ao.ai..");
    assert_int_equal(recv(a.watch.socket, &(char){ 0 }, 1, MSG_DONTWAIT), 1);
    close(a.watch.socket);
    close(a.other);
}

static void a_socket_is_closed_in_the_middle_of_a_turn(void **state)
{
    struct end a = pair('a');

    (void)state;
    a.closes = true;
    assert_int_equal(spd_loop_add(&loop, &a.watch, OS_POLL_IN), 0);
    say(&a);
    spd_loop_turn(&loop, FOR_EVER);
    assert_int_equal(a.watch.socket, OS_NO_SOCKET);
    assert_int_equal(recv(a.other, &(char){ 0 }, 1, 0), 0);
    part(&a);
}

/* Events for the closed socket do not reach the other one, which has its number by now. */
static void a_number_that_is_used_again_in_a_turn_is_another_socket(void **state)
{
    struct end a = pair('a'), b = pair('b'), heir;

    (void)state;
    a.victim = &b;
    b.victim = &a;
    a.heir = b.heir = &heir;
    assert_int_equal(spd_loop_add(&loop, &a.watch, OS_POLL_IN), 0);
    assert_int_equal(spd_loop_add(&loop, &b.watch, OS_POLL_IN), 0);
    say(&a);
    say(&b);
    spd_loop_turn(&loop, FOR_EVER);
    assert_null(strchr(story, 'c'));
    spd_loop_turn(&loop, FOR_EVER);
    assert_non_null(strstr(story, ".ci."));
    part(&a);
    part(&b);
    part(&heir);
}

static void nobody_is_always_first(void **state)
{
    struct end a = pair('a'), b = pair('b');
    bool a_was_first = false, b_was_first = false;

    (void)state;
    assert_int_equal(spd_loop_add(&loop, &a.watch, OS_POLL_IN), 0);
    assert_int_equal(spd_loop_add(&loop, &b.watch, OS_POLL_IN), 0);
    for (int i = 0; i < 2; i++) {
        told = 0;
        say(&a);
        say(&b);
        spd_loop_turn(&loop, FOR_EVER);
        a_was_first |= strcmp(story, "aibi.") == 0;
        b_was_first |= strcmp(story, "biai.") == 0;
    }
    assert_true(a_was_first && b_was_first);
    part(&a);
    part(&b);
}

static void mail_comes_in_another_turn(void **state)
{
    (void)state;
    spd_loop_post(&loop, &first);
    spd_loop_post(&loop, &second);
    assert_string_equal(story, "");
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "12.");
    spd_loop_wake(&loop);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "12..");
}

/* Not from within the call, but before the turn ends, and settled afterwards. */
static void a_request_that_ends_on_the_loops_thread_is_told_in_its_turn(void **state)
{
    (void)state;
    ends_in_settle = &third;
    spd_loop_post(&loop, &first);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "132.");
    ends_in_settle = &second;
    spd_loop_wake(&loop);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "132..2.");
}

static void a_request_that_ends_on_another_thread_is_mail(void **state)
{
    (void)state;
    spd_loop_done(&loop, &first);
    assert_string_equal(story, "");
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "1.");
}

static struct spd_loop other_loop;
static unsigned came;

static void mailed_to_other(struct spd_loop *of, struct spd_request *request)
{
    static const struct spd_request *const order[] = { &first, &second, &third };

    assert_ptr_equal(of, &other_loop);
    assert_ptr_equal(request, order[came]);
    came++;
}

static bool settle_other(struct spd_loop *of)
{
    (void)of;
    return false;
}

/* In the turn of the loop. */
static void post_to_other(struct spd_timer *timer)
{
    (void)timer;
    spd_loop_post(&other_loop, &first);
    spd_loop_post(&other_loop, &second);
    spd_loop_done(&other_loop, &third);
    assert_null(spd_mailbox_take(&other_loop.mailbox));
    assert_int_equal(atomic_load(&first.unit->completing), 1); /* the unit stays meanwhile */
}

static void mail_of_a_turn_for_another_loop_leaves_at_its_end(void **state)
{
    static const struct spd_loop_ops of_other = {
        .mailed = mailed_to_other, .settle = settle_other
    };
    static struct spd_unit unit;
    struct spd_timer timer = { .fire = post_to_other };

    (void)state;
    first.unit = second.unit = third.unit = &unit;
    came = 0;
    assert_int_equal(spd_loop_open(&other_loop, &of_other), 0);
    spd_timer_start(&loop, &timer, 0);
    while (spd_timer_is_started(&timer))
        spd_loop_turn(&loop, FOR_EVER);
    assert_int_equal(atomic_load(&unit.completing), 0);
    assert_int_equal(came, 0);
    spd_loop_turn(&other_loop, 0);
    assert_int_equal(came, 3);
    spd_loop_close(&other_loop);
    first.unit = second.unit = third.unit = NULL;
}

static void a_loop_with_more_to_do_does_not_wait(void **state)
{
    (void)state;
    settles_more = 1;
    spd_loop_turn(&loop, 0);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "..");
}

struct clock {
    struct spd_timer timer;
    char letter;
    unsigned again;
};

static void fire(struct spd_timer *timer)
{
    struct clock *clock = (struct clock *)timer;

    tell(clock->letter);
    if (clock->again > 0) {
        clock->again--;
        spd_timer_start(&loop, timer, 0);
    }
}

static void timers_fire_once_and_in_order(void **state)
{
    struct clock late = { { .fire = fire }, 'l', 0 }, soon = { { .fire = fire }, 's', 0 },
                 never = { { .fire = fire }, 'n', 0 };
    uint64_t begun = os_now_ns();

    (void)state;
    spd_timer_start(&loop, &late.timer, 30);
    spd_timer_start(&loop, &never.timer, 20);
    spd_timer_start(&loop, &soon.timer, 10);
    spd_timer_stop(&loop, &never.timer);
    spd_timer_stop(&loop, &never.timer);
    while (spd_timer_is_started(&late.timer)) {
        spd_loop_turn(&loop, FOR_EVER);
        /* Not one of the turns was in vain, however late it was. */
        assert_true(story[told - 2] == 's' || story[told - 2] == 'l');
    }
    assert_true(os_now_ns() - begun >= 30 * 1000000u);
    assert_true(strcmp(story, "s.l.") == 0 || strcmp(story, "sl.") == 0);
    spd_loop_turn(&loop, 0);
    assert_int_equal(story[told - 2], '.');
}

static void a_timer_that_is_started_again_begins_again(void **state)
{
    struct clock clock = { { .fire = fire }, 't', 0 };
    uint64_t begun = os_now_ns();

    (void)state;
    spd_timer_start(&loop, &clock.timer, 0);
    spd_timer_start(&loop, &clock.timer, 20);
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "t.");
    assert_true(os_now_ns() - begun >= 20 * 1000000u);
}

static void a_timer_that_starts_itself_lets_others_have_their_turn(void **state)
{
    struct clock clock = { { .fire = fire }, 't', 2 };

    (void)state;
    spd_timer_start(&loop, &clock.timer, 0);
    for (int i = 0; i < 3; i++)
        spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "t.t.t.");
}

static void a_drain_says_whether_something_is_left(void **state)
{
    (void)state;
    stays = 1;
    assert_false(spd_loop_drain(&loop));
    assert_true(spd_loop_drain(&loop));
    assert_string_equal(story, "s.s.");
}

/* The thread sleeps between, so that a lost wake hangs the test. */
static void its_thread_runs_until_nothing_is_left(void **state)
{
    (void)state;
    assert_int_equal(spd_loop_start(&loop, "loop"), 0);
    spd_loop_post(&loop, &first);
    stays = 1;
    spd_loop_stop(&loop);
    spd_loop_wake(&loop);
    spd_loop_join(&loop);
    spd_loop_join(&loop);
    assert_non_null(strchr(story, '1'));
    assert_non_null(strstr(story, "s."));
    assert_int_equal(stays, 0);
}

/* A door's own way to wait. */
static bool poller_has_events;
static int waited;

static bool wait_otherwise(struct spd_loop *of, int timeout)
{
    assert_ptr_equal(of, &loop);
    assert_true(spd_loop_here(&loop));
    waited = timeout;
    tell('w');
    spd_loop_done(&loop, &second);
    return poller_has_events;
}

static void a_door_may_wait_in_its_own_way(void **state)
{
    struct spd_loop_ops own = ops;
    struct end a = pair('a');

    (void)state;
    own.wait = wait_otherwise;
    loop.ops = &own;
    assert_int_equal(spd_loop_add(&loop, &a.watch, OS_POLL_IN), 0);
    assert_int_equal(send(a.other, "x", 1, 0), 1);
    poller_has_events = false;
    spd_loop_turn(&loop, FOR_EVER);
    assert_int_equal(waited, FOR_EVER);
    assert_string_equal(story, "w2.");
    poller_has_events = true;
    settles_more = 1;
    spd_loop_turn(&loop, FOR_EVER);
    assert_string_equal(story, "w2.wai2.");
    spd_loop_turn(&loop, FOR_EVER);
    assert_int_equal(waited, 0);
    spd_loop_close_socket(&loop, &a.watch);
    close(a.other);
}

static void a_loop_that_is_not_open_is_closed_in_vain(void **state)
{
    struct spd_loop none = { 0 };

    (void)state;
    spd_loop_close(&none);
}

/* Otherwise doors that come later would have no queues of their own. */
static void a_closed_loop_gives_its_number_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * SPD_LOOPS_MAX; i++) {
        struct spd_loop other = { 0 };

        assert_int_equal(spd_loop_open(&other, &ops), 0);
        assert_in_range(spd_loop_number(&other), 0, SPD_LOOPS_MAX - 1);
        spd_loop_close(&other);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_turn_brings_what_is_ready_and_settles),
        TEST(a_watch_can_wait_for_something_else),
        TEST(a_socket_is_closed_in_the_middle_of_a_turn),
        TEST(a_number_that_is_used_again_in_a_turn_is_another_socket),
        TEST(nobody_is_always_first),
        TEST(mail_comes_in_another_turn),
        TEST(a_request_that_ends_on_the_loops_thread_is_told_in_its_turn),
        TEST(a_request_that_ends_on_another_thread_is_mail),
        TEST(mail_of_a_turn_for_another_loop_leaves_at_its_end),
        TEST(a_loop_with_more_to_do_does_not_wait),
        TEST(timers_fire_once_and_in_order),
        TEST(a_timer_that_is_started_again_begins_again),
        TEST(a_timer_that_starts_itself_lets_others_have_their_turn),
        TEST(a_drain_says_whether_something_is_left),
        TEST(its_thread_runs_until_nothing_is_left),
        TEST(a_door_may_wait_in_its_own_way),
        cmocka_unit_test(a_closed_loop_gives_its_number_back),
        cmocka_unit_test(a_loop_that_is_not_open_is_closed_in_vain),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
