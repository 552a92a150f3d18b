# SPDX-License-Identifier: MIT
#
# The chip around a scripted processor (chip_fake_cpu.c): registers, time and wiring without
# instructions.
foreach(subject chip flash_ctl otg_hs supply)
    redfu_test(NAME unit/${subject}
        SOURCES ${CMAKE_CURRENT_LIST_DIR}/${subject}.c ${CMAKE_CURRENT_LIST_DIR}/chip_fake_cpu.c
        LIBRARIES vboard_chip)
endforeach()

if(TARGET vboard_cpu)
    redfu_test(NAME unit/chip_processor SOURCES ${CMAKE_CURRENT_LIST_DIR}/chip_processor.c
        LIBRARIES vboard_chip)
endif()
