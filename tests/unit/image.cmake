# SPDX-License-Identifier: MIT
redfu_test(NAME unit/image SOURCES ${CMAKE_CURRENT_LIST_DIR}/image_test.c LIBRARIES image spec)
