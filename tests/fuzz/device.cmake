# SPDX-License-Identifier: MIT
#
# As usbredir.cmake: libredfu built again with clang's instrumentation.

if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    get_target_property(sources redfu_host SOURCES)
    list(FILTER sources INCLUDE REGEX "\\.c$")
    list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/host/)
    add_executable(fuzz-device ${CMAKE_CURRENT_LIST_DIR}/device.c
        ${CMAKE_SOURCE_DIR}/tests/host/hostile.c ${sources})
    set_target_properties(fuzz-device PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    set(flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -g)
    target_compile_options(fuzz-device PRIVATE ${flags})
    target_link_options(fuzz-device PRIVATE ${flags})
    target_link_libraries(fuzz-device PRIVATE settings spec PkgConfig::LIBUSB)
    add_test(NAME fuzz/device
        COMMAND fuzz-device -seed=1 -runs=5000 -max_len=4096 -len_control=0 -timeout=10
            -print_final_stats=1
        WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
    set_tests_properties(fuzz/device PROPERTIES TIMEOUT 300 LABELS long)
endif()
