#include "client.h"
const struct test reset_tests[] = { { 0 } };
