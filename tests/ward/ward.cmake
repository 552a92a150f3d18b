# SPDX-License-Identifier: MIT
#
# The ward: a healthy bootloader and patients, each with a mistake. One image a file of patients/.

find_program(ARM_GCC arm-none-eabi-gcc)
find_program(ARM_OBJCOPY arm-none-eabi-objcopy)
set(ward ${CMAKE_CURRENT_LIST_DIR})
set(ward_folder ${CMAKE_BINARY_DIR}/tests/ward)
file(MAKE_DIRECTORY ${ward_folder})
set(ward_options -mcpu=cortex-m4 -mthumb -std=gnu11 -Os -g -Wall -Wextra -Werror -Wno-override-init
    -ffreestanding -ffunction-sections -fdata-sections -fno-tree-loop-distribute-patterns
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -I ${CMAKE_SOURCE_DIR}
    -I ${CMAKE_SOURCE_DIR}/port/stm32f4/boards/stm32f407-hs)

set(ward_objects)
file(GLOB ward_core CONFIGURE_DEPENDS ${ward}/core/*.c)
set(ward_usb port/stm32f4/otg.c port/stm32f4/clock.c port/stm32f4/reset.c port/stm32f4/memory.c core/usbd.c)
list(TRANSFORM ward_usb PREPEND ${CMAKE_SOURCE_DIR}/)
foreach(source ${ward_core} ${ward_usb})
    get_filename_component(name ${source} NAME_WE)
    set(object ${ward_folder}/${name}.o)
    if(object IN_LIST ward_objects)
        message(FATAL_ERROR "two sources of the ward are called ${name}.c")
    endif()
    add_custom_command(OUTPUT ${object}
        COMMAND ${ARM_GCC} ${ward_options} -MD -MF ${object}.d -c ${source} -o ${object}
        DEPENDS ${source} DEPFILE ${object}.d VERBATIM)
    list(APPEND ward_objects ${object})
endforeach()

set(ward_images)
file(GLOB ward_patients CONFIGURE_DEPENDS ${ward}/patients/*.c)
foreach(source ${ward_patients})
    get_filename_component(name ${source} NAME_WE)
    set(image ${ward_folder}/${name}.elf)
    add_custom_command(OUTPUT ${image}
        COMMAND ${ARM_GCC} ${ward_options} -MD -MF ${image}.d -nostdlib -Wl,--gc-sections
            -Wl,--build-id=none -T ${ward}/ward.ld ${source} ${ward_objects} -lgcc -o ${image}
        DEPENDS ${source} ${ward_objects} ${ward}/ward.ld DEPFILE ${image}.d VERBATIM)
    list(APPEND ward_images ${image})
endforeach()
# F36: an application linked for the beginning of flash, to be loaded to 0x0800C000.
add_custom_command(OUTPUT ${ward_folder}/elsewhere.bin
    COMMAND ${ARM_OBJCOPY} -O binary ${ward_folder}/healthy.elf
        ${ward_folder}/elsewhere.bin
    DEPENDS ${ward_folder}/healthy.elf VERBATIM)
list(APPEND ward_images ${ward_folder}/elsewhere.bin)
add_custom_target(ward_patients DEPENDS ${ward_images})

redfu_test(NAME ward/ward SOURCES ${ward}/ward_test.c ${CMAKE_CURRENT_SOURCE_DIR}/host/shell.c TIMEOUT 600)
target_compile_definitions(test-ward-ward PRIVATE VBOARD="$<TARGET_FILE:vboard>" WARD="${ward_folder}"
    BLINK="${CMAKE_BINARY_DIR}/firmware/stm32f407-hs/blink-0.1.bin")
add_dependencies(test-ward-ward vboard ward_patients)
# Over USB: a minute under the sanitizers, and nothing that the first does not pass through.
add_test(NAME ward/usb COMMAND test-ward-ward usb WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
set_tests_properties(ward/usb PROPERTIES TIMEOUT 300 LABELS long)
