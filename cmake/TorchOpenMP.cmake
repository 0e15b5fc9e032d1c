# matlora::openmp, after find_package(Torch): OpenMP on the runtime that torch itself loads.
# at::parallel_for is a header template, one thread only unless compiled with -fopenmp; but
# linking with -fopenmp brings the compiler's libgomp, and two runtimes in one process each start
# a thread per core. Used by the build and by the installed package.
if(TARGET matlora::openmp)
  return()
endif()
add_library(matlora::openmp INTERFACE IMPORTED GLOBAL)

# The wheel's name is libgomp.so.1 or, repaired by auditwheel, libgomp-HASH.so.1.
file(GLOB matlora_torch_gomp "${TORCH_INSTALL_PREFIX}/lib/libgomp*.so*")
if(matlora_torch_gomp AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(GET matlora_torch_gomp 0 matlora_torch_gomp)
  set_target_properties(matlora::openmp PROPERTIES
    INTERFACE_COMPILE_OPTIONS -fopenmp
    INTERFACE_LINK_LIBRARIES "${matlora_torch_gomp}")
else()
  # A torch built on this system uses the system's runtime.
  find_package(OpenMP REQUIRED COMPONENTS CXX GLOBAL)
  set_target_properties(matlora::openmp PROPERTIES INTERFACE_LINK_LIBRARIES OpenMP::OpenMP_CXX)
endif()
