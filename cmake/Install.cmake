# `cmake --install`: the program, the libraries, their headers, and find_package(matlora).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(matlora_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/matlora)

# Two export sets, so that the component `io` can be had without Torch.
# The headers are those that each folder's CMakeLists.txt lists; their include path is their path here.
install(TARGETS matlora_io EXPORT matloraIoTargets FILE_SET HEADERS)
install(EXPORT matloraIoTargets NAMESPACE matlora:: DESTINATION ${matlora_package_dir})

if(NOT MATLORA_IO_ONLY)
  install(TARGETS matlora EXPORT matloraTargets FILE_SET HEADERS)
  install(EXPORT matloraTargets NAMESPACE matlora:: DESTINATION ${matlora_package_dir})
  install(TARGETS matlora_exe)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" MATLORA_TORCH_VERSION "${Torch_VERSION}")
  install(FILES cmake/TorchOpenMP.cmake DESTINATION ${matlora_package_dir})
endif()

configure_package_config_file(cmake/matloraConfig.cmake.in matloraConfig.cmake
  INSTALL_DESTINATION ${matlora_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(matloraConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/matloraConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/matloraConfigVersion.cmake
              cmake/SystemLibraries.cmake
        DESTINATION ${matlora_package_dir})
