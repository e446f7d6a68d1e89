/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "order.h"

void order_init(struct order *order)
{
    atomic_store(&order->epoch, 1);
}

uint64_t order_next(struct order *order)
{
    return atomic_fetch_add(&order->given, 1) + 1;
}

static void raise(_Atomic uint64_t *value, uint64_t least)
{
    uint64_t now = atomic_load(value);

    while (now < least && !atomic_compare_exchange_weak(value, &now, least))
        ;
}

void order_cover(struct order *order, uint64_t number)
{
    raise(&order->durable, number);
}

void order_connected(struct order *order)
{
    uint64_t epoch = atomic_load(&order->epoch);

    if (atomic_load(&order->begun) == epoch)
        raise(&order->epoch, epoch + 1);
}

void order_begin(struct order *order, uint64_t epoch)
{
    raise(&order->begun, epoch);
}

void order_tell(struct order *order, uint32_t link, uint64_t epoch, uint64_t owed)
{
    atomic_store(&order->links[link].owed, owed);
    atomic_store(&order->links[link].epoch, epoch);
}

void order_leave(struct order *order, uint32_t link)
{
    atomic_store(&order->links[link].epoch, ORDER_ABSENT);
}

uint64_t order_oldest(struct order *order, uint32_t link, uint64_t epoch)
{
    uint64_t oldest = ORDER_NOTHING;

    for (uint32_t i = 0; i < SPD_QUEUES_MAX; i++) {
        uint64_t told = atomic_load(&order->links[i].epoch);
        uint64_t owed = atomic_load(&order->links[i].owed);

        if (i == link || told == ORDER_ABSENT)
            continue;
        if (told != epoch)
            return 0;
        if (owed < oldest)
            oldest = owed;
    }
    return oldest;
}
