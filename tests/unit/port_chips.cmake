# SPDX-License-Identifier: MIT
#
# Every chip of port/stm32f4/chips, in every size of flash.
set(rows)
foreach(chip f401/128 f401/256 f401/384 f401/512 f411/256 f411/512 f40x/512 f40x/1024 f42x/512 f42x/1024 f42x/2048)
    string(REPLACE "/" ";" parts ${chip})
    list(GET parts 0 line)
    list(GET parts 1 kb)
    add_library(port-chip-${line}-${kb} OBJECT unit/port_chip_row.c)
    target_compile_definitions(port-chip-${line}-${kb} PRIVATE CHIP_FLASH_KB=${kb}
        CHIP_ROW=chip_${line}_${kb})
    target_compile_options(port-chip-${line}-${kb} PRIVATE
        -include port/stm32f4/chips/stm32${line}.h)
    list(APPEND rows $<TARGET_OBJECTS:port-chip-${line}-${kb}>)
endforeach()
redfu_test(NAME unit/port_chips SOURCES unit/port_chips.c ${rows} LIBRARIES core doctor redfu_host)
