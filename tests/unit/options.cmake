# SPDX-License-Identifier: MIT
redfu_test(NAME unit/options SOURCES ${CMAKE_CURRENT_LIST_DIR}/options_test.c
    LIBRARIES vboard_options)
