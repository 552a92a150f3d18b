# SPDX-License-Identifier: MIT
#
# board_host: a board with redfu-boot and a host in one process, for tests/board and tests/power.
add_library(board_host STATIC ${CMAKE_CURRENT_LIST_DIR}/host.c
    ${CMAKE_SOURCE_DIR}/vboard/boards.c ${CMAKE_SOURCE_DIR}/vboard/cut.c)
target_link_libraries(board_host PUBLIC vboard_snapshot vboard_chip vboard_usb vboard_core spec PkgConfig::CMOCKA)
target_compile_definitions(board_host PRIVATE
    FIRMWARE_FOLDER="${CMAKE_BINARY_DIR}/firmware")
redfu_test(NAME board/first_load SOURCES board/first_load.c LIBRARIES board_host)
# Boot modes: the store and the application kit's part of it as the chip has them.
add_library(board_pages STATIC ${CMAKE_CURRENT_LIST_DIR}/pages.c
    ${CMAKE_SOURCE_DIR}/app/redfu_boot_mode.c)
target_link_libraries(board_pages PUBLIC settings spec)
redfu_test(NAME board/boot SOURCES board/boot.c LIBRARIES board_host board_pages)
