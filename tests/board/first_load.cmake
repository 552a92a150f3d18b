# SPDX-License-Identifier: MIT
#
# board_host: a board with redfu-boot and a host in one process, for tests/board and tests/power.
add_library(board_host STATIC ${CMAKE_CURRENT_LIST_DIR}/host.c)
target_link_libraries(board_host PUBLIC vboard_chip vboard_usb vboard_core spec PkgConfig::CMOCKA)
target_compile_definitions(board_host PRIVATE
    FIRMWARE_FOLDER="${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery")
redfu_test(NAME board/first_load SOURCES board/first_load.c LIBRARIES board_host)
