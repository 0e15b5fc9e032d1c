#include "matlora/base/error.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

#include "matlora/base/utf8.h"

namespace matlora {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Field& field) { return out << field.name; }
std::ostream& operator<<(std::ostream& out, const Message& message) { return out << message.text; }

UserError::UserError(Message message)
    : std::runtime_error(message.text),
      message_(std::make_shared<const Message>(std::move(message))) {}

std::string UserError::text(const std::function<std::string(const std::string&)>& shown) const {
  const std::string& text = message_->text;
  std::string out;
  size_t done = 0;
  for (const auto& [begin, size] : message_->fields) {
    out += text.substr(done, begin - done) + shown(text.substr(begin, size));
    done = begin + size;
  }
  return out + text.substr(done);
}

FieldError::FieldError(const std::string& field, const Message& problem)
    : UserError(message_of(Field{field}, ": ", problem)),
      field_(std::make_shared<const std::string>(field)),
      problem_(std::make_shared<const Message>(problem)) {}

std::string did_you_mean(std::string_view name, std::span<const std::string> known) {
  name = name.substr(0, 64);
  const std::string* best = nullptr;
  size_t best_distance = name.size() / 3 + 2;
  for (const std::string& candidate : known) {
    const size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best ? "; did you mean '" + *best + "'?" : "";
}

std::string printable(std::string_view text, size_t max_bytes) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (out.size() >= max_bytes) return out + "..";
    const size_t length = utf8_sequence_length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      out += escaped;
      ++i;
    } else {
      out.append(text.substr(i, length));
      i += length;
    }
  }
  return out;
}

}  // namespace matlora
