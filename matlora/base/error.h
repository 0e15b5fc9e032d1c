// Two kinds of failure: the user's (UserError: a file, a field, a request; exit code 2) and ours
// (BugError: exit code 70). Nothing in the library aborts or exits.
//
// The library knows no flags. Where a message names a setting it names its field ("rank",
// "target_modules"); the program shows the flag instead (cli/flag_names.h).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matlora {

/// The name of a setting in a message: `fail(where, "..; try ", Field{"dtype"}, " float32")`.
struct Field {
  std::string name;
};

/// A text and where in it fields are named.
struct Message {
  struct Range {
    size_t begin = 0, size = 0;  // bytes
  };
  std::string text;
  std::vector<Range> fields;  // in ascending order
};

std::ostream& operator<<(std::ostream& out, const Field& field);
std::ostream& operator<<(std::ostream& out, const Message& message);

/// What the user can put right. what() is one line: `where: what; expected .., got ..; hint`.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& text) : UserError(Message{text, {}}) {}
  explicit UserError(Message message);
  /// what(), but each field that it names is shown as `shown(field)`.
  std::string text(const std::function<std::string(const std::string&)>& shown) const;

 private:
  std::shared_ptr<const Message> message_;
};

/// A UserError about the value of one setting. what(): `field: problem`.
class FieldError : public UserError {
 public:
  FieldError(const std::string& field, const Message& problem);
  const std::string& field() const { return *field_; }
  /// what() without the field.
  const Message& problem() const { return *problem_; }

 private:
  std::shared_ptr<const std::string> field_;
  std::shared_ptr<const Message> problem_;
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

/// The parts, streamed one after the other; where a Field is, or a Message has one, is kept.
template <class... Parts>
Message message_of(const Parts&... parts) {
  std::ostringstream out;
  Message message;
  const auto add = [&](const auto& part) {
    using Part = std::decay_t<decltype(part)>;
    const auto begin = static_cast<size_t>(out.tellp());
    out << part;
    if constexpr (std::is_same_v<Part, Field>) {
      message.fields.push_back({begin, part.name.size()});
    } else if constexpr (std::is_same_v<Part, Message>) {
      for (const auto& field : part.fields) {
        message.fields.push_back({begin + field.begin, field.size});
      }
    }
  };
  (add(parts), ...);
  message.text = std::move(out).str();
  return message;
}

/// Throws UserError("where: parts..."). `where` is a file or `file:line`.
template <class... Parts>
[[noreturn]] void fail(const std::string& where, const Parts&... parts) {
  throw UserError(message_of(where, ": ", parts...));
}

/// Throws FieldError("field: parts..."). `field` is a setting's name: "rank", "target_modules".
template <class... Parts>
[[noreturn]] void fail_field(const std::string& field, const Parts&... parts) {
  throw FieldError(field, message_of(parts...));
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
