# SPDX-License-Identifier: MIT
# redfu-boot stays inside its sector: the linker refuses more, this one also prints by module.
add_test(NAME firmware/size COMMAND ${CMAKE_SOURCE_DIR}/script/size
    ${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery/redfu-boot.elf)
