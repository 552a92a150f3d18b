# SPDX-License-Identifier: MIT
redfu_test(NAME unit/cable
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/cable.c ${CMAKE_CURRENT_LIST_DIR}/fake_device.c
    LIBRARIES vboard_usb)
