# SPDX-License-Identifier: MIT
redfu_test(NAME host/loads SOURCES ${CMAKE_CURRENT_LIST_DIR}/loads.c
    TIMEOUT 900 # a minute and a half alone on a machine
    LABELS e2e long)
redfu_runs(test-host-loads BOARD stm32f4-discovery)
