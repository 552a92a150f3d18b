# SPDX-License-Identifier: MIT
set(update_sources ${CMAKE_CURRENT_LIST_DIR}/update.c ${CMAKE_CURRENT_LIST_DIR}/update_hosts.c
    ${CMAKE_CURRENT_LIST_DIR}/flash_model.c)
redfu_test(NAME power/update SOURCES ${update_sources} LIBRARIES desk_device
    TIMEOUT 300 LABELS long)
