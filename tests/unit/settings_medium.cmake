# SPDX-License-Identifier: MIT
redfu_test(NAME unit/settings_medium
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/settings_medium.c
        ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c
    LIBRARIES core settings spec)
