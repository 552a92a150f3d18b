# SPDX-License-Identifier: MIT
redfu_test(NAME unit/timeline SOURCES ${CMAKE_CURRENT_LIST_DIR}/timeline.c LIBRARIES vboard_core)
redfu_test(NAME unit/trace SOURCES ${CMAKE_CURRENT_LIST_DIR}/trace.c LIBRARIES vboard_core)
