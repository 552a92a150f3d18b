# SPDX-License-Identifier: MIT
#
# The program behind script/bench load and plot (bench/grid.c).
redfu_test(NAME host/bench SOURCES ${CMAKE_CURRENT_LIST_DIR}/bench.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
    TIMEOUT 180 LABELS e2e)
redfu_runs(test-host-bench BOARD stm32f4-discovery NEEDS vboard-preload)
target_link_libraries(test-host-bench PRIVATE m)
target_compile_definitions(test-host-bench PRIVATE
    GRID="${CMAKE_BINARY_DIR}/tools/load-grid"
    WARD="${CMAKE_BINARY_DIR}/tests/ward")
add_dependencies(test-host-bench load-grid ward_patients)

# What the documents say to type.
add_test(NAME host/commands COMMAND ${CMAKE_SOURCE_DIR}/script/check-commands ${CMAKE_BINARY_DIR})
set_tests_properties(host/commands PROPERTIES TIMEOUT 600 LABELS "e2e;long")
