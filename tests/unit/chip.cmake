# SPDX-License-Identifier: MIT
#
# The chip around a scripted processor (chip_fake_cpu.c): registers, time and wiring without
# instructions.
foreach(subject adc can chip chip_models dma dma_requests flash_banks flash_ctl flash_option otg_hs rtc sdio serial_buses supply tim tim_inputs usart watchdogs)
    redfu_test(NAME unit/${subject}
        SOURCES ${CMAKE_CURRENT_LIST_DIR}/${subject}.c ${CMAKE_CURRENT_LIST_DIR}/chip_fake_cpu.c
        LIBRARIES vboard_chip)
endforeach()

if(TARGET vboard_cpu)
    foreach(subject chip_processor art low_power)
        redfu_test(NAME unit/${subject} SOURCES ${CMAKE_CURRENT_LIST_DIR}/${subject}.c
            LIBRARIES vboard_chip)
    endforeach()
endif()
