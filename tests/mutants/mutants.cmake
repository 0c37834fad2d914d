# A copy of the library with every mutant of `table.hpp` in it, and the tests built against that copy: few binaries, many mutants.
file(GLOB mutated_headers RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/*.hpp
     ${PROJECT_SOURCE_DIR}/ipc/*.hpp)
file(GLOB mutated_sources RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ipc/*.cpp)
set(mutated_files ${mutated_headers} ${mutated_sources})
set(mutated_include ${CMAKE_CURRENT_BINARY_DIR}/mutants/include)
list(TRANSFORM mutated_files PREPEND ${mutated_include}/ringbolt/ OUTPUT_VARIABLE mutated_copies)
list(TRANSFORM mutated_files PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE mutated_originals)
list(TRANSFORM mutated_sources PREPEND ${mutated_include}/ringbolt/)

add_executable(make_mutants mutants/make_mutants.cpp)
ringbolt_own(make_mutants)
target_compile_features(make_mutants PRIVATE cxx_std_20)
add_custom_command(OUTPUT ${mutated_copies} ${mutated_include}/ringbolt/ringbolt.hpp
                   COMMAND make_mutants ${PROJECT_SOURCE_DIR} ${mutated_include} ${mutated_files}
                   DEPENDS make_mutants ${mutated_originals}
                   COMMENT "Mutating a copy of the library" VERBATIM)

add_library(ringbolt_mutants STATIC ${mutated_sources} ${mutated_include}/ringbolt/ringbolt.hpp mutants/mutated.cpp)
ringbolt_own(ringbolt_mutants)
target_compile_features(ringbolt_mutants PUBLIC cxx_std_20)
target_compile_definitions(ringbolt_mutants PUBLIC RINGBOLT_STEPS)
target_include_directories(ringbolt_mutants PUBLIC ${mutated_include} ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(ringbolt_mutants PUBLIC Threads::Threads PRIVATE Boost::headers isal)

# The tests of a folder, and what else they need.
set(mutant_programs "")
function(ringbolt_mutant_program folder)
  ringbolt_test_sources(sources ${folder})
  add_executable(${folder}_mutants ${sources} ${ARGN})
  ringbolt_test_target(${folder}_mutants ringbolt_mutants)
  target_link_libraries(${folder}_mutants PRIVATE GTest::gtest_main)
  set(mutant_programs ${mutant_programs} ${folder}_mutants PARENT_SCOPE)
endfunction()
ringbolt_mutant_program(core)
ringbolt_mutant_program(ipc mutants/no_steps.cpp)
ringbolt_mutant_program(journal mutants/no_steps.cpp)
ringbolt_mutant_program(threads mutants/no_steps.cpp ipc/support.cpp)

ringbolt_add_test(mutants_tests LABEL mutants SOURCES mutants/mutants_test.cpp NEEDS ${mutant_programs})
if(TARGET mutants_tests)
  target_compile_definitions(mutants_tests PRIVATE RINGBOLT_MUTANT_PROGRAMS="$<TARGET_FILE_DIR:core_mutants>")
endif()
