# How Ringbolt's own sources are compiled: warnings, sanitizers, ccache. Nothing here reaches a user's targets.

add_library(ringbolt_flags INTERFACE)
target_compile_options(ringbolt_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wpedantic)
if(RINGBOLT_WERROR)
  target_compile_options(ringbolt_flags INTERFACE -Werror)
endif()

if(RINGBOLT_SANITIZE)
  target_compile_options(ringbolt_flags INTERFACE -fsanitize=${RINGBOLT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ringbolt_flags INTERFACE -fsanitize=${RINGBOLT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 takes std::regex for uninitialised where a sanitizer is in between.
    target_compile_options(ringbolt_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(RINGBOLT_SANITIZE MATCHES "thread")
    target_compile_definitions(ringbolt_flags INTERFACE RINGBOLT_TSAN)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(ringbolt_flags INTERFACE -Wno-tsan)  # "atomic_thread_fence is not supported": known, see copy.hpp
    endif()
  endif()
endif()

if(RINGBOLT_LIBFUZZER)
  target_compile_options(ringbolt_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The counters lie in a file that every process of a program maps (LLVM_PROFILE_FILE with %c), so that those of a process that is
# killed, or ends without saying so, are there all the same. Exact, since what was not counted is calculated from them.
if(RINGBOLT_COVERAGE)
  target_compile_options(ringbolt_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping -fprofile-update=atomic
                                                  "SHELL:-mllvm -runtime-counter-relocation"
                                                  "SHELL:-mllvm -do-counter-promotion=false")
  target_link_options(ringbolt_flags INTERFACE -fprofile-instr-generate)
endif()

find_program(RINGBOLT_CCACHE ccache)
if(RINGBOLT_CCACHE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ringbolt_flags INTERFACE -fpch-preprocess)  # lets ccache see through precompiled headers
elseif(RINGBOLT_CCACHE)
  target_compile_options(ringbolt_flags INTERFACE "SHELL:-Xclang -fno-pch-timestamp")
endif()

# Makes `target` one of ours.
function(ringbolt_own target)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:ringbolt_flags>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(RINGBOLT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set_target_properties(${target} PROPERTIES CXX_COMPILER_LAUNCHER ${RINGBOLT_CCACHE})
  endif()
endfunction()
