# What `cmake --install` puts where: headers, the library, the command, and the files that `find_package(ringbolt)` reads.
include(CMakePackageConfigHelpers)

file(GLOB ringbolt_core_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/core/*.hpp)
set(ringbolt_ipc_headers admin.hpp consumer.hpp error.hpp event.hpp journal.hpp journal_reader.hpp log.hpp publisher.hpp share_options.hpp
                        stat.hpp)  # the others are the library's own
list(TRANSFORM ringbolt_ipc_headers PREPEND ${PROJECT_SOURCE_DIR}/ipc/)
install(FILES ${ringbolt_core_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt/core)
install(FILES ${ringbolt_ipc_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt/ipc)
set(ringbolt_doors ringbolt.hpp asio.hpp funnel.hpp merge.hpp)
list(TRANSFORM ringbolt_doors PREPEND ${PROJECT_SOURCE_DIR}/ipc/)
install(FILES ${ringbolt_doors} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt)

install(TARGETS ringbolt_core ringbolt EXPORT ringboltTargets)
if(TARGET ringbolt-command)
  install(TARGETS ringbolt-command)
endif()
if(RINGBOLT_BUILD_C)
  install(TARGETS ringbolt_c EXPORT ringboltTargets)
  install(FILES ${PROJECT_SOURCE_DIR}/bindings/c/ringbolt.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringbolt)
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
    install(FILES ${PROJECT_BINARY_DIR}/${package}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endforeach()

set(ringbolt_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ringbolt)
install(EXPORT ringboltTargets NAMESPACE ringbolt:: DESTINATION ${ringbolt_cmake_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/ringboltConfig.cmake.in ${PROJECT_BINARY_DIR}/ringboltConfig.cmake
                              INSTALL_DESTINATION ${ringbolt_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ringboltConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ringboltConfig.cmake ${PROJECT_BINARY_DIR}/ringboltConfigVersion.cmake
        DESTINATION ${ringbolt_cmake_dir})
