# SPDX-License-Identifier: MIT
redfu_test(NAME unit/port_map
    SOURCES unit/port_map.c ${CMAKE_SOURCE_DIR}/port/stm32f4/map.c
        ${CMAKE_SOURCE_DIR}/port/stm32f4/identity.c
    LIBRARIES core)
target_include_directories(test-unit-port_map PRIVATE
    ${CMAKE_SOURCE_DIR}/port/stm32f4/boards/stm32f4-discovery)
