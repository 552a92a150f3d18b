# SPDX-License-Identifier: MIT
redfu_test(NAME host/redfu_ends SOURCES ${CMAKE_CURRENT_LIST_DIR}/redfu_ends.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 300 LABELS e2e)
redfu_runs(test-host-redfu_ends)
