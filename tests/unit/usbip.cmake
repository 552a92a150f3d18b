# SPDX-License-Identifier: MIT
redfu_test(NAME unit/usbip
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/usbip.c ${CMAKE_CURRENT_LIST_DIR}/fake_device.c
    LIBRARIES vboard_usbip)
