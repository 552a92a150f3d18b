# SPDX-License-Identifier: MIT
#
# What vboard observes, on firmware that is not ours: observe_firmware.c, a program a scenario.

find_program(ARM_GCC arm-none-eabi-gcc)
set(here ${CMAKE_CURRENT_LIST_DIR})
set(programs)
foreach(scenario 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18)
    set(program ${CMAKE_BINARY_DIR}/tests/observe-${scenario}.elf)
    # At -O0 too: what a debug build of somebody's firmware looks like.
    set(level -O2)
    if(scenario EQUAL 3)
        set(level -O0)
    endif()
    add_custom_command(OUTPUT ${program}
        COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb -std=gnu11 ${level} -Wall -Wextra -ffreestanding
            -nostdlib -DSCENARIO=${scenario} -T ${here}/observe_firmware.ld
            ${here}/observe_firmware.c -o ${program}
        DEPENDS ${here}/observe_firmware.c ${here}/observe_firmware.ld
        VERBATIM)
    list(APPEND programs ${program})
endforeach()
add_custom_target(observe_programs DEPENDS ${programs})

redfu_test(NAME host/observe SOURCES ${here}/observe_test.c ${here}/shell.c
    ${CMAKE_CURRENT_SOURCE_DIR}/unit/pcap_read.c LIBRARIES spec TIMEOUT 180)
redfu_runs(test-host-observe BOARD stm32f4-discovery NEEDS observe_programs)
target_compile_definitions(test-host-observe PRIVATE PROGRAMS="${CMAKE_BINARY_DIR}/tests")

add_test(NAME host/pcap_tshark
    COMMAND ${here}/pcap_tshark.sh $<TARGET_FILE:vboard> ${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery)
set_tests_properties(host/pcap_tshark PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
