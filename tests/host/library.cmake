# SPDX-License-Identifier: MIT
#
# libredfu as others use it. The examples are built against an installed copy.
find_program(MANDOC mandoc)
add_test(NAME host/library
    COMMAND ${CMAKE_CURRENT_LIST_DIR}/library.sh ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR} ${CMAKE_C_COMPILER})
set_tests_properties(host/library PROPERTIES TIMEOUT 180 LABELS e2e)
if(MANDOC)
    add_test(NAME lint/libredfu.3 COMMAND ${MANDOC} -T lint -W style ${CMAKE_SOURCE_DIR}/host/libredfu.3)
    set_tests_properties(lint/libredfu.3 PROPERTIES LABELS lint)
endif()

# Two sessions in two threads, with everything below them under the thread sanitizer: it cannot be mixed
# with the address sanitizer, and clang's needs another library.
if(NOT REDFU_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    set(threads_sources ${CMAKE_CURRENT_LIST_DIR}/redfu_threads.c ${CMAKE_CURRENT_LIST_DIR}/redfu_desk.c
        ${CMAKE_CURRENT_SOURCE_DIR}/unit/desk.c)
    foreach(target redfu_host core settings spec)
        get_target_property(sources ${target} SOURCES)
        get_target_property(folder ${target} SOURCE_DIR)
        foreach(source ${sources})
            if(source MATCHES "TARGET_OBJECTS|transport_usb")
                continue()
            endif()
            if(NOT IS_ABSOLUTE ${source})
                set(source ${folder}/${source})
            endif()
            list(APPEND threads_sources ${source})
        endforeach()
    endforeach()
    find_package(Threads REQUIRED)
    redfu_test(NAME host/redfu_threads SOURCES ${threads_sources}
        ${CMAKE_CURRENT_LIST_DIR}/redfu_threads_usb.c LIBRARIES Threads::Threads)
    target_compile_options(test-host-redfu_threads PRIVATE -fsanitize=thread -g -O1)
    target_link_options(test-host-redfu_threads PRIVATE -fsanitize=thread)
endif()
