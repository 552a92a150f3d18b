# SPDX-License-Identifier: MIT
redfu_test(NAME unit/pack SOURCES ${CMAKE_CURRENT_LIST_DIR}/pack.c LIBRARIES pack)
