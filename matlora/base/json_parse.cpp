// parse_json: a tree from the library's events. Its own tree from a callback costs time quadratic
// in the members of an object, and reads a NUL byte as the end of the text.
#include <algorithm>
#include <iterator>

#include "matlora/base/error.h"
#include "matlora/base/file.h"
#include "matlora/base/json.h"

namespace matlora {
namespace {

constexpr size_t kMaxDepth = 64;

/// The library's message without its name of the error and its own position.
std::string library_words(const Json::exception& error) {
  std::string message =
      error.what();  // "[json.exception.parse_error.101] parse error at line 1, ..
  const size_t bracket = message.find("] ");
  if (bracket != std::string::npos) message.erase(0, bracket + 2);
  if (message.starts_with("parse error")) {  // ".. column 5: syntax error .."
    const size_t colon = message.find(": ");
    if (colon != std::string::npos) message.erase(0, colon + 2);
  }
  return message;
}

/// The byte at `offset` of `text`, as the caller counts lines: `where`, behind it the line of a
/// text that has several, and the column.
struct Place {
  Place(std::string_view text, size_t offset, const std::string& whole) : where(whole) {
    const std::string_view before = text.substr(0, std::min(offset, text.size()));
    const std::string_view used = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    if (used.find('\n') != used.npos) where += cat(":", line);
    column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
  }

  std::string where;
  size_t column;
};

/// Iterates over a text and tells how far the library has read.
struct Reader {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** furthest;

  reference operator*() const { return *at; }
  Reader& operator++() {
    *furthest = ++at;
    return *this;
  }
  Reader operator++(int) {
    const Reader before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Reader& other) const { return at == other.at; }
};

/// Builds the value. Each event costs no more than a look-up in the innermost open object.
class Tree : public nlohmann::json_sax<Json> {
 public:
  Tree(std::string_view text, const std::string& where)
      : text_(text), where_(where), read_(text.data()) {}

  Json build() {
    const char* const end = text_.data() + text_.size();
    Json::sax_parse(Reader{text_.data(), &read_}, Reader{end, &read_}, this);
    // The library stops at a NUL byte. One inside a string is an error to it.
    const size_t nul = text_.find('\0');
    if (nul != std::string_view::npos) fail_nul(nul);
    return std::move(root_);
  }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Json::binary_t&) override { throw BugError("JSON text has no binary values"); }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    auto& members = open_.back()->get_ref<Json::object_t&>();
    const auto [member, inserted] = members.try_emplace(name);
    if (!inserted) {
      fail(here().where, "key \"", printable(name, 40), "\" appears twice in one JSON object, at ",
           "column ", here().column);
    }
    value_of_key_ = &member->second;
    return true;
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    const size_t offset = position > 0 ? position - 1 : 0;
    if (offset < text_.size() && text_[offset] == '\0') fail_nul(offset);
    if (dynamic_cast<const Json::parse_error*>(&error)) fail_syntax(offset, library_words(error));
    const Place place(text_, offset, where_);  // out_of_range for 1e999
    fail(place.where, "not valid JSON: ", printable(library_words(error), 200), ", at column ",
         place.column);
  }

 private:
  /// Of the last byte that was read.
  Place here() const { return {text_, static_cast<size_t>(read_ - text_.data()) - 1, where_}; }

  [[noreturn]] void fail_syntax(size_t offset, const std::string& what) const {
    const Place place(text_, offset, where_);
    fail(place.where, "not valid JSON at column ", place.column, ": ", printable(what, 200));
  }
  [[noreturn]] void fail_nul(size_t offset) const {
    fail_syntax(offset, "a NUL byte (0x00); is the file damaged, or UTF-16?");
  }

  /// Puts a value where it belongs; returns that place.
  Json& put(Json value) {
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_array()) return open_.back()->emplace_back(std::move(value));
    return *value_of_key_ = std::move(value);
  }
  bool add(Json value) {
    put(std::move(value));
    return true;
  }
  bool open(Json container) {
    if (open_.size() == kMaxDepth) {
      fail(here().where, "JSON nests deeper than ", kMaxDepth, " levels, at column ",
           here().column);
    }
    open_.push_back(&put(std::move(container)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const std::string& where_;
  const char* read_;  // behind the last byte that the library has
  Json root_;
  std::vector<Json*> open_;       // outermost first; none of them moves while it is open
  Json* value_of_key_ = nullptr;  // in the innermost open object
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  return Tree(text, where).build();
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(read_file(path), path.string());
}

}  // namespace matlora
