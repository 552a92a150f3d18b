# SPDX-License-Identifier: MIT
#
# `vboard serve` and `vboard ctl` as programs. (With QEMU at the other end: tests/vm.)

redfu_test(NAME host/serve SOURCES ${CMAKE_CURRENT_LIST_DIR}/serve_test.c TIMEOUT 180)
target_compile_definitions(test-host-serve PRIVATE
    VBOARD="$<TARGET_FILE:vboard>"
    FIRMWARE="${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery")
add_dependencies(test-host-serve vboard)
if(EXISTS ${CMAKE_SOURCE_DIR}/firmware/CMakeLists.txt) # added after tests/
    add_dependencies(test-host-serve firmware)
endif()
