/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A disk that a test makes by rawdisk, in order to format it. Formatting erases it, so the
 * disk is known by four facts at once: vendor, product, a serial number that was drawn for this
 * run, and the size. Whatever the test ends of, its server, image and folder go.
 */

#ifndef WINDOWS_KIT_DISK_H
#define WINDOWS_KIT_DISK_H

#include <stdbool.h>
#include <windows.h>

/* As Windows tells them: texts without the spaces at their end. */
struct disk_identity {
    char vendor[9], product[17], serial[40];
    unsigned long long bytes;
};

struct kit_disk {
    struct disk_identity identity;
    int number; /* of \\.\PhysicalDrive */
    char folder[MAX_PATH];
    char image[MAX_PATH], script[MAX_PATH]; /* files in it */
    char volume[MAX_PATH];                  /* a folder in it, for a volume */
    HANDLE server;
};

/* All four facts are the same. */
bool identity_is(const struct disk_identity *found, const struct disk_identity *wanted);
/* FALSE: there is no such disk, or it does not say who it is. */
bool identity_read(int number, struct disk_identity *identity);

/* Draws a serial number, makes the folder and starts the server. Ends the test when it cannot. Only
 * one exists at a time. */
void kit_disk_make(struct kit_disk *disk, unsigned gibibytes);
/* Starts the server, and waits until the disk is there. */
void kit_disk_start(struct kit_disk *disk);
/* Kills the server, as a crash would, and waits until the disk has gone. */
void kit_disk_kill(struct kit_disk *disk);
/* All that is left of it goes. */
void kit_disk_remove(struct kit_disk *disk);

#endif
