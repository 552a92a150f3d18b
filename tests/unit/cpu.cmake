# SPDX-License-Identifier: MIT

if(TARGET vboard_cpu)
    set(here ${CMAKE_CURRENT_LIST_DIR})
    foreach(subject instructions exceptions fetch fpu fpu_numbers marks mpu stacking)
        redfu_test(NAME unit/cpu_${subject}
            SOURCES ${here}/cpu_${subject}.c ${here}/cpu_bench.c
            LIBRARIES vboard_cpu)
    endforeach()

    # Needs the cross compiler, as the firmware does.
    find_program(ARM_GCC arm-none-eabi-gcc)
    find_program(ARM_OBJCOPY arm-none-eabi-objcopy)
    if(ARM_GCC AND ARM_OBJCOPY)
        set(images)
        foreach(variant soft-0 soft-2 soft-s hard-0 hard-2 hard-s)
            string(REPLACE "-" ";" words ${variant})
            list(GET words 0 abi)
            list(GET words 1 level)
            set(image ${CMAKE_BINARY_DIR}/tests/cpu_firmware-${abi}-O${level})
            add_custom_command(OUTPUT ${image}.bin
                COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb -mfloat-abi=${abi} -mfpu=fpv4-sp-d16
                    -ffp-contract=off -fno-math-errno -std=gnu11 -O${level}
                    -Wall -Wextra -nostartfiles --specs=nano.specs -u _printf_float -T
                    ${here}/cpu_firmware.ld ${here}/cpu_firmware_start.c
                    ${here}/cpu_firmware_work.c --specs=nosys.specs -lm -o ${image}.elf
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
        target_compile_options(test-unit-cpu_firmware PRIVATE -ffp-contract=off)
        target_link_libraries(test-unit-cpu_firmware PRIVATE vboard_cpu PkgConfig::CMOCKA m)
        add_dependencies(test-unit-cpu_firmware cpu_firmware_images)
        add_test(NAME unit/cpu_firmware COMMAND test-unit-cpu_firmware ${images})
        set_tests_properties(unit/cpu_firmware PROPERTIES TIMEOUT 60)
    endif()
endif()
