/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The begin and the end of a connection, for the log and the library. */

#include "doors/nbd/door.h"

static struct spd_visitor visitor_of(const struct nbd_client *client)
{
    return (struct spd_visitor){
        .door = &client->door->door,
        .what = client->phase == NBD_TRANSMISSION ? "session" : "connection",
        .who = client->who,
        .peer = client->peer,
    };
}

void nbd_session_begin(struct nbd_client *client)
{
    struct spd_visitor visitor;

    client->phase = NBD_TRANSMISSION;
    spd_timer_stop(&client->door->loop, &client->patience);
    atomic_fetch_add(&client->door->door.nexuses, 1);
    visitor = visitor_of(client);
    spd_session_begins(&visitor);
}

bool nbd_command_cancel(struct nbd_command *command)
{
    if (!command->running || !spd_request_cancel(&command->request))
        return false;
    command->running = false;
    command->client->running--;
    return true;
}

void nbd_client_cancel(struct nbd_client *client)
{
    for (uint32_t i = 0; i < NBD_DEPTH; i++)
        nbd_command_cancel(&client->commands[i]);
}

void nbd_client_kill(struct nbd_client *client, enum spd_ending ending, const char *detail)
{
    struct spd_visitor visitor = visitor_of(client);

    if (nbd_client_is_gone(client))
        return;
    spd_session_ends(&visitor, (os_now_ns() - client->began) / 1000000000u, ending, detail);
    spd_timer_stop(&client->door->loop, &client->patience);
    spd_loop_close_socket(&client->door->loop, &client->watch);
    if (client->phase == NBD_TRANSMISSION)
        atomic_fetch_sub(&client->door->door.nexuses, 1);
    if (!client->parting)
        nbd_client_cancel(client);
}
