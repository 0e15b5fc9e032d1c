// From the library's fields ("target_modules") to the program's flags (--target-modules).
#pragma once

#include <exception>
#include <string>

namespace matlora::cli {

/// "--target-modules" for "target_modules".
std::string flag_of(const std::string& field);

/// What an error says, with flags where the library names fields.
std::string shown(const std::exception& error);

}  // namespace matlora::cli
