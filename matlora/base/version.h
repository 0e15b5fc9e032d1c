// Which matlora this is, for the records that results carry.
#pragma once

#include <string>

namespace matlora {

/// As in 0.1.0.
std::string version();

/// The commit it was built from, 12 hexadecimal digits, with "-dirty" when files had changed since;
/// "" when it was not built from a checkout.
std::string commit();

}  // namespace matlora
