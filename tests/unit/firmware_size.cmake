# SPDX-License-Identifier: MIT
# redfu-boot stays inside its sector and its stack inside its room, on every board; printed by module.
file(GLOB headers RELATIVE ${CMAKE_SOURCE_DIR}/port/stm32f4/boards CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/port/stm32f4/boards/*/board.h)
foreach(header ${headers})
    get_filename_component(board ${header} DIRECTORY)
    add_test(NAME firmware/size/${board} COMMAND ${CMAKE_SOURCE_DIR}/script/size
        ${CMAKE_BINARY_DIR}/firmware/${board}/redfu-boot.elf)
endforeach()
