# SPDX-License-Identifier: MIT
#
# The parsers of what a person hands over. Seeds, small ones, are in tests/fuzz/files and tests/fuzz/lists.

pkg_check_modules(LIBELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(LIBUSB REQUIRED IMPORTED_TARGET libusb-1.0)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    file(GLOB image_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/image/*.c)
    function(redfu_fuzz NAME RUNS)
        add_executable(fuzz-${NAME} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${NAME}.c ${ARGN})
        set_target_properties(fuzz-${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
        set(flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -g)
        target_compile_options(fuzz-${NAME} PRIVATE ${flags})
        target_link_options(fuzz-${NAME} PRIVATE ${flags})
        # A fixed seed and count: the same run every time.
        add_test(NAME fuzz/${NAME}
            COMMAND fuzz-${NAME} -seed=1 -runs=${RUNS} -max_len=4096 -timeout=10 -print_final_stats=1
                ${CMAKE_BINARY_DIR}/fuzz-seeds/${NAME} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${NAME}
            WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
        set_tests_properties(fuzz/${NAME} PROPERTIES TIMEOUT 300)
        # What is found goes here, not into the seeds.
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz-seeds/${NAME})
    endfunction()
    redfu_fuzz(files 20000 ${image_sources} ${CMAKE_SOURCE_DIR}/spec/crc.c)
    target_link_libraries(fuzz-files PRIVATE PkgConfig::LIBELF)
    file(GLOB host_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/host/*.c)
    redfu_fuzz(lists 5000 ${host_sources} ${CMAKE_SOURCE_DIR}/settings/settings.c ${CMAKE_SOURCE_DIR}/spec/dfu.c ${CMAKE_SOURCE_DIR}/spec/crc.c)
    target_link_libraries(fuzz-lists PRIVATE PkgConfig::LIBUSB)
    file(GLOB log_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/doctor/log/*.c ${CMAKE_SOURCE_DIR}/doctor/report*.c
        ${CMAKE_SOURCE_DIR}/capture/*.c)
    redfu_fuzz(logs 5000 ${log_sources} ${CMAKE_SOURCE_DIR}/doctor/finding.c ${CMAKE_SOURCE_DIR}/doctor/record.c
        ${CMAKE_SOURCE_DIR}/doctor/utf8.c ${CMAKE_SOURCE_DIR}/doctor/versions.c
        ${CMAKE_SOURCE_DIR}/doctor/hosts/layout.c ${CMAKE_SOURCE_DIR}/spec/dfu.c)
endif()
