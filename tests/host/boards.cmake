# SPDX-License-Identifier: MIT
#
# Several boards on one bus, with real programs beside them.

redfu_test(NAME host/boards
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/boards_test.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 300 LABELS e2e)
redfu_runs(test-host-boards)
