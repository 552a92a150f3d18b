# SPDX-License-Identifier: MIT
redfu_test(NAME unit/enumerate
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/enumerate.c ${CMAKE_CURRENT_LIST_DIR}/fake_device.c
    LIBRARIES vboard_usb)
