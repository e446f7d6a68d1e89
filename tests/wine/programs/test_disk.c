#include "client.h"
const struct test disk_tests[] = { { 0 } };
