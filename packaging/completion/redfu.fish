# SPDX-License-Identifier: MIT
#
# Completion of redfu for fish. Words come from the program's own --help.

function __redfu_commands
    redfu --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)\( .*\)*$/\1/p'
end

function __redfu_options
    set -l command
    for word in (commandline -opc)[2..]
        if contains -- $word (__redfu_commands)
            set command $word
            break
        end
    end
    begin
        redfu --help | sed -n '/^  *-/p'
        test -z "$command"; or redfu $command --help
    end 2>/dev/null | grep -oE -- '--[a-z][a-z-]*(=[a-z]+)?' | sort -u
end

complete -c redfu -n 'not __fish_seen_subcommand_from (__redfu_commands)' -f -a '(__redfu_commands)'
complete -c redfu -n 'string match -q -- "-*" (commandline -ct)' -f -a '(__redfu_options)'
