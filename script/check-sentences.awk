# SPDX-License-Identifier: MIT
#
# For script/check-sentences: the list, the tests' sources, then the sources to look at.

function fail(text) {
    print "check-sentences: " text > "/dev/stderr"
    failed = 1
}

# Strings broken over lines are one; comments are none.
function joined(text) {
    gsub(/"[ \t]*\n[ \t]*"/, "", text)
    return text
}

# Whether 16 characters in a row of a piece are in the tests.
function piece_is_met(piece,    len, i) {
    gsub(/^ +| +$/, "", piece)
    len = length(piece) < 16 ? length(piece) : 16
    if (len < 8) { return 0 }
    for (i = 1; i + len - 1 <= length(piece); i++) {
        if (index(tests, substr(piece, i, len))) { return 1 }
    }
    return 0
}

function is_met(sentence,    pieces, count, i) {
    count = split(sentence, pieces, /%[-0-9.*lz]*[a-zA-Z]/)
    for (i = 1; i <= count; i++) {
        if (piece_is_met(pieces[i])) { return 1 }
    }
    return 0
}

function judge(sentence,    i) {
    if (length(sentence) < 15 || sentence !~ / /) { return }
    seen++
    if (is_met(sentence)) { return }
    for (i = 1; i <= listed; i++) {
        if (index(sentence, excepted[i]) == 1) { used[i] = 1; return }
    }
    fail(file ": no test has \"" sentence "\"")
}

# The strings of one call, from behind its parenthesis on.
function take_call(text, at,    depth, c, sentence, in_string) {
    depth = 1
    sentence = ""
    for (; depth > 0 && at <= length(text); at++) {
        c = substr(text, at, 1)
        if (in_string) {
            if (c == "\\") {
                sentence = sentence substr(text, at++, 2)
            } else if (c == "\"") {
                in_string = 0
            } else {
                sentence = sentence c
            }
        } else if (c == "\"") {
            in_string = 1
        } else if (c == "(") {
            depth++
        } else if (c == ")") {
            depth--
        }
        # A comma or a choice between two ends a string; a PRI macro does not.
        if (!in_string && c ~ /[,?:()]/ && sentence != "") {
            judge(sentence)
            sentence = ""
        }
    }
    return at
}

function look_at(text,    at, name) {
    text = joined(text)
    while (match(text, /(redfui_fail|redfui_refuse_[a-z]+|image_refuse|cli_refuse|refuse(_[a-z]+)?) ?\(/)) {
        at = RSTART + RLENGTH
        take_call(text, at)
        text = substr(text, at)
    }
}

FILENAME == ARGV[1] {
    if ($0 ~ /^#/ || $0 == "") { next }
    if (split($0, field, "\t") != 2 || field[2] == "") { fail("not a sentence, a tab and a reason: " $0) }
    excepted[++listed] = field[1]
    next
}

FILENAME == ARGV[3] { # one record
    tests = $0
    next
}

FILENAME != file {
    if (file == "") { tests = joined(tests) }
    if (file != "") { look_at(source) }
    file = FILENAME
    source = ""
}

{
    sub(/\/\/.*/, "")
    source = source $0 "\n"
}

END {
    look_at(source)
    if (seen < 200) { fail("only " seen + 0 " sentences found: the sources are written differently now") }
    for (i = 1; i <= listed; i++) {
        if (!used[i]) { fail("the list has what is met, or not there: " excepted[i]) }
    }
    exit failed
}
