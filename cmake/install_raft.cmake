# Installs cairn::raft alone: the consensus core needs nothing but a C++20 compiler. Relocatable.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
install(TARGETS cairn_base cairn_raft EXPORT cairn_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
set_target_properties(cairn_raft PROPERTIES EXPORT_NAME raft)
set_target_properties(cairn_base PROPERTIES EXPORT_NAME base)
foreach(library base raft)
  target_compile_features(cairn_${library} PUBLIC cxx_std_20)
endforeach()
# Of base only what the headers of raft include.
foreach(header bytes check prng strong time)
  install(FILES ${CMAKE_SOURCE_DIR}/src/base/${header}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cairn/base)
endforeach()
foreach(header core log_write types met state durability log progress role members quorum invariants)
  install(FILES ${CMAKE_SOURCE_DIR}/src/raft/${header}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cairn/raft)
endforeach()
install(EXPORT cairn_targets NAMESPACE cairn:: FILE cairn-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
file(WRITE ${CMAKE_BINARY_DIR}/cairn-config.cmake
  "include(\${CMAKE_CURRENT_LIST_DIR}/cairn-targets.cmake)\n")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/cairn-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/cairn-config.cmake ${CMAKE_BINARY_DIR}/cairn-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
