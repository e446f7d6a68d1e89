/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The doors of this build. A new door is a folder, its ops struct, and a line here. */

#include "lib/door.h"

extern const struct spd_door_ops iscsi_door_ops;
extern const struct spd_door_ops nbd_door_ops;
extern const struct spd_door_ops nbd_local_door_ops;
extern const struct spd_door_ops nbds_door_ops;
extern const struct spd_door_ops nbds_local_door_ops;
extern const struct spd_door_ops tcmu_door_ops;
extern const struct spd_door_ops ublk_door_ops;
extern const struct spd_door_ops unix_door_ops;
extern const struct spd_door_ops vhost_blk_door_ops;

const struct spd_door_ops *const spd_doors[] = {
    &iscsi_door_ops,
    &nbd_door_ops,
    &nbd_local_door_ops,
    &nbds_door_ops,
    &nbds_local_door_ops,
    &tcmu_door_ops,
    &ublk_door_ops,
    &unix_door_ops,
    &vhost_blk_door_ops,
    NULL,
};
