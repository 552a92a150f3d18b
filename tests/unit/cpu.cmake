# SPDX-License-Identifier: MIT

if(TARGET vboard_cpu)
    set(here ${CMAKE_CURRENT_LIST_DIR})
    foreach(subject instructions exceptions fetch)
        redfu_test(NAME unit/cpu_${subject}
            SOURCES ${here}/cpu_${subject}.c ${here}/cpu_bench.c
            LIBRARIES vboard_cpu)
    endforeach()

    # Needs the cross compiler, as the firmware does.
    find_program(ARM_GCC arm-none-eabi-gcc)
    find_program(ARM_OBJCOPY arm-none-eabi-objcopy)
    if(ARM_GCC AND ARM_OBJCOPY)
        set(images)
        foreach(level 0 2 s)
            set(image ${CMAKE_BINARY_DIR}/tests/cpu_firmware-O${level})
            add_custom_command(OUTPUT ${image}.bin
                COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb -mfloat-abi=soft -std=gnu11 -O${level}
                    -Wall -Wextra -nostartfiles --specs=nano.specs -u _printf_float -T
                    ${here}/cpu_firmware.ld ${here}/cpu_firmware_start.c
                    ${here}/cpu_firmware_work.c --specs=nosys.specs -o ${image}.elf
                COMMAND ${ARM_OBJCOPY} -O binary ${image}.elf ${image}.bin
                DEPENDS ${here}/cpu_firmware_start.c ${here}/cpu_firmware_work.c
                    ${here}/cpu_firmware.ld
                VERBATIM)
            list(APPEND images ${image}.bin)
        endforeach()
        add_custom_target(cpu_firmware_images DEPENDS ${images})
        add_executable(test-unit-cpu_firmware ${here}/cpu_firmware.c ${here}/cpu_firmware_work.c
            ${here}/cpu_bench.c)
        set_target_properties(test-unit-cpu_firmware PROPERTIES
            RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        target_link_libraries(test-unit-cpu_firmware PRIVATE vboard_cpu PkgConfig::CMOCKA)
        add_dependencies(test-unit-cpu_firmware cpu_firmware_images)
        add_test(NAME unit/cpu_firmware COMMAND test-unit-cpu_firmware ${images})
        set_tests_properties(unit/cpu_firmware PROPERTIES TIMEOUT 60)
    endif()
endif()
