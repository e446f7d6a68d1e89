/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/iscsi/target.h"

#include <stdatomic.h>

#include "doors/iscsi/list.h"
#include "doors/iscsi/name.h"
#include "doors/iscsi/portal.h"
#include "lib/door.h"

struct iscsi_target *iscsi_target_find(const struct iscsi_portal *portal, const char *name)
{
    list_each(link, &portal->targets) {
        struct iscsi_target *target = list_entry(link, struct iscsi_target, link);

        if (iscsi_name_is(name, target->config.target))
            return target;
    }
    return NULL;
}

void iscsi_door_init(struct iscsi_door *door, struct iscsi_door *first,
    struct iscsi_target *target, uint32_t lun)
{
    door->base.ops = &iscsi_door_ops;
    door->base.unit = first->base.unit;
    door->first = first;
    door->target = target;
    door->lun = lun;
    list_init(&door->link);
    list_init(&door->moving);
}

struct iscsi_target *iscsi_target_at(
    const struct iscsi_target *target, const struct iscsi_portal *portal)
{
    struct iscsi_target *at = target->first;

    while (at->portal != portal)
        at = at->next;
    return at;
}

struct iscsi_door *iscsi_target_first(const struct iscsi_target *target)
{
    for (unsigned i = 0; i < ISCSI_LUNS; i++)
        if (target->units[i])
            return target->units[i];
    return NULL;
}

const struct spd_door *iscsi_target_door(
    const struct iscsi_portal *portal, const struct iscsi_target *target)
{
    static const struct spd_door none = { .ops = &iscsi_door_ops };
    const struct iscsi_door *lowest = NULL;

    list_each(link, &portal->doors) {
        const struct iscsi_door *door = list_entry(link, struct iscsi_door, link);

        if ((!target || door->target == target) && (!lowest || door->lun < lowest->lun))
            lowest = door;
    }
    return lowest ? &lowest->base : &none;
}

void iscsi_target_report(struct iscsi_target *target, uint32_t lun, bool there)
{
    uint32_t bit = UINT32_C(1) << lun % 32;

    if (there)
        atomic_fetch_or(&target->port->lun_map[lun / 32], bit);
    else
        atomic_fetch_and(&target->port->lun_map[lun / 32], ~bit);
}
