# SPDX-License-Identifier: MIT
#
# CTest cuts so often, script/power-sweep a thousand times.
add_executable(test-power-row ${CMAKE_CURRENT_LIST_DIR}/row.c ${CMAKE_CURRENT_LIST_DIR}/aftermath.c
    ${CMAKE_SOURCE_DIR}/tests/board/cable_device.c)
set_target_properties(test-power-row PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(test-power-row PRIVATE board_host board_pages doctor)
add_test(NAME power/row COMMAND test-power-row --cuts $<IF:$<BOOL:${REDFU_SANITIZE}>,10,60>)
set_tests_properties(power/row PROPERTIES TIMEOUT 300 LABELS long)
