// What is known of the terminal that results go to.
#pragma once

#include <cstddef>

namespace matlora::cli {

/// Columns of stdout: what the variable COLUMNS says, else the terminal's own width, else (a file
/// or a pipe) 100.
size_t terminal_width();

}  // namespace matlora::cli
