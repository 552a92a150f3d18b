# SPDX-License-Identifier: MIT
#
# The updater over bootloaders of several kinds: CTest runs a part of the sweep, script/power-sweep the
# whole.
find_program(ARM_GCC arm-none-eabi-gcc)
find_program(ARM_OBJCOPY arm-none-eabi-objcopy)
set(old ${CMAKE_CURRENT_LIST_DIR}/old)
set(images)
foreach(protect 0 1)
    set(image ${CMAKE_BINARY_DIR}/tests/old-boot-${protect})
    add_custom_command(OUTPUT ${image}.bin
        COMMAND ${ARM_GCC} -mcpu=cortex-m4 -mthumb -std=gnu11 -Os -Wall -Wextra -ffreestanding -nostdlib
            -DPROTECT=${protect} -T ${old}/boot.ld ${old}/boot.c -o ${image}.elf
        COMMAND ${ARM_OBJCOPY} -O binary ${image}.elf ${image}.bin
        DEPENDS ${old}/boot.c ${old}/boot.ld VERBATIM)
    list(APPEND images ${image}.bin)
endforeach()
add_custom_target(old_boot_images DEPENDS ${images})

add_executable(test-power-updater ${CMAKE_CURRENT_LIST_DIR}/updater.c)
set_target_properties(test-power-updater PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(test-power-updater PRIVATE board_host board_pages settings spec)
target_compile_definitions(test-power-updater PRIVATE
    FIRMWARE_FOLDER="${CMAKE_BINARY_DIR}/firmware" OLD_FOLDER="${CMAKE_BINARY_DIR}/tests")
add_dependencies(test-power-updater old_boot_images firmware)
add_test(NAME power/updater
    COMMAND test-power-updater --every $<IF:$<BOOL:${REDFU_SANITIZE}>,2000,100>)
set_tests_properties(power/updater PROPERTIES TIMEOUT 300 LABELS long)
