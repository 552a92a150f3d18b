# SPDX-License-Identifier: MIT
redfu_test(NAME unit/usb_text SOURCES ${CMAKE_CURRENT_LIST_DIR}/usb_text.c LIBRARIES spec)
