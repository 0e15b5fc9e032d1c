// JSON Lines: one object per line, UTF-8; empty lines are skipped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"

namespace matlora::format {

struct JsonlRecord {
  int64_t line = 0;  // counted from 1
  Json value;        // an object
};

/// The first `limit` records (0: all). Throws UserError `FILE:LINE: ..` at a line that is not a
/// JSON object or not UTF-8, and `FILE: ..` when there is no record at all. A byte order mark at
/// the beginning and `\r\n` line ends are accepted. A pipe or "-" is read to its end, which works
/// once (InputText).
std::vector<JsonlRecord> read_jsonl(const std::filesystem::path& path, int64_t limit = 0);

}  // namespace matlora::format
