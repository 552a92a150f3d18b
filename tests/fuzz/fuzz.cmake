# SPDX-License-Identifier: MIT
#
# libFuzzer is clang's. What is fuzzed is built again here, with its instrumentation. Seeds, small ones, and what
# runs of script/fuzz have found worth keeping (script/fuzz NAME --minimise) lie in tests/fuzz/NAME.

pkg_check_modules(USBREDIR REQUIRED IMPORTED_TARGET libusbredirparser-0.5)
pkg_check_modules(LIBELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(LIBUSB REQUIRED IMPORTED_TARGET libusb-1.0)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    set(root ${CMAKE_SOURCE_DIR})
    set(vboard ${root}/vboard)
    set(here ${CMAKE_CURRENT_LIST_DIR})

    # redfu_fuzz(NAME name RUNS count MAX_LEN bytes SOURCES file... [BENCH file...] [LIBRARIES lib...]
    #            [COMPILE flag...] [OPTIONS libFuzzer's...])
    # makes tests/fuzz-NAME of tests/fuzz/NAME.c, and a CTest entry of so many inputs. BENCH is what stands around the
    # code under test: looked over by the sanitizers, but of no interest to the fuzzer, which is 1.6 times as fast for it.
    function(redfu_fuzz)
        cmake_parse_arguments(F "" "NAME;RUNS;MAX_LEN" "SOURCES;BENCH;LIBRARIES;COMPILE;OPTIONS" ${ARGN})
        set(target fuzz-${F_NAME})
        add_executable(${target} ${here}/${F_NAME}.c ${here}/sanitizer.c ${F_SOURCES} ${F_BENCH})
        set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        set(flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -g)
        target_compile_options(${target} PRIVATE ${flags} ${F_COMPILE})
        target_link_options(${target} PRIVATE ${flags})
        set_source_files_properties(${F_BENCH} PROPERTIES COMPILE_OPTIONS -fno-sanitize=fuzzer)
        target_link_libraries(${target} PRIVATE ${F_LIBRARIES})
        set(seeds)
        if(EXISTS ${here}/${F_NAME})
            set(seeds ${here}/${F_NAME})
        endif()
        # A fixed seed and count, without what hangs on addresses (comparisons' values) or on the clock (reading
        # the folders again), and from the seeds alone: the same run every time. Longer: script/fuzz NAME.
        add_test(NAME fuzz/${F_NAME}
            COMMAND ${here}/afresh.sh ${CMAKE_BINARY_DIR}/fuzz-found/${F_NAME} $<TARGET_FILE:${target}>
                -seed=1 -runs=${F_RUNS} -max_len=${F_MAX_LEN} -timeout=10 -print_final_stats=1
                -use_cmp=0 -reload=0 ${F_OPTIONS} ${seeds}
            WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
        # Not long: that label is for the default configuration, where clang's programs are not.
        set_tests_properties(fuzz/${F_NAME} PROPERTIES TIMEOUT 300)
    endfunction()

    # --- faces of the virtual board; much is built for them, so the build counts, too ---
    set(fake ${root}/tests/unit/fake_device.c ${here}/odd_device.c)
    set(cable ${vboard}/usb/bus.c ${vboard}/usb/cable.c ${vboard}/usb/cable_transfer.c ${vboard}/usb/trace_dfu.c
        ${vboard}/timeline.c ${vboard}/trace.c)
    file(GLOB chip CONFIGURE_DEPENDS ${vboard}/chip/*.c ${vboard}/cpu/*.c ${vboard}/gdb/*.c)
    redfu_fuzz(NAME usbredir RUNS 5000 MAX_LEN 1024 COMPILE -O1 OPTIONS -len_control=0 LIBRARIES spec PkgConfig::USBREDIR
        SOURCES ${fake} ${vboard}/host/usbredir.c ${vboard}/host/usbredir_packets.c
            ${vboard}/host/usbredir_requests.c ${vboard}/host/usbredir_view.c ${cable})
    redfu_fuzz(NAME usbip RUNS 5000 MAX_LEN 1024 COMPILE -O1 OPTIONS -len_control=0 LIBRARIES spec
        SOURCES ${fake} ${vboard}/host/usbip.c ${vboard}/host/usbip_urbs.c ${vboard}/host/usbredir_view.c
            ${vboard}/host/tcp_socket.c ${vboard}/usb/enumerate.c ${cable})
    # Two minutes of compiling for one file, and what gdb sends does not reach it but through a step; the sanitized
    # configuration and script/fuzz cpu have it whole.
    set_source_files_properties(${vboard}/cpu/execute.c PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
    redfu_fuzz(NAME gdb RUNS 5000 MAX_LEN 1024 COMPILE -O1 OPTIONS -len_control=0 LIBRARIES spec
        SOURCES ${vboard}/host/tcp_socket.c ${chip} ${vboard}/timeline.c ${vboard}/trace.c)

    # --- what devices and people hand to the programmer and the doctor ---
    get_target_property(host_sources redfu_host SOURCES)
    list(FILTER host_sources INCLUDE REGEX "\\.c$")
    list(TRANSFORM host_sources PREPEND ${root}/host/)
    redfu_fuzz(NAME device RUNS 5000 MAX_LEN 4096 OPTIONS -len_control=0 LIBRARIES settings spec PkgConfig::LIBUSB
        SOURCES ${root}/tests/host/hostile.c ${host_sources})
    file(GLOB image_sources CONFIGURE_DEPENDS ${root}/image/*.c)
    file(GLOB spec_sources CONFIGURE_DEPENDS ${root}/spec/*.c)
    redfu_fuzz(NAME files RUNS 20000 MAX_LEN 4096 LIBRARIES PkgConfig::LIBELF SOURCES ${image_sources} ${spec_sources})
    redfu_fuzz(NAME lists RUNS 5000 MAX_LEN 4096 LIBRARIES PkgConfig::LIBUSB
        SOURCES ${host_sources} ${root}/settings/settings.c ${spec_sources})
    file(GLOB log_sources CONFIGURE_DEPENDS ${root}/doctor/log/*.c ${root}/doctor/report*.c ${root}/capture/*.c)
    redfu_fuzz(NAME logs RUNS 5000 MAX_LEN 4096 SOURCES ${log_sources} ${root}/doctor/finding.c ${root}/doctor/record.c
        ${root}/doctor/utf8.c ${root}/doctor/versions.c ${root}/doctor/hosts/layout.c ${spec_sources})

    # --- the bootloader's logic ---
    file(GLOB core_sources CONFIGURE_DEPENDS ${root}/core/*.c)
    redfu_fuzz(NAME core RUNS 2000 MAX_LEN 512 OPTIONS -len_control=0 LIBRARIES doctor spec PkgConfig::CMOCKA
        SOURCES ${core_sources} ${root}/settings/settings.c
        BENCH ${root}/tests/unit/desk.c ${root}/tests/hosts/desk_device.c ${root}/tests/power/flash_model.c
            ${root}/tests/power/update_hosts.c)
    redfu_fuzz(NAME settings RUNS 5000 MAX_LEN 1400 OPTIONS -len_control=0 LIBRARIES spec
        SOURCES ${root}/settings/settings.c BENCH ${root}/core/flash_map.c ${root}/tests/power/flash_model.c)
endif()
