# SPDX-License-Identifier: MIT
#
# The OTG core alone, without the chip around it.
foreach(part otg otg_registers otg_fifo otg_endpoints otg_dma)
    list(APPEND otg_sources ${CMAKE_SOURCE_DIR}/vboard/chip/${part}.c)
endforeach()
redfu_test(NAME unit/otg_drive
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/otg_drive.c ${CMAKE_CURRENT_LIST_DIR}/otg_drivers.c
        ${otg_sources}
    LIBRARIES vboard_usb)
redfu_test(NAME unit/otg_rules
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/otg_rules.c ${otg_sources}
    LIBRARIES vboard_core)
redfu_test(NAME unit/otg_iso
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/otg_iso.c ${otg_sources}
    LIBRARIES vboard_core)
