# SPDX-License-Identifier: MIT
#
# Needs no libFuzzer: it is guided by what vboard's interpreter decodes. CTest runs the corpus and a little more.
add_executable(fuzz-image ${CMAKE_CURRENT_LIST_DIR}/image.c)
set_target_properties(fuzz-image PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(fuzz-image PRIVATE board_host)
add_test(NAME fuzz/image
    COMMAND fuzz-image --corpus ${CMAKE_CURRENT_LIST_DIR}/image --runs $<IF:$<BOOL:${REDFU_SANITIZE}>,20,200> --seed 1
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
set_tests_properties(fuzz/image PROPERTIES TIMEOUT 300)
