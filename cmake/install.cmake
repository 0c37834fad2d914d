# What `cmake --install` puts where: headers, the library, the command, and the files that `find_package(ringbolt)` reads. Each
# component is a package of `package.cmake`.
include(CMakePackageConfigHelpers)

file(GLOB ringbolt_core_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/*.hpp)
set(ringbolt_ipc_headers admin.hpp consumer.hpp error.hpp event.hpp journal.hpp journal_reader.hpp log.hpp publisher.hpp share_options.hpp
                        stat.hpp)  # the others are the library's own
list(TRANSFORM ringbolt_ipc_headers PREPEND ${PROJECT_SOURCE_DIR}/ipc/)
install(FILES ${ringbolt_core_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt/core COMPONENT dev)
install(FILES ${ringbolt_ipc_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt/ipc COMPONENT dev)
set(ringbolt_doors ringbolt.hpp asio.hpp funnel.hpp merge.hpp)
list(TRANSFORM ringbolt_doors PREPEND ${PROJECT_SOURCE_DIR}/ipc/)
install(FILES ${ringbolt_doors} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt COMPONENT dev)

install(TARGETS ringbolt_core ringbolt EXPORT ringboltTargets ARCHIVE COMPONENT dev)
if(RINGBOLT_BUILD_C)
  install(TARGETS ringbolt_c EXPORT ringboltTargets LIBRARY COMPONENT library NAMELINK_COMPONENT dev)
  install(FILES ${PROJECT_SOURCE_DIR}/bindings/c/ringbolt.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt COMPONENT dev)
endif()

# The command, with what it says about itself: pages of the manual, and completions where each shell looks for them.
if(TARGET ringbolt-command)
  install(TARGETS ringbolt-command COMPONENT tools)
endif()
if(TARGET ringbolt-documents)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/documents/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT tools)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/documents/share/ DESTINATION ${CMAKE_INSTALL_DATADIR} COMPONENT tools)
endif()

# Debian's Python looks here below /usr, and in python3.N/dist-packages below /usr/local.
if(TARGET ringbolt_python)
  set(RINGBOLT_PYTHON_DIR lib/python3/dist-packages CACHE STRING "Where the Python package is installed, below the prefix")
  install(TARGETS ringbolt_python LIBRARY DESTINATION ${RINGBOLT_PYTHON_DIR}/ringbolt COMPONENT python)
  file(GLOB modules CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bindings/python/ringbolt/*.py
       ${PROJECT_SOURCE_DIR}/bindings/python/ringbolt/*.pyi ${PROJECT_SOURCE_DIR}/bindings/python/ringbolt/py.typed)
  install(FILES ${modules} DESTINATION ${RINGBOLT_PYTHON_DIR}/ringbolt COMPONENT python)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/METADATA @ONLY CONTENT
       "Metadata-Version: 2.1\nName: ringbolt\nVersion: @PROJECT_VERSION@\nSummary: @PROJECT_DESCRIPTION@\nLicense: Apache-2.0\n")
  install(FILES ${PROJECT_BINARY_DIR}/METADATA DESTINATION ${RINGBOLT_PYTHON_DIR}/ringbolt-${PROJECT_VERSION}.dist-info
          COMPONENT python)
endif()

# For builds without CMake. They find their way from where they lie, so that the tree can be moved.
set(ringbolt_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
set(ringbolt_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
set(ringbolt_pc_prefix "${CMAKE_INSTALL_PREFIX}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(ringbolt_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  file(RELATIVE_PATH ringbolt_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(PREPEND ringbolt_pc_prefix "\${pcfiledir}/")
  string(REGEX REPLACE "/$" "" ringbolt_pc_prefix "${ringbolt_pc_prefix}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(ringbolt_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
endif()
foreach(package IN ITEMS ringbolt ringbolt-c)
  if(package STREQUAL ringbolt OR RINGBOLT_BUILD_C)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${package}.pc.in ${PROJECT_BINARY_DIR}/${package}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
  endif()
endforeach()

set(ringbolt_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ringbolt)
install(EXPORT ringboltTargets NAMESPACE ringbolt:: DESTINATION ${ringbolt_cmake_dir} COMPONENT dev)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ringboltConfig.cmake.in ${PROJECT_BINARY_DIR}/ringboltConfig.cmake
                              INSTALL_DESTINATION ${ringbolt_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ringboltConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ringboltConfig.cmake ${PROJECT_BINARY_DIR}/ringboltConfigVersion.cmake
        DESTINATION ${ringbolt_cmake_dir} COMPONENT dev)
