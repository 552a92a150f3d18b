# SPDX-License-Identifier: MIT
# redfu-boot stays inside its sector: the linker refuses more, this one also prints by module.
foreach(board stm32f4-discovery stm32f407-hs)
    add_test(NAME firmware/size/${board} COMMAND ${CMAKE_SOURCE_DIR}/script/size
        ${CMAKE_BINARY_DIR}/firmware/${board}/redfu-boot.elf)
endforeach()
