# SPDX-License-Identifier: MIT
#
# libFuzzer is clang's. What is fuzzed is built again here, with its instrumentation.

pkg_check_modules(USBREDIR REQUIRED IMPORTED_TARGET libusbredirparser-0.5)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    set(vboard ${CMAKE_SOURCE_DIR}/vboard)
    set(here ${CMAKE_CURRENT_LIST_DIR})
    set(fake ${CMAKE_SOURCE_DIR}/tests/unit/fake_device.c ${here}/odd_device.c)
    set(cable ${vboard}/usb/bus.c ${vboard}/usb/cable.c ${vboard}/usb/cable_transfer.c ${vboard}/usb/trace_dfu.c
        ${vboard}/timeline.c ${vboard}/trace.c)
    file(GLOB chip CONFIGURE_DEPENDS ${vboard}/chip/*.c ${vboard}/cpu/*.c ${vboard}/gdb/*.c)

    # fuzz_test(NAME RUNS SOURCE...): tests/fuzz-NAME, and a CTest entry of RUNS inputs.
    function(fuzz_test name runs)
        add_executable(fuzz-${name} ${here}/${name}.c ${ARGN})
        set_target_properties(fuzz-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        set(flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -g -O1) # the build counts, too
        target_compile_options(fuzz-${name} PRIVATE ${flags})
        target_link_options(fuzz-${name} PRIVATE ${flags})
        target_link_libraries(fuzz-${name} PRIVATE spec PkgConfig::USBREDIR)
        # A fixed seed and count: the same run every time. Longer: script/fuzz NAME.
        add_test(NAME fuzz/${name}
            COMMAND fuzz-${name} -seed=1 -runs=${runs} -max_len=1024 -len_control=0 -timeout=10
                -print_final_stats=1
            WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
        # Not long: that label is for the default configuration, where clang's programs are not.
        set_tests_properties(fuzz/${name} PROPERTIES TIMEOUT 300)
    endfunction()

    fuzz_test(usbredir 5000 ${fake} ${vboard}/host/usbredir.c ${vboard}/host/usbredir_packets.c
        ${vboard}/host/usbredir_requests.c ${vboard}/host/usbredir_view.c ${cable})
    fuzz_test(usbip 5000 ${fake} ${vboard}/host/usbip.c ${vboard}/host/usbip_urbs.c ${vboard}/host/usbredir_view.c
        ${vboard}/host/tcp_socket.c ${vboard}/usb/enumerate.c ${cable})
    # Two minutes of compiling for one file, and what gdb sends does not reach it but through a step; the sanitized
    # configuration and script/fuzz cpu have it whole.
    set_source_files_properties(${vboard}/cpu/execute.c PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
    fuzz_test(gdb 5000 ${vboard}/host/tcp_socket.c ${chip} ${vboard}/timeline.c ${vboard}/trace.c)
endif()
