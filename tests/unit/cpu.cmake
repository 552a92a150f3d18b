# SPDX-License-Identifier: MIT

if(TARGET vboard_cpu)
    foreach(subject instructions exceptions)
        if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/cpu_${subject}.c)
            redfu_test(NAME unit/cpu_${subject}
                SOURCES ${CMAKE_CURRENT_LIST_DIR}/cpu_${subject}.c
                        ${CMAKE_CURRENT_LIST_DIR}/cpu_bench.c
                LIBRARIES vboard_cpu)
        endif()
    endforeach()
endif()
