# SPDX-License-Identifier: MIT
#
# libFuzzer is clang's. What is fuzzed is built again here, with its instrumentation.

pkg_check_modules(USBREDIR REQUIRED IMPORTED_TARGET libusbredirparser-0.5)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    set(vboard ${CMAKE_SOURCE_DIR}/vboard)
    add_executable(fuzz-usbredir ${CMAKE_CURRENT_LIST_DIR}/usbredir.c
        ${CMAKE_SOURCE_DIR}/tests/unit/fake_device.c
        ${vboard}/host/usbredir.c ${vboard}/host/usbredir_view.c
        ${vboard}/usb/cable.c ${vboard}/usb/cable_transfer.c ${vboard}/usb/trace_dfu.c
        ${vboard}/timeline.c ${vboard}/trace.c)
    set_target_properties(fuzz-usbredir PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    set(flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -g)
    target_compile_options(fuzz-usbredir PRIVATE ${flags})
    target_link_options(fuzz-usbredir PRIVATE ${flags})
    target_link_libraries(fuzz-usbredir PRIVATE spec PkgConfig::USBREDIR)
    # A fixed seed and count: the same run every time. Longer: tests/fuzz-usbredir -jobs=2 FOLDER.
    add_test(NAME fuzz/usbredir
        COMMAND fuzz-usbredir -seed=1 -runs=5000 -max_len=1024 -len_control=0 -timeout=10
            -print_final_stats=1
        WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
    set_tests_properties(fuzz/usbredir PROPERTIES TIMEOUT 300 LABELS long)
endif()
