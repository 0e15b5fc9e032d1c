# Where each dependency comes from: the system's package, else (JSON, CLI11, toml++, GoogleTest) a pinned
# source. What the installed package needs too is looked up in SystemLibraries and TorchOpenMP.
# GLOBAL: whoever uses us by add_subdirectory links the libraries that ours hand on.

FetchContent_Declare(nlohmann_json
  URL https://github.com/nlohmann/json/archive/refs/tags/v3.11.3.tar.gz
  URL_HASH SHA256=0d8ef5af7f9794e3263480193c491549b2ba6cc74bb018906202ada498a79406
  FIND_PACKAGE_ARGS 3.11 GLOBAL NAMES nlohmann_json)
set(JSON_Install ${MATLORA_INSTALL} CACHE INTERNAL "our export names nlohmann_json's target")
FetchContent_MakeAvailable(nlohmann_json)

include(SystemLibraries)
pkg_check_modules(matlora_xxhash REQUIRED IMPORTED_TARGET GLOBAL libxxhash)  # its header only

if(NOT MATLORA_IO_ONLY)
  # The wheel's LibTorch. Without Kineto's and MKL's static parts it warns; nothing here needs them.
  find_package(Torch REQUIRED GLOBAL)
  include(TorchOpenMP)
  FetchContent_Declare(CLI11
    URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
    URL_HASH SHA256=f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a
    FIND_PACKAGE_ARGS 2.1)
  FetchContent_MakeAvailable(CLI11)
  FetchContent_Declare(tomlplusplus
    URL https://github.com/marzer/tomlplusplus/archive/refs/tags/v3.4.0.tar.gz
    URL_HASH SHA256=8517f65938a4faae9ccf8ebb36631a38c1cadfb5efa85d9a72e15b9e97d25155
    FIND_PACKAGE_ARGS 3.3)
  FetchContent_MakeAvailable(tomlplusplus)
endif()

if(MATLORA_BUILD_TESTS)
  FetchContent_Declare(googletest
    URL https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
    URL_HASH SHA256=8ad598c73ad796e0d8280b082cebd82a630d73e73cd3c70057938a6501bba5d7
    FIND_PACKAGE_ARGS NAMES GTest)
  FetchContent_MakeAvailable(googletest)
endif()
