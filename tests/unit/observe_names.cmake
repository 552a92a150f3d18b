# SPDX-License-Identifier: MIT
redfu_test(NAME unit/observe_names SOURCES ${CMAKE_CURRENT_LIST_DIR}/observe_names.c
    LIBRARIES vboard_observe)
