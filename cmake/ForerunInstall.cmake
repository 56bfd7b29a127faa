# `cmake --install`: the program, the libraries with their headers under include/forerun, and a package for
# find_package(forerun). tests/package is a project that uses it.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(destination ${CMAKE_INSTALL_LIBDIR}/cmake/forerun)
get_property(libraries GLOBAL PROPERTY FORERUN_LIBRARIES)
install(TARGETS ${libraries} EXPORT forerun FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/forerun)
install(EXPORT forerun NAMESPACE forerun:: FILE forerunTargets.cmake DESTINATION ${destination})
write_basic_package_version_file(forerunConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/forerunConfig.cmake.in forerunConfig.cmake @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/forerunConfig.cmake ${PROJECT_BINARY_DIR}/forerunConfigVersion.cmake DESTINATION ${destination})
