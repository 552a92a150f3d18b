# SPDX-License-Identifier: MIT
#
# Every board of port/stm32f4/boards, each on vboard's board of the same name, or as its file vboard.options says.
file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/port/stm32f4/boards/*/board.h)
foreach(header ${headers})
    get_filename_component(folder ${header} DIRECTORY)
    get_filename_component(board ${folder} NAME)
    set(options "--board ${board}")
    if(EXISTS ${folder}/vboard.options)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/vboard.options)
        file(STRINGS ${folder}/vboard.options options LIMIT_COUNT 1)
    endif()
    redfu_test(NAME host/board/${board}
        SOURCES ${CMAKE_CURRENT_LIST_DIR}/board_loads.c ${CMAKE_CURRENT_LIST_DIR}/shell.c
            ${CMAKE_SOURCE_DIR}/port/stm32f4/map.c
        LIBRARIES core
        LABELS e2e)
    target_include_directories(test-host-board-${board} PRIVATE ${folder})
    redfu_runs(test-host-board-${board} BOARD ${board} NEEDS old_boot_images)
    target_compile_definitions(test-host-board-${board} PRIVATE
        VBOARD_OPTIONS="${options}"
        OLD_BOOT="${CMAKE_BINARY_DIR}/tests/old-boot-0.bin")
endforeach()
