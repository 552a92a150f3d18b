# SPDX-License-Identifier: MIT
#
# The HTML report in headless Chromium.

add_executable(report-pages ${CMAKE_CURRENT_LIST_DIR}/report_pages.c)
target_link_libraries(report-pages PRIVATE doctor)
add_test(NAME unit/report_pages COMMAND report-pages ${CMAKE_CURRENT_BINARY_DIR})
set_tests_properties(unit/report_pages PROPERTIES TIMEOUT 60)
add_test(NAME browser/report COMMAND ${CMAKE_CURRENT_LIST_DIR}/report.sh $<TARGET_FILE:report-pages>)
set_tests_properties(browser/report PROPERTIES LABELS e2e TIMEOUT 300 SKIP_RETURN_CODE 77)
