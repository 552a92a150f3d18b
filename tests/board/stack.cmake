# SPDX-License-Identifier: MIT
redfu_test(NAME board/stack SOURCES board/stack.c LIBRARIES board_host)
target_compile_definitions(test-board-stack PRIVATE
    STACK_SCRIPT="${CMAKE_SOURCE_DIR}/script/stack"
    CALL_GRAPH="${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery/redfu-boot.ci")
add_dependencies(test-board-stack firmware)
