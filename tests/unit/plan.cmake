# SPDX-License-Identifier: MIT
redfu_test(NAME unit/plan SOURCES unit/plan.c LIBRARIES redfu_host)
