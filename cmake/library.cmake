# The two libraries: `ringbolt::core`, headers alone, and `ringbolt::ringbolt`, which users link.
find_package(Boost 1.74 REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
# On Debian each architecture has a directory of libraries, whatever the prefix: packages come from the same build.
if(PROJECT_IS_TOP_LEVEL AND EXISTS /etc/debian_version AND CMAKE_LIBRARY_ARCHITECTURE)
  set(CMAKE_INSTALL_LIBDIR lib/${CMAKE_LIBRARY_ARCHITECTURE} CACHE PATH "Where libraries are installed, below the prefix")
endif()
include(GNUInstallDirs)
# ISA-L has the checksums of the journal. It brings no CMake package.
find_path(RINGBOLT_ISAL_INCLUDE isa-l/crc.h)
find_library(RINGBOLT_ISAL_LIBRARY isal)
if(NOT RINGBOLT_ISAL_INCLUDE OR NOT RINGBOLT_ISAL_LIBRARY)
  message(FATAL_ERROR "ISA-L is missing: on Debian, install libisal-dev")
endif()

# The queue of the funnel is a header.
find_path(RINGBOLT_CONCURRENTQUEUE_INCLUDE concurrentqueue/blockingconcurrentqueue.h)
if(NOT RINGBOLT_CONCURRENTQUEUE_INCLUDE)
  message(FATAL_ERROR "moodycamel's ConcurrentQueue is missing: on Debian, install libconcurrentqueue-dev")
endif()

# `<ringbolt/core/...>` is spelt the same in the tree and installed: the build tree holds links to the folders.
set(ringbolt_include ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${ringbolt_include}/ringbolt)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/core ${ringbolt_include}/ringbolt/core SYMBOLIC)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/ipc ${ringbolt_include}/ringbolt/ipc SYMBOLIC)
foreach(door IN ITEMS ringbolt asio funnel merge)
  file(CREATE_LINK ${PROJECT_SOURCE_DIR}/ipc/${door}.hpp ${ringbolt_include}/ringbolt/${door}.hpp SYMBOLIC)
endforeach()

add_library(ringbolt_core INTERFACE)
add_library(ringbolt::core ALIAS ringbolt_core)
set_target_properties(ringbolt_core PROPERTIES EXPORT_NAME core)
target_compile_features(ringbolt_core INTERFACE cxx_std_20)
target_include_directories(ringbolt_core INTERFACE $<BUILD_INTERFACE:${ringbolt_include}>
                                                   $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# Tracepoints, where the system has the header for them: on Debian, systemtap-sdt-dev. See ipc/probe.hpp.
include(CheckIncludeFileCXX)
check_include_file_cxx(sys/sdt.h RINGBOLT_HAS_SDT)

file(GLOB ringbolt_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/ipc/*.cpp)

function(ringbolt_add_library name)
  add_library(${name} STATIC ${ringbolt_sources})
  ringbolt_own(${name})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC ringbolt_core Threads::Threads PRIVATE $<BUILD_INTERFACE:Boost::headers> isal)
  if(RINGBOLT_HAS_SDT)
    target_compile_definitions(${name} PRIVATE RINGBOLT_USDT)
  endif()
endfunction()

ringbolt_add_library(ringbolt)
set_target_properties(ringbolt PROPERTIES OUTPUT_NAME ringbolt-cpp)  # libringbolt is the C ABI's
add_library(ringbolt::ringbolt ALIAS ringbolt)

# The same sources with the fault hook of `core/step.hpp`, for tests that die between two stores.
if(RINGBOLT_BUILD_TESTS)
  ringbolt_add_library(ringbolt_steps)
  target_compile_definitions(ringbolt_steps PUBLIC RINGBOLT_STEPS)
endif()
