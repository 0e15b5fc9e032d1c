// A text that is read once, from the first byte to the last: a file, or a stream.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "matlora/base/file.h"

namespace matlora {

/// Whether `path` is a stream: "-" (the standard input) or a pipe, such as /dev/stdin can be.
bool is_stream(const fs::path& path);

/// The whole text of a file (mapped) or of a stream (read into memory until it ends).
class InputText {
 public:
  /// Throws UserError naming `path` when it cannot be read, is neither a regular file nor a stream,
  /// or is "-" for the second time.
  static InputText open(const fs::path& path);

  /// Valid as long as the object.
  std::string_view text() const;

 private:
  std::shared_ptr<const MappedFile> file_;  // null for a stream
  std::string stream_;
};

}  // namespace matlora
