# SPDX-License-Identifier: MIT
redfu_test(NAME host/loads SOURCES ${CMAKE_CURRENT_LIST_DIR}/loads.c
    TIMEOUT 900 # a minute and a half alone on a machine
    LABELS e2e long)
target_compile_definitions(test-host-loads PRIVATE
    VBOARD="$<TARGET_FILE:vboard>"
    REDFU="$<TARGET_FILE:redfu>"
    FIRMWARE="${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery")
add_dependencies(test-host-loads vboard redfu)
if(EXISTS ${CMAKE_SOURCE_DIR}/firmware/CMakeLists.txt) # added after tests/
    add_dependencies(test-host-loads firmware)
endif()
