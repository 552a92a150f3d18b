# SPDX-License-Identifier: MIT
redfu_test(NAME unit/bus
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/bus.c ${CMAKE_CURRENT_LIST_DIR}/fake_device.c
    LIBRARIES vboard_usb)
