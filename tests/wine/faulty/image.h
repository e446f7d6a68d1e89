/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The imports of this driver's own image. */

#ifndef FAULTY_IMAGE_H
#define FAULTY_IMAGE_H

/* The names' RVAs become addresses, as the loaders of some NT kernels leave them. */
void image_has_addresses(PDRIVER_OBJECT driver);
/* There seem to be no imports; returns what shows them again. */
ULONG image_hide_libraries(PDRIVER_OBJECT driver);
void image_show_libraries(PDRIVER_OBJECT driver, ULONG name);

#endif
