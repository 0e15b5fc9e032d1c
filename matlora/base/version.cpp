#include "matlora/base/version.h"

#include "matlora_commit.h"  // made by cmake/WriteCommit.cmake

namespace matlora {

std::string version() { return MATLORA_VERSION; }

std::string commit() { return MATLORA_COMMIT; }

}  // namespace matlora
