# cmake/Install.cmake: headers, package config and FindAsio.cmake, for find_package(aioxx COMPONENTS websocket tls).
# Each component has an export file of its own, so that a project that does not ask for it needs no OpenSSL.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/aioxx)

foreach(component aioxx tls websocket)
  if(TARGET aioxx::${component})
    get_target_property(target aioxx::${component} ALIASED_TARGET)
    install(TARGETS ${target} EXPORT aioxx-${component} FILE_SET HEADERS)
    install(EXPORT aioxx-${component} NAMESPACE aioxx:: DESTINATION ${package_folder})
  endif()
endforeach()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/aioxx-config.cmake.in
                              ${PROJECT_BINARY_DIR}/aioxx-config.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/aioxx-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/aioxx-config.cmake ${PROJECT_BINARY_DIR}/aioxx-config-version.cmake
              ${PROJECT_SOURCE_DIR}/cmake/FindAsio.cmake DESTINATION ${package_folder})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
