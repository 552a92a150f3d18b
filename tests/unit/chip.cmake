# SPDX-License-Identifier: MIT
#
# The chip around a scripted processor (chip_fake_cpu.c): registers, time and wiring without
# instructions.
foreach(subject chip flash_ctl otg_hs supply watchdogs)
    redfu_test(NAME unit/${subject}
        SOURCES ${CMAKE_CURRENT_LIST_DIR}/${subject}.c ${CMAKE_CURRENT_LIST_DIR}/chip_fake_cpu.c
        LIBRARIES vboard_chip)
endforeach()

if(TARGET vboard_cpu)
    foreach(subject chip_processor art)
        redfu_test(NAME unit/${subject} SOURCES ${CMAKE_CURRENT_LIST_DIR}/${subject}.c
            LIBRARIES vboard_chip)
    endforeach()
endif()
