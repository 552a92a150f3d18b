# SPDX-License-Identifier: MIT
#
# Of script/coverage.excused and what gcov -b -c wrote of each file: what is neither reached nor excused, a row for each file, and
# all of them. Fails if there is such a place, or an excuse that does not fit exactly one.

# script/coverage.excused: entries, then their reason.
FILENAME == ARGV[1] {
    if ($0 ~ /^#/ || $0 == "") next
    if ($0 ~ /^ /) { waiting = 0; next }
    if (!waiting++) first = $0
    entry = $0
    needed[entry] = 0
    next
}
function miss(kind, text,    entry) {
    sub(/^ */, "", text)
    entry = file " " function_ " " kind ": " text
    if (!(entry in needed)) {
        print "  " file ":" at ": " (kind == "line" ? "" : kind " never taken: ") text
        return 0
    }
    needed[entry]++
    if (all) print "  excused: " file ":" at ": " (kind == "line" ? "" : kind " never taken: ") text
    return 1
}
/ *-: *0:Source:/ { file = $0; sub(/.*Source:/, "", file); sub(/.*\/core\//, "core/", file); sub(/.*\/settings\//, "settings/", file) }
/^function / { function_ = $2 }
/^ *[0-9#=*]+\*?: *[0-9]+:/ { split($0, part, ":"); at = part[2] + 0; source = $0; sub(/^[^:]*:[^:]*:/, "", source) }
/^ *[0-9]+\*?: *[0-9]+:/ { lines[file]++; reached[file]++ }
/^ *(#####|=====): *[0-9]+:/ { lines[file]++; spared_lines[file] += miss("line", source) }
/^branch +[0-9]+ / {
    branches[file]++
    if ($0 ~ /taken [1-9]/) taken[file]++
    else spared_branches[file] += miss("branch " $2, source)
}
END {
    if (waiting) { print "  script/coverage.excused: no reason for " first; failed++ }
    for (entry in needed) {
        if (needed[entry] != 1) {
            print "  script/coverage.excused: " (needed[entry] ? needed[entry] " places fit " : "a test reaches, or nothing fits, ") entry
            failed++
        }
    }
    for (f in lines) {
        printf "  %-28s lines %4d of %4d   branches %4d of %4d   excused %d and %d\n", f, reached[f], lines[f], taken[f], branches[f],
            spared_lines[f], spared_branches[f] | "sort"
        l += lines[f]; r += reached[f]; b += branches[f]; t += taken[f]; sl += spared_lines[f]; sb += spared_branches[f]
    }
    close("sort")
    printf "evidence: coverage lines=%d/%d branches=%d/%d excused_lines=%d excused_branches=%d\n", r, l, t, b, sl, sb
    exit failed || l == 0 || r + sl != l || t + sb != b
}
