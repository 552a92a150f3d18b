# SPDX-License-Identifier: MIT
#
# A real-time kernel that checks itself, at several slice lengths; script/soak rtos runs it for longer.

find_program(ARM_GCC arm-none-eabi-gcc)
find_program(ARM_OBJCOPY arm-none-eabi-objcopy)
if(ARM_GCC AND ARM_OBJCOPY)
    set(here ${CMAKE_CURRENT_LIST_DIR})
    set(image ${CMAKE_BINARY_DIR}/tests/rtos_firmware)
    add_custom_command(OUTPUT ${image}.bin
        COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -std=gnu11 -O2
            -fno-math-errno -Wall -Wextra -Werror -ffreestanding -nostdlib -T ${here}/rtos_firmware.ld
            ${here}/rtos_firmware.c -lgcc -o ${image}.elf
        COMMAND ${ARM_OBJCOPY} -O binary ${image}.elf ${image}.bin
        DEPENDS ${here}/rtos_firmware.c ${here}/rtos_firmware.ld
        VERBATIM)
    add_custom_target(rtos_image DEPENDS ${image}.bin)
    add_executable(soak-rtos ${here}/rtos.c)
    set_target_properties(soak-rtos PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_link_libraries(soak-rtos PRIVATE vboard_chip)
    add_dependencies(soak-rtos rtos_image)
    add_test(NAME soak/rtos COMMAND soak-rtos ${image}.bin)
    set_tests_properties(soak/rtos PROPERTIES TIMEOUT 120)
endif()
