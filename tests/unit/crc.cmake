# SPDX-License-Identifier: MIT
redfu_test(NAME unit/crc SOURCES ${CMAKE_CURRENT_LIST_DIR}/crc.c LIBRARIES spec)
