# SPDX-License-Identifier: MIT
#
# Whole programs against qemu-system-arm: redfu-boot, redfu-boot starting the example, and the test
# programs of unit/cpu_firmware. Skipped (77) where there is no qemu-system-arm.

if(TARGET vboard_cpu)
    set(here ${CMAKE_CURRENT_LIST_DIR})
    add_executable(oracle-lockstep ${here}/lockstep.c ${here}/qemu_trace.c)
    set_target_properties(oracle-lockstep PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(oracle-lockstep PRIVATE vboard_cpu)

    # lockstep_test(NAME arguments...)
    function(lockstep_test name)
        add_test(NAME oracle/lockstep_${name} COMMAND oracle-lockstep ${ARGN})
        set_tests_properties(oracle/lockstep_${name} PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77)
    endfunction()

    find_program(ARM_GCC arm-none-eabi-gcc)
    if(ARM_GCC) # what is run is firmware: unit/cpu.cmake's images, and firmware/
        foreach(variant soft-O0 soft-O2 soft-Os hard-O0 hard-O2 hard-Os)
            lockstep_test(work-${variant} --limit 60000
                ${CMAKE_BINARY_DIR}/tests/cpu_firmware-${variant}.bin)
        endforeach()
        # Exceptions and faults of every kind; floating-point contexts: each must come to its end.
        find_program(ARM_OBJCOPY arm-none-eabi-objcopy)
        foreach(program exceptions fpu)
            set(image ${CMAKE_BINARY_DIR}/tests/${program}_firmware)
            set(float -mfloat-abi=soft)
            if(program STREQUAL fpu)
                set(float -mfloat-abi=hard -mfpu=fpv4-sp-d16)
            endif()
            add_custom_command(OUTPUT ${image}.bin
                COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb ${float} -std=gnu11 -O1 -Wall -Wextra
                    -Werror -ffreestanding -nostdlib -T
                    ${CMAKE_SOURCE_DIR}/tests/unit/cpu_firmware.ld
                    ${here}/${program}_firmware.c -o ${image}.elf
                COMMAND ${ARM_OBJCOPY} -O binary ${image}.elf ${image}.bin
                DEPENDS ${here}/${program}_firmware.c
                    ${CMAKE_SOURCE_DIR}/tests/unit/cpu_firmware.ld
                VERBATIM)
            add_custom_target(${program}_firmware ALL DEPENDS ${image}.bin)
            lockstep_test(${program} --limit 40000 --to-the-end ${image}.bin)
        endforeach()
        foreach(board stm32f4-discovery stm32f407-hs)
            set(firmware ${CMAKE_BINARY_DIR}/firmware/${board})
            lockstep_test(boot-${board} --limit 60000 ${firmware}/redfu-boot.bin)
            foreach(version 0.1 0.2)
                lockstep_test(blink-${version}-${board} --limit 30000 ${firmware}/redfu-boot.bin
                    ${firmware}/blink-${version}.bin@0x0800C000)
            endforeach()
        endforeach()
    endif()
endif()
