# SPDX-License-Identifier: MIT

redfu_test(NAME unit/gdb SOURCES ${CMAKE_CURRENT_LIST_DIR}/gdb.c LIBRARIES vboard_gdb)
