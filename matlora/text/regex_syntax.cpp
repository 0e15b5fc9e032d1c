#include "matlora/text/regex_syntax.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/text/regex_classes.h"

namespace matlora::text {
namespace {

/// A set of characters: what is inside of [], less some ranges.
struct Class {
  std::string inside, removed;
};

/// "1C89-1C8A A7CB" as the inside of a class.
std::string as_ranges(std::string_view points) {
  std::string result;
  for (size_t begin = 0; begin < points.size();) {
    const size_t end = std::min(points.find(' ', begin), points.size());
    const std::string_view range = points.substr(begin, end - begin);
    const size_t dash = range.find('-');
    result += cat("\\x{", range.substr(0, dash), "}");
    if (dash != std::string_view::npos) result += cat("-\\x{", range.substr(dash + 1), "}");
    begin = end + 1;
  }
  return result;
}

/// The class of that name in the tables; nothing where PCRE2 means the same by it.
std::optional<Class> class_named(const std::string& name) {
  const std::string word = " " + name + " ";
  for (const RegexClass& one : regex_classes()) {
    if (one.names.find(word) == std::string_view::npos) continue;
    return Class{cat(one.base, as_ranges(one.added)), as_ranges(one.removed)};
  }
  if (regex_scripts().find(word) == std::string_view::npos) return std::nullopt;
  return Class{cat("\\p{sc:", name, "}"), ""};
}

/// Names of properties are compared so.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '-') continue;
    result += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return result;
}

/// An expression for one character of the class, or for one that is not of it.
std::string one_of(const Class& set, bool negated) {
  if (set.removed.empty()) return cat(negated ? "[^" : "[", set.inside, "]");
  return negated ? cat("(?:[", set.removed, "]|[^", set.inside, "])")
                 : cat("(?:(?![", set.removed, "])[", set.inside, "])");
}

/// A class as it is written, anywhere in a pattern.
struct Item {
  size_t size = 0;  // of its text
  std::optional<Class> set;
  bool negated = false;
};

/// \p{..}, \P{..}, \d and its like at the beginning of `text`, which begins with a backslash.
/// Oniguruma's \w has a few superscripts and fractions more when it is outside of brackets.
Item read_escape(std::string_view text, bool in_brackets) {
  constexpr std::string_view kLetters = "dhsw";
  Item item;
  if (text.size() < 2) return {text.size(), {}, false};
  item.size = 2;
  const char letter = text[1];
  if (letter == 'p' || letter == 'P') {
    const size_t end = text.find('}');
    if (text.substr(2, 1) != "{" || end == std::string_view::npos) return item;
    std::string_view name = text.substr(3, end - 3);
    const bool inverted = name.starts_with('^');
    if (inverted) name.remove_prefix(1);
    item = {end + 1, class_named(plain(name)), (letter == 'P') != inverted};
  } else if (const std::string small = plain(text.substr(1, 1));
             kLetters.find(small) != kLetters.npos) {
    item.set = class_named(in_brackets && small == "w" ? "[:word:]" : "\\" + small);
    item.negated = letter != small[0];
  }
  return item;
}

/// [:alpha:] or [:^alpha:] at the beginning of `text`; of size 0 where it is something else.
Item read_posix(std::string_view text) {
  const size_t end = text.find(":]");
  if (!text.starts_with("[:") || end == std::string_view::npos) return {};
  std::string_view name = text.substr(2, end - 2);
  const bool negated = name.starts_with('^');
  if (negated) name.remove_prefix(1);
  return {end + 2, class_named(cat("[:", name, ":]")), negated};
}

/// A class in brackets under construction: what PCRE2 can have inside of one, and the rest.
class Brackets {
 public:
  explicit Brackets(bool negated) : negated_(negated) {}

  void add(std::string_view text) {
    if (inside_.empty() && text.starts_with('^')) inside_ += '\\';
    inside_ += text;
  }

  void add(const Item& item) {
    if (!item.negated && item.set->removed.empty()) {
      inside_ += item.set->inside;
      return;
    }
    if (inside_.ends_with('-') && !inside_.ends_with("\\-"))
      inside_.insert(inside_.size() - 1, "\\");
    others_ += (others_.empty() ? "" : "|") + one_of(*item.set, item.negated);
  }

  std::string text() const {
    if (others_.empty()) return cat(negated_ ? "[^" : "[", inside_, "]");
    if (!negated_) return cat("(?:", inside_.empty() ? "" : "[" + inside_ + "]|", others_, ")");
    return cat("(?:(?!", others_, ")", inside_.empty() ? "(?s:.)" : "[^" + inside_ + "]", ")");
  }

 private:
  bool negated_;
  std::string inside_, others_;
};

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where)
      : rest_(pattern), whole_(pattern), where_(where) {}

  std::string run() {
    while (!rest_.empty()) {
      if (rest_[0] == '\\') {
        escape();
      } else if (rest_[0] == '[') {
        brackets();
      } else {
        result_ += take(1);
      }
    }
    return std::move(result_);
  }

 private:
  std::string_view take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  void escape() {
    if (rest_.starts_with("\\b") || rest_.starts_with("\\B")) {
      const std::string word = one_of(*class_named("\\w"), false);
      const bool border = take(2)[1] == 'b';
      result_ += cat("(?:(?<=", word, ")(?", border ? "!" : "=", word, ")|(?<!", word, ")(?",
                     border ? "=" : "!", word, "))");
      return;
    }
    const Item item = read_escape(rest_, /*in_brackets=*/false);
    const std::string_view text = take(item.size);
    result_ += item.set ? one_of(*item.set, item.negated) : std::string(text);
  }

  void brackets() {
    const size_t begin = result_.size();
    const std::string_view opening = take(rest_.starts_with("[^") ? 2 : 1);
    Brackets set(opening.size() == 2);
    for (bool first = true; !rest_.empty(); first = false) {
      if (rest_[0] == ']' && !first) {
        take(1);
        result_ += set.text();
        return;
      }
      add_item(set);
    }
    result_.resize(begin);  // no end: PCRE2 says so
    result_ += opening;
  }

  void add_item(Brackets& set) {
    const Item posix = read_posix(rest_);
    if ((rest_[0] == '[' && posix.size == 0) || rest_.starts_with("&&")) {
      fail(where_, "pattern '", printable(whole_), "': set operations in [] are not supported");
    }
    const Item item = posix.size > 0     ? posix
                      : rest_[0] == '\\' ? read_escape(rest_, /*in_brackets=*/true)
                                         : Item{1, {}, false};
    const std::string_view text = take(item.size);
    if (item.set) {
      set.add(item);
    } else {
      set.add(text);
    }
  }

  std::string_view rest_, whole_;
  const std::string& where_;
  std::string result_;
};

}  // namespace

std::string to_pcre(const std::string& pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

}  // namespace matlora::text
