# SPDX-License-Identifier: MIT
redfu_test(NAME unit/settings
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/settings.c
        ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c
    LIBRARIES settings spec)
