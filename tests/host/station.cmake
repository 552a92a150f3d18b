# SPDX-License-Identifier: MIT
redfu_test(NAME host/station SOURCES ${CMAKE_CURRENT_LIST_DIR}/station.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 300 LABELS e2e)
redfu_runs(test-host-station)

# What is told to programs.
add_test(NAME host/words
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/words.sh $<TARGET_FILE:vboard> $<TARGET_FILE:redfu>
        ${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery ${CMAKE_SOURCE_DIR}/docs)
set_tests_properties(host/words PROPERTIES TIMEOUT 180 LABELS e2e)
