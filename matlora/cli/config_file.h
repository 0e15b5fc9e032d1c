// A file of options (--config): one `key = value` a line. CLI11 reads the values; this says what is
// wrong, and in which line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "matlora/base/file.h"

namespace matlora::cli {

class ConfigFile {
 public:
  /// Throws UserError `FILE:LINE: ..` for a line that is not `key = value` or a comment, a key that
  /// `app` does not have or does not take from a file, one that appears twice, a quote or list that
  /// is not closed, and a value that CLI11 cannot read.
  ConfigFile(const fs::path& path, const CLI::App& app);

  /// "FILE:LINE" of a key; "" when the file does not have it.
  std::string where(const std::string& key) const;

 private:
  struct Entry {
    std::string key;
    int64_t line;  // counted from 1
  };

  void add_key(const std::string& key, int64_t line, const CLI::App& app);

  fs::path path_;
  std::vector<Entry> entries_;
};

}  // namespace matlora::cli
