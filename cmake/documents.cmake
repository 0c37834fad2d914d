# Writes what the command says about itself: a page of the manual for each of its commands, and what shells read to complete it.
#   cmake -DCOMMAND=build/ringbolt -DINTO=build/documents -P cmake/documents.cmake
cmake_minimum_required(VERSION 3.25)
find_program(gzip gzip REQUIRED)

function(ask file)
  execute_process(COMMAND ${COMMAND} ${ARGN} OUTPUT_FILE ${INTO}/${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${INTO})
file(MAKE_DIRECTORY ${INTO}/man/man1 ${INTO}/share/bash-completion/completions ${INTO}/share/zsh/vendor-completions
     ${INTO}/share/fish/vendor_completions.d)

ask(man/man1/ringbolt.1 __man)
execute_process(COMMAND ${COMMAND} __complete "" OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[a-z]+\t" commands "${listed}")
if(NOT commands)
  message(FATAL_ERROR "${COMMAND} lists no commands")
endif()
foreach(command IN LISTS commands)
  string(STRIP "${command}" command)
  ask(man/man1/ringbolt-${command}.1 __man ${command})
endforeach()
file(GLOB pages ${INTO}/man/man1/*.1)
execute_process(COMMAND ${gzip} -9n ${pages} COMMAND_ERROR_IS_FATAL ANY)  # n: the same bytes each time

ask(share/bash-completion/completions/ringbolt completion bash)
ask(share/zsh/vendor-completions/_ringbolt completion zsh)
ask(share/fish/vendor_completions.d/ringbolt.fish completion fish)
file(TOUCH ${INTO}/stamp)
