#include "client.h"
const struct test transact_tests[] = { { 0 } };
