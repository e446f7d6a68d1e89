#include "client.h"
const struct test double_tests[] = { { 0 } };
