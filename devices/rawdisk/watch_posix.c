/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "watch.h"
#include "image_os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel reports a deletion a moment before the name is gone, so the path is looked at
 * twice. */
enum { LOOK_MS = 10000, LOOK_AGAIN_MS = 100 };

struct watch {
    const struct image *image;
    void (*say)(void *context, const char *message);
    void *context;
    pthread_t thread;
    int events;  /* inotify; -1: there is none */
    int stop[2]; /* a pipe that is closed at the end */
};

static bool same_file(const struct stat *one, const struct stat *other)
{
    if (S_ISBLK(one->st_mode) && S_ISBLK(other->st_mode))
        return one->st_rdev == other->st_rdev;
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

bool watch_has_its_name(const struct image *image, char message[IMAGE_MESSAGE_MAX])
{
    struct stat ours, there;
    bool missing = stat(image->path, &there) != 0;

    /* A file that cannot be looked at may well be there. */
    if (fstat(image->fd, &ours) != 0 || (missing && errno != ENOENT && errno != ENOTDIR))
        return true;
    if (!missing && same_file(&ours, &there))
        return true;
    if (image->block_device)
        image_fail(message, IMAGE_FAILED, "image %s: %s; the block device that was there is still "
            "served", image->path, missing ? "it is gone" : "another one has this name now");
    else if (ours.st_nlink)
        image_fail(message, IMAGE_FAILED, "image %s: %s; the file that was there is still served, "
            "and has another name", image->path,
            missing ? "it was renamed" : "another file has this name now");
    else
        image_fail(message, IMAGE_FAILED, "image %s: %s; the file that was there is still served, "
            "has no name any more, and is lost when this program ends: copy /proc/%d/fd/%d before",
            image->path, missing ? "it was deleted" : "another file has this name now",
            (int)getpid(), image->fd);
    return false;
}

/* Watches the file, and each folder on the way to it. A file or folder that cannot be watched is
 * looked at now and then. */
static int watch_path(const char *path)
{
    int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char whole[PATH_MAX], *slash;

    if (events < 0)
        return -1;
    inotify_add_watch(events, path, IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
    if (!realpath(path, whole))
        return events;
    while ((slash = strrchr(whole, '/')) && slash != whole) {
        *slash = '\0';
        inotify_add_watch(events, whole, IN_MOVE_SELF | IN_DELETE_SELF);
    }
    return events;
}

/* The kind of event does not matter: the path is looked at. False: there was none. */
static bool drain(int events)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool any = false;

    while (events >= 0 && read(events, buffer, sizeof buffer) > 0)
        any = true;
    return any;
}

static void *look(void *argument)
{
    struct watch *watch = argument;
    struct pollfd wait[] = {{.fd = watch->stop[0]}, {.fd = watch->events, .events = POLLIN}};
    char message[IMAGE_MESSAGE_MAX];
    bool had = true, has;
    int ready = 0;

    while (!wait[0].revents) {
        has = watch_has_its_name(watch->image, message);
        if (has && !had)
            image_fail(message, IMAGE_FAILED, "image %s: it has its name again",
                watch->image->path);
        if (has != had)
            watch->say(watch->context, message);
        had = has;
        ready = poll(wait, 2, drain(watch->events) || ready > 0 ? LOOK_AGAIN_MS : LOOK_MS);
    }
    return NULL;
}

struct watch *watch_start(const struct image *image,
    void (*say)(void *context, const char *message), void *context)
{
    struct watch *watch = malloc(sizeof *watch);
    sigset_t all, saved;
    int error;

    if (!watch)
        return NULL;
    *watch = (struct watch){.image = image, .say = say, .context = context};
    if (pipe2(watch->stop, O_CLOEXEC) != 0) {
        free(watch);
        return NULL;
    }
    watch->events = watch_path(image->path);
    /* Signals are for the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved);
    error = pthread_create(&watch->thread, NULL, look, watch);
    pthread_sigmask(SIG_SETMASK, &saved, NULL);
    if (!error)
        return watch;
    close(watch->stop[0]);
    close(watch->stop[1]);
    if (watch->events >= 0)
        close(watch->events);
    free(watch);
    return NULL;
}

void watch_stop(struct watch *watch)
{
    if (!watch)
        return;
    close(watch->stop[1]);
    pthread_join(watch->thread, NULL);
    close(watch->stop[0]);
    if (watch->events >= 0)
        close(watch->events);
    free(watch);
}
