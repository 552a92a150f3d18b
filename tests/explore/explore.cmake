# SPDX-License-Identifier: MIT
#
# CTest explores a small part; script/explore as much as you like.
set(here ${CMAKE_CURRENT_LIST_DIR})
add_library(explore_world OBJECT ${here}/explore.c ${here}/world.c ${here}/hosts.c ${here}/ghost.c
    ${here}/promises.c ${here}/states.c ${CMAKE_SOURCE_DIR}/tests/power/flash_model.c)
target_link_libraries(explore_world PRIVATE desk_device PkgConfig::CMOCKA)
add_executable(test-explore $<TARGET_OBJECTS:explore_world>)
set_target_properties(test-explore PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(test-explore PRIVATE desk_device PkgConfig::CMOCKA)
add_test(NAME explore/explore
    COMMAND test-explore --states $<IF:$<BOOL:${REDFU_SANITIZE}>,3000,30000> --depth 12 --fails)
set_tests_properties(explore/explore PROPERTIES TIMEOUT 300)
# What it has found, once: a record whose writing flash reported as failed, though it is there; a store left in doubt by a
# write that failed; an ABORT that counted the list of erased sectors of the session before; an erase behind the last block;
# what docs/testing.md has in a table, in its order.
foreach(path power-on,app-asks,do-erase-a@6:fail:0 power-on,app-asks,do-erase-a,host-set@1:fail:0
        power-on,app-asks,do-erase-b,do-write-b,bus-reset,do-write-a,abort,settle
        power-on,app-asks,do-write-a,do-erase-b,do-leave
        power-on,app-asks,do-erase-b,do-write-b,block,abort,do-erase-b,do-leave
        power-on,app-asks,do-erase-a,do-write-b,block,abort,do-erase-b,do-write-a,do-leave
        power-on,app-asks,do-erase-b,do-write-b,block,abort,do-erase-b,do-write-b,do-leave
        power-on,app-asks,do-erase-a,give-up-block,do-write-a,abort,bus-reset,do-erase-b,do-write-b,do-leave
        power-on,app-asks,bus-reset,do-erase-a,do-write-a,abort,block,bus-reset,do-write-b,do-leave
        power-on,app-asks,do-erase-a,bus-reset,do-erase-a,do-write-a,abort,bus-reset,do-write-b,do-leave
        power-on,app-asks,bus-reset,do-write-b,bus-reset,do-write-a,do-write-b,do-leave,bus-reset,do-erase-a,do-write-a,do-leave)
    string(MAKE_C_IDENTIFIER ${path} word)
    add_test(NAME explore/${word} COMMAND test-explore explore\#${path})
endforeach()
