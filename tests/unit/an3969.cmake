# SPDX-License-Identifier: MIT
redfu_test(NAME unit/an3969 SOURCES ${CMAKE_CURRENT_LIST_DIR}/an3969.c LIBRARIES redfu_host)
