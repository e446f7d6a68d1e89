/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* The numbers of the NBD protocol (doc/proto.md of the NBD project), by the protocol's names. All
 * numbers on the wire are big-endian. */

#ifndef NBD_PROTOCOL_H
#define NBD_PROTOCOL_H

#include <stdint.h>

#define NBD_MAGIC UINT64_C(0x4e42444d41474943)
#define NBD_OPTION_MAGIC UINT64_C(0x49484156454f5054)
#define NBD_OPTION_REPLY_MAGIC UINT64_C(0x0003e889045565a9)
#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698u
#define NBD_STRUCTURED_REPLY_MAGIC 0x668e33efu
#define NBD_EXTENDED_REQUEST_MAGIC 0x21e41c71u
#define NBD_EXTENDED_REPLY_MAGIC 0x6e8a278cu

enum {
    NBD_PORT = 10809,
    NBD_STRING_MAX = 4096,
    NBD_GREETING_LENGTH = 18,
    NBD_OPTION_HEADER = 16,
    NBD_OPTION_REPLY_HEADER = 20,
    NBD_REQUEST_LENGTH = 28,
    NBD_EXTENDED_REQUEST_LENGTH = 32,
    NBD_SIMPLE_REPLY_LENGTH = 16,
    NBD_CHUNK_HEADER = 20,
    NBD_EXTENDED_CHUNK_HEADER = 32,
    NBD_OLD_ZEROES = 124, /* after the answer to NBD_OPT_EXPORT_NAME */
};

/* Handshake flags; the client's have the same bits. */
enum { NBD_FLAG_FIXED_NEWSTYLE = 0x1, NBD_FLAG_NO_ZEROES = 0x2 };

enum nbd_option {
    NBD_OPT_EXPORT_NAME = 1,
    NBD_OPT_ABORT = 2,
    NBD_OPT_LIST = 3,
    NBD_OPT_STARTTLS = 5,
    NBD_OPT_INFO = 6,
    NBD_OPT_GO = 7,
    NBD_OPT_STRUCTURED_REPLY = 8,
    NBD_OPT_LIST_META_CONTEXT = 9,
    NBD_OPT_SET_META_CONTEXT = 10,
    NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ERROR(n) (UINT32_C(0x80000000) + (n))
#define NBD_REP_ACK 1u
#define NBD_REP_SERVER 2u
#define NBD_REP_INFO 3u
#define NBD_REP_META_CONTEXT 4u
#define NBD_REP_ERR_UNSUP NBD_REP_ERROR(1)
#define NBD_REP_ERR_INVALID NBD_REP_ERROR(3)
#define NBD_REP_ERR_TLS_REQD NBD_REP_ERROR(5)
#define NBD_REP_ERR_UNKNOWN NBD_REP_ERROR(6)
#define NBD_REP_ERR_TOO_BIG NBD_REP_ERROR(9)

enum {
    NBD_INFO_EXPORT = 0,
    NBD_INFO_NAME = 1,
    NBD_INFO_DESCRIPTION = 2,
    NBD_INFO_BLOCK_SIZE = 3,
};

/* Transmission flags. */
enum {
    NBD_FLAG_HAS_FLAGS = 0x001,
    NBD_FLAG_READ_ONLY = 0x002,
    NBD_FLAG_SEND_FLUSH = 0x004,
    NBD_FLAG_SEND_FUA = 0x008,
    NBD_FLAG_ROTATIONAL = 0x010,
    NBD_FLAG_SEND_TRIM = 0x020,
    NBD_FLAG_SEND_WRITE_ZEROES = 0x040,
    NBD_FLAG_SEND_DF = 0x080,
    NBD_FLAG_CAN_MULTI_CONN = 0x100,
    NBD_FLAG_SEND_CACHE = 0x400,
    NBD_FLAG_SEND_FAST_ZERO = 0x800,
};

enum nbd_command_type {
    NBD_CMD_READ = 0,
    NBD_CMD_WRITE = 1,
    NBD_CMD_DISC = 2,
    NBD_CMD_FLUSH = 3,
    NBD_CMD_TRIM = 4,
    NBD_CMD_CACHE = 5,
    NBD_CMD_WRITE_ZEROES = 6,
    NBD_CMD_BLOCK_STATUS = 7,
    NBD_COMMANDS,
};

enum {
    NBD_CMD_FLAG_FUA = 0x01,
    NBD_CMD_FLAG_NO_HOLE = 0x02,
    NBD_CMD_FLAG_DF = 0x04,
    NBD_CMD_FLAG_REQ_ONE = 0x08,
    NBD_CMD_FLAG_FAST_ZERO = 0x10,
    NBD_CMD_FLAG_PAYLOAD_LEN = 0x20, /* with extended headers alone */
};

enum { NBD_REPLY_FLAG_DONE = 0x1 };

enum nbd_chunk_type {
    NBD_REPLY_NONE = 0,
    NBD_REPLY_OFFSET_DATA = 1,
    NBD_REPLY_BLOCK_STATUS = 5,
    NBD_REPLY_BLOCK_STATUS_EXT = 6,
    NBD_REPLY_ERROR = 0x8001,
};

enum { NBD_STATE_HOLE = 0x1, NBD_STATE_ZERO = 0x2 }; /* base:allocation */

/* The protocol's own, which are those of Linux. */
enum nbd_error {
    NBD_OK = 0,
    NBD_EPERM = 1,
    NBD_EIO = 5,
    NBD_EINVAL = 22,
    NBD_ENOSPC = 28,
    NBD_EOVERFLOW = 75,
    NBD_ENOTSUP = 95,
};

#endif
