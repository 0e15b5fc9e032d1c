// What is fuzzed: a reader of foreign bytes, one file of targets/ each. A reader may throw
// UserError; anything else that it throws, a crash and what the sanitizers see is a finding.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace matlora::fuzz {

using Random = std::mt19937_64;

/// One per binary; a file of targets/ defines it.
struct Target {
  const char* name;  // also of its folder in corpus/
  /// Reads `input`. Throws UserError where it is refused.
  void (*read)(std::string_view input);
  /// Another input of the same container: still valid JSON, safetensors, .. so that it passes the
  /// first check. Gets any bytes; returns them where they are of no such container.
  std::string (*mutate)(std::string_view input, std::string_view other, Random& random);
};

extern const Target target;

/// `target.read`; ends the program where it throws something else than UserError. Whether it was
/// read, not refused.
bool run(std::string_view input);

/// A file with these bytes, in the memory file system where there is one. Always the same path of
/// the same name; the next call replaces it. Goes with the process.
std::filesystem::path as_file(std::string_view bytes, const std::string& name);

/// A number in 0..count-1; `count` at least 1.
inline size_t below(Random& random, size_t count) { return random() % count; }
inline bool one_in(Random& random, size_t count) { return below(random, count) == 0; }

}  // namespace matlora::fuzz
