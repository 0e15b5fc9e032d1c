// A file of options (--config): TOML with one option a key. CLI11 reads the values; this says what
// is wrong, and in which line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "matlora/base/file.h"
#include "matlora/cli/toml.h"

namespace matlora::cli {

class ConfigFile {
 public:
  /// Throws UserError `FILE:LINE: ..` for what parse_toml refuses, and for a key that `app` does
  /// not have or does not take from a file.
  ConfigFile(const fs::path& path, const CLI::App& app);

  /// "FILE:LINE" of a key; "" when the file does not have it.
  std::string where(const std::string& key) const;

 private:
  void check_key(const TomlEntry& entry, const CLI::App& app) const;

  fs::path path_;
  std::vector<TomlEntry> entries_;
};

/// How CLI11 reads and writes files of options.
class TomlConfig : public CLI::Config {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override;
  /// Every option that a file may have, with its default where it was not given; those without any
  /// value are left out. CLI11's other arguments do not matter here.
  std::string to_config(const CLI::App* app, bool default_also, bool write_description,
                        std::string prefix) const override;
};

}  // namespace matlora::cli
