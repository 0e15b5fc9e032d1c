// Two kinds of failure: the user's (UserError: a file, a flag, a request; exit code 2) and ours
// (BugError: exit code 70). Nothing in the library aborts or exits.
#pragma once

#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace matlora {

/// What the user can put right. what() is one line: `where: what; expected .., got ..; hint`.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A broken assumption of matlora's own code.
class BugError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// The parts, streamed one after the other.
template <class... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Throws UserError("where: parts..."). `where` is a file, `file:line`, or a flag.
template <class... Parts>
[[noreturn]] void fail(const std::string& where, const Parts&... parts) {
  throw UserError(where + ": " + cat(parts...));
}

/// Throws BugError("parts...") unless `condition` holds. Never for what a user can cause.
template <class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) throw BugError(cat(parts...));
}

/// The known name nearest to `name` by edit distance, as `; did you mean 'x'?`, or "" when none
/// is near (more than a third of its characters differ).
std::string did_you_mean(std::string_view name, std::span<const std::string> known);

/// A file's text made fit for one line of a message: control bytes and invalid UTF-8 escaped,
/// cut after `max_bytes`.
std::string printable(std::string_view text, size_t max_bytes = 80);

}  // namespace matlora
