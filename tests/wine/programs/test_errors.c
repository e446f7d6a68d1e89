#include "client.h"
const struct test error_tests[] = { { 0 } };
