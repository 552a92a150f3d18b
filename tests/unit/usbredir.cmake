# SPDX-License-Identifier: MIT
redfu_test(NAME unit/usbredir
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/usbredir.c ${CMAKE_CURRENT_LIST_DIR}/fake_device.c
    LIBRARIES vboard_usbredir)
