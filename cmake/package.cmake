# Packages, from the components of `install.cmake`: `cmake --build build --target package` makes Debian's, one for each component, and
# `--target package_source` an archive of the source. `./dev package` makes these and the wheel of the Python package.
set(RINGBOLT_MAINTAINER "Ringbolt maintainers <maintainers@ringbolt.invalid>" CACHE STRING
    "Who answers for the packages: a name and an address. Ringbolt itself has no address, so whoever hands them out gives one")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ringbolt)
set(CPACK_PACKAGE_VENDOR Ringbolt)
set(CPACK_PACKAGE_CONTACT "${RINGBOLT_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENTS_ALL "")

# What Debian wants beside each package: the licence, and what changed.
set(changes ${PROJECT_BINARY_DIR}/package)
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)  # or $SOURCE_DATE_EPOCH
configure_file(${PROJECT_SOURCE_DIR}/cmake/debian_copyright.in ${changes}/copyright @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/cmake/debian_changelog.in ${changes}/changelog.Debian @ONLY)
configure_file(${PROJECT_SOURCE_DIR}/CHANGELOG.md ${changes}/changelog COPYONLY)
find_program(RINGBOLT_GZIP gzip REQUIRED)
execute_process(COMMAND ${RINGBOLT_GZIP} -9nfk ${changes}/changelog.Debian ${changes}/changelog COMMAND_ERROR_IS_FATAL ANY)

# ringbolt_package(component NAME name SECTION section TEXT text): the package of a component. The first line of the text is its
# title; there is no semicolon in it.
macro(ringbolt_package component)
  cmake_parse_arguments(arg "" "NAME;SECTION;TEXT" "" ${ARGN})
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${arg_NAME})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${arg_SECTION})
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${arg_TEXT}")
  install(FILES ${changes}/copyright ${changes}/changelog.gz ${changes}/changelog.Debian.gz
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${arg_NAME} COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()

set(about "\
A ring is one publisher's stream of events in shared memory, and any number
of processes on the same host consume it, each at its own pace. Every event
has a sequence number, so that a consumer that was away, overrun or killed
knows where it is and what, if anything, it lost. An optional journal keeps
on disk what the ring cannot. There is no daemon and no lock on the data
path.")

if(RINGBOLT_BUILD_C)
  set(library libringbolt${PROJECT_VERSION_MAJOR})
  ringbolt_package(library NAME ${library} SECTION libs
    TEXT "event ring in shared memory - library\n${about}\n\nThis package has the shared library with the C interface.")
  # What others that link it depend on, and that the linker's cache is renewed.
  file(WRITE ${changes}/shlibs "libringbolt ${PROJECT_VERSION_MAJOR} ${library} (>= ${PROJECT_VERSION})\n")
  file(WRITE ${changes}/triggers "activate-noawait ldconfig\n")
  set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA ${changes}/shlibs ${changes}/triggers)
endif()

ringbolt_package(dev NAME libringbolt-dev SECTION libdevel
  TEXT "event ring in shared memory - development files\n${about}\n\n\
This package has the headers for C++20 and C, the library for C++, and what
CMake and pkg-config read.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libisal-dev")
if(RINGBOLT_BUILD_C)
  string(APPEND CPACK_DEBIAN_DEV_PACKAGE_DEPENDS ", ${library} (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})")
endif()

if(TARGET ringbolt-command)
  ringbolt_package(tools NAME ringbolt-tools SECTION utils
    TEXT "event ring in shared memory - the command ringbolt\n${about}\n\n\
This package has the command ringbolt, which publishes, follows, shows,
records and replays rings, with its manual and completions for bash, zsh and
fish.")
endif()

if(TARGET ringbolt_python)
  ringbolt_package(python NAME python3-ringbolt SECTION python
    TEXT "event ring in shared memory - Python package\n${about}\n\n\
This package has the module ringbolt for Python 3.11 and newer, with
iteration, asyncio, buffers and arrays.")
  set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11)")
endif()

set(CPACK_SOURCE_GENERATOR TGZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME ringbolt-${PROJECT_VERSION})
set(CPACK_SOURCE_IGNORE_FILES "^${PROJECT_SOURCE_DIR}/(build|\\.git(/|$)|\\.cache/|compile_commands\\.json)" "/__pycache__/"
    "\\.egg-info/" "\\.o$")

include(CPack)
