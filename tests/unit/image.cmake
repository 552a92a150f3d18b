# SPDX-License-Identifier: MIT
redfu_test(NAME unit/image SOURCES ${CMAKE_CURRENT_LIST_DIR}/image_test.c LIBRARIES image spec)
redfu_test(NAME unit/image_formats SOURCES ${CMAKE_CURRENT_LIST_DIR}/image_formats.c LIBRARIES image spec)
