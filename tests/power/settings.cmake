# SPDX-License-Identifier: MIT
redfu_test(NAME power/settings
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/settings.c ${CMAKE_CURRENT_LIST_DIR}/flash_model.c
    LIBRARIES settings spec
    TIMEOUT 300 LABELS long)
