# SPDX-License-Identifier: MIT
#
# --view on a pseudo-terminal.

redfu_test(NAME host/view
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/view_test.c ${CMAKE_CURRENT_LIST_DIR}/vt100.c
        ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 300 LABELS e2e)
redfu_runs(test-host-view BOARD stm32f4-discovery NEEDS consoles_programs)
target_compile_definitions(test-host-view PRIVATE PROGRAMS="${CMAKE_BINARY_DIR}/tests")
