/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The bare exchange: what a driver costs that does nothing but bring requests to a server. The
 * benchmark of the driver measures it, so that it can be told what the calls alone cost. On demand
 * the data go by way of an SRB, as those of each command do: StorPort's part is in it then, and the
 * copies that a driver must make. All codes are buffered, on the adapter's handle, and there is one
 * exchange at a time.
 */

#ifndef STORPORT_EXCHANGE_H
#define STORPORT_EXCHANGE_H

#include "control.h"

/* struct double_exchange in: what follows is like this. A TAKE that is pended ends with none. */
#define DOUBLE_IOCTL_EXCHANGE DOUBLE_CODE(16)
/* Anything in and out: is pended until the server has answered it, and brings ask_brings bytes. */
#define DOUBLE_IOCTL_ASK DOUBLE_CODE(17)
/* Anything in; answers what the one before has brought. Out: struct double_taken, and take_brings
 * bytes for each request. It is pended until `together` requests wait, or all of the clients. */
#define DOUBLE_IOCTL_TAKE DOUBLE_CODE(18)
/* A client asks no more. */
#define DOUBLE_IOCTL_LEAVE DOUBLE_CODE(19)

/* The bytes are those of one request. Data are at their end. */
struct double_exchange {
    ULONG clients;
    ULONG together; /* 0: there is nothing to take any more */
    ULONG ask_brings;
    ULONG take_carries; /* how much the server is to send for an answer */
    ULONG take_brings;
    ULONG srb; /* length of the data that are moved by way of an SRB; 0: there is none */
    ULONG write;
};

struct double_taken {
    ULONG count;
    struct double_exchange exchange;
};

#endif
