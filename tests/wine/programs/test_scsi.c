#include "client.h"
const struct test scsi_tests[] = { { 0 } };
