# SPDX-License-Identifier: MIT
redfu_test(NAME unit/capture SOURCES ${CMAKE_CURRENT_LIST_DIR}/capture.c
    ${CMAKE_CURRENT_LIST_DIR}/pcap_read.c LIBRARIES capture)
