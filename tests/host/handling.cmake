# SPDX-License-Identifier: MIT
#
# `vboard run` handled roughly.
redfu_test(NAME host/handling
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/handling.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 180)
redfu_runs(test-host-handling BOARD stm32f4-discovery)
