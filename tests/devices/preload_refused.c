/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Loaded into a server before its libraries, this plays a server that somebody has taken over: at
 * its first fdatasync() it makes calls that no server makes, and says how each ended. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fdatasync(int fd);

static const char *outcome(int result)
{
    return result < 0 ? errno == EPERM ? "refused" : strerror(errno) : "allowed";
}

static void try_all(void)
{
    void *code;

    fprintf(stderr, "tried socket: %s\n", outcome(socket(AF_INET, SOCK_STREAM, 0)));
    fprintf(stderr, "tried open: %s\n", outcome(open("/etc/passwd", O_RDONLY)));
    fprintf(stderr, "tried execve: %s\n", outcome(execl("/bin/true", "true", NULL)));
    fprintf(stderr, "tried fork: %s\n", outcome((int)fork()));
    /* The iSCSI door asks for the addresses of its peers, the other does not. */
    fprintf(stderr, "tried getpeername: %s\n", outcome(getpeername(-1, NULL, NULL)));
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fprintf(stderr, "tried executable memory: %s\n", outcome(code == MAP_FAILED ? -1 : 0));
}

int fdatasync(int fd)
{
    static int (*next)(int);
    static atomic_flag tried = ATOMIC_FLAG_INIT;

    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    if (!atomic_flag_test_and_set(&tried))
        try_all();
    return next(fd);
}
