# SPDX-License-Identifier: MIT
redfu_test(NAME spec/table SOURCES ${CMAKE_CURRENT_LIST_DIR}/table_test.c LIBRARIES spec)
