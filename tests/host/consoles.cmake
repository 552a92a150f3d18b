# SPDX-License-Identifier: MIT
#
# --semihosting, --itm and --vcd on firmware that is not ours: one without a C library, one with newlib's rdimon.

find_program(ARM_GCC arm-none-eabi-gcc)
set(here ${CMAKE_CURRENT_LIST_DIR})
set(programs)
foreach(name consoles_firmware consoles_newlib view_firmware)
    set(script ${here}/observe_firmware.ld)
    set(library -ffreestanding -nostdlib)
    if(name STREQUAL "consoles_newlib")
        set(script ${here}/consoles_newlib.ld)
        set(library --specs=rdimon.specs)
    endif()
    set(program ${CMAKE_BINARY_DIR}/tests/${name}.elf)
    add_custom_command(OUTPUT ${program}
        COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb -std=gnu11 -O2 -Wall -Wextra ${library} -T ${script}
            ${here}/${name}.c -o ${program}
        DEPENDS ${here}/${name}.c ${script}
        VERBATIM)
    list(APPEND programs ${program})
endforeach()
add_custom_target(consoles_programs DEPENDS ${programs})

redfu_test(NAME host/consoles SOURCES ${here}/consoles_test.c ${here}/shell.c LIBRARIES spec)
target_compile_definitions(test-host-consoles PRIVATE
    VBOARD="$<TARGET_FILE:vboard>" PROGRAMS="${CMAKE_BINARY_DIR}/tests")
add_dependencies(test-host-consoles vboard consoles_programs)
