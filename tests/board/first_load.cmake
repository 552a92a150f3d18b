# SPDX-License-Identifier: MIT
redfu_test(NAME board/first_load
    SOURCES board/first_load.c ${CMAKE_SOURCE_DIR}/vboard/boards.c
    LIBRARIES vboard_chip vboard_usb vboard_core spec)
target_compile_definitions(test-board-first_load PRIVATE
    FIRMWARE_FOLDER="${CMAKE_BINARY_DIR}/firmware")
