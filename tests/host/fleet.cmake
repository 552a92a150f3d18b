# SPDX-License-Identifier: MIT
redfu_test(NAME host/fleet SOURCES ${CMAKE_CURRENT_LIST_DIR}/fleet.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 300 LABELS e2e)
redfu_runs(test-host-fleet)
