#include "matlora/text/jinja/lexer.h"

#include <algorithm>

#include "matlora/text/jinja/python_text.h"
#include "matlora/text/jinja/string_literal.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

/// Line ends become "\n"; the last one goes.
std::string normalized(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      text += '\n';
    } else {
      text += source[i];
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is_digit_byte(char c) { return c >= '0' && c <= '9'; }
bool is_name_byte(char c) {
  return is_digit_byte(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)), text_(source_) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) root();
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  bool is(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }
  void move_to(size_t at) {
    line_ += static_cast<int>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         text_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    starts_line_ = at > at_ ? text_[at - 1] == '\n' : starts_line_;
    at_ = at;
  }
  size_t after_space(size_t at) const { return text_.size() - strip_left(text_.substr(at)).size(); }

  /// The end of "-%}", "%}" and the like at `at`: 0 when it is not one. White space that a sign or
  /// trim_blocks takes belongs to it.
  size_t end_of_tag(size_t at, std::string_view close, bool plus, bool trim) const {
    const std::string_view rest = text_.substr(at);
    if (rest.starts_with('-') && rest.substr(1).starts_with(close)) {
      return after_space(at + 1 + close.size());
    }
    if (plus && rest.starts_with('+') && rest.substr(1).starts_with(close)) {
      return at + 1 + close.size();
    }
    if (!rest.starts_with(close)) return 0;
    const size_t end = at + close.size();
    return trim && end < text_.size() && text_[end] == '\n' ? end + 1 : end;
  }

  /// Text up to a tag, as the tag's sign leaves it.
  std::string data_before(size_t tag, char sign, bool print) const {
    const std::string_view data = text_.substr(at_, tag - at_);
    if (sign == '-') return std::string(strip_right(data));
    if (sign == '+' || print) return std::string(data);
    const size_t line = data.rfind('\n') + 1;  // npos + 1 is 0
    if ((line > 0 || starts_line_) && strip(data.substr(line)).empty()) {
      return std::string(data.substr(0, line));
    }
    return std::string(data);
  }

  char sign_at(size_t at) const {
    return at < text_.size() && (text_[at] == '-' || text_[at] == '+') ? text_[at] : ' ';
  }

  size_t find_tag() const {
    for (size_t at = text_.find('{', at_); at != text_.npos; at = text_.find('{', at + 1)) {
      const char next = at + 1 < text_.size() ? text_[at + 1] : ' ';
      if (next == '{' || next == '%' || next == '#') return at;
    }
    return text_.npos;
  }

  void root() {
    const size_t tag = find_tag();
    if (tag == text_.npos) {
      add(TokenKind::kData, std::string(text_.substr(at_)));
      move_to(text_.size());
      return;
    }
    const bool print = text_[tag + 1] == '{';
    const char sign = sign_at(tag + 2);
    if (std::string data = data_before(tag, sign, print); !data.empty()) {
      add(TokenKind::kData, std::move(data));
    }
    const size_t inside = tag + 2 + (sign != ' ');
    if (text_[tag + 1] == '#') {
      move_to(inside);
      comment();
    } else if (const size_t body = print ? 0 : end_of_raw(inside)) {
      move_to(body);
      raw();
    } else {
      move_to(tag);
      add(print ? TokenKind::kPrintBegin : TokenKind::kBlockBegin, "");
      move_to(inside);
      code(print);
    }
  }

  void comment() {
    const int begin = line_;
    for (size_t at = at_; at < text_.size(); ++at) {
      if (const size_t end = end_of_tag(at, "#}", true, true)) return move_to(end);
    }
    if (at_ < text_.size()) throw Fault("Missing end of comment tag", begin);
  }

  /// Behind "{% raw %}" whose inside is at `at`; 0 when it is another tag.
  size_t end_of_raw(size_t at) const {
    at = after_space(at);
    if (!text_.substr(at).starts_with("raw")) return 0;
    return end_of_tag(after_space(at + 3), "%}", false, false);
  }

  void raw() {
    for (size_t tag = text_.find("{%", at_); tag != text_.npos; tag = text_.find("{%", tag + 1)) {
      const char sign = sign_at(tag + 2);
      const size_t name = after_space(tag + 2 + (sign != ' '));
      if (!text_.substr(name).starts_with("endraw")) continue;
      const size_t end = end_of_tag(after_space(name + 6), "%}", true, true);
      if (end == 0) continue;
      if (std::string data = data_before(tag, sign, false); !data.empty()) {
        add(TokenKind::kData, std::move(data));
      }
      return move_to(end);
    }
    if (at_ < text_.size()) throw Fault("Missing end of raw directive", line_);
  }

  /// Tokens up to the end of the tag.
  void code(bool print) {
    std::string open;  // the brackets that wait for their other half
    while (at_ < text_.size()) {
      if (open.empty()) {
        if (const size_t end = end_of_tag(at_, print ? "}}" : "%}", !print, !print)) {
          add(print ? TokenKind::kPrintEnd : TokenKind::kBlockEnd, "");
          return move_to(end);
        }
      }
      if (const size_t next = after_space(at_); next > at_) {
        move_to(next);
      } else if (!number() && !name() && !string()) {
        operation(open);
      }
    }
  }

  /// The end of digits with single "_" between them from `at` on; `at` when there are none.
  template <class Digit>
  size_t digits(size_t at, Digit is_one) const {
    size_t end = at;
    while (end < text_.size()) {
      if (is_one(text_[end])) {
        ++end;
      } else if (text_[end] == '_' && end > at && end + 1 < text_.size() &&
                 is_one(text_[end + 1])) {
        end += 2;
      } else {
        break;
      }
    }
    return end;
  }

  void add_number(TokenKind kind, size_t end) {
    std::string text(text_.substr(at_, end - at_));
    std::erase(text, '_');
    add(kind, std::move(text));
    move_to(end);
  }

  bool number() {
    if (!is_digit_byte(text_[at_])) return false;
    const size_t whole = digits(at_, is_digit_byte);
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';
    if (!after_dot) {
      size_t end = whole;
      if (end < text_.size() && text_[end] == '.') {
        const size_t fraction = digits(end + 1, is_digit_byte);
        if (fraction > end + 1) end = fraction;
      }
      if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
        const size_t sign = end + 1 + (sign_at(end + 1) != ' ');
        const size_t exponent = digits(sign, is_digit_byte);
        if (exponent > sign) end = exponent;
      }
      if (end > whole) return add_number(TokenKind::kFloat, end), true;
    }
    add_number(TokenKind::kInteger, end_of_integer(whole));
    return true;
  }

  /// A zero ends a decimal number: "012" is 0 and 12.
  size_t end_of_integer(size_t decimal) const {
    if (text_[at_] != '0') return decimal;
    const char mark = at_ + 1 < text_.size() ? static_cast<char>(text_[at_ + 1] | 0x20) : ' ';
    const auto prefixed = [&](auto is_one) {
      size_t begin = at_ + 2;
      if (begin < text_.size() && text_[begin] == '_') ++begin;
      const size_t end = digits(begin, is_one);
      return end > begin ? end : at_ + 1;
    };
    if (mark == 'x') {
      return prefixed([](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; });
    }
    if (mark == 'o') return prefixed([](char c) { return c >= '0' && c <= '7'; });
    if (mark == 'b') return prefixed([](char c) { return c == '0' || c == '1'; });
    return digits(at_, [](char c) { return c == '0'; });
  }

  bool name() {
    size_t end = at_;
    while (end < text_.size()) {
      if (static_cast<unsigned char>(text_[end]) < 0x80) {
        if (!is_name_byte(text_[end])) break;
        ++end;
        continue;
      }
      size_t next = end;
      const char32_t c = next_code_point(text_, next);
      if (!is_alpha(c) && !is_number(c) && !is_mark(c)) break;
      end = next;
    }
    if (end == at_) return false;
    add(TokenKind::kName, std::string(text_.substr(at_, end - at_)));
    move_to(end);
    return true;
  }

  bool string() {
    const char quote = text_[at_];
    if (quote != '\'' && quote != '"') return false;
    size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return false;
    add(TokenKind::kString, unescaped(text_.substr(at_ + 1, end - at_ - 1), line_));
    move_to(end + 1);
    return true;
  }

  void operation(std::string& open) {
    constexpr std::string_view kLong[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kShort = "+-/*%~[](){}><=.:|,;";
    size_t size = 1;
    for (const std::string_view one : kLong) {
      if (is(one)) size = 2;
    }
    const char c = text_[at_];
    if (size == 1 && kShort.find(c) == kShort.npos) {
      size_t next = at_;
      next_code_point(text_, next);
      throw Fault(cat("unexpected char ", python_quoted(text_.substr(at_, next - at_))), line_);
    }
    if (size == 1 && (c == '(' || c == '[' || c == '{')) {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (size == 1 && (c == ')' || c == ']' || c == '}')) {
      if (open.empty()) throw Fault(cat("unexpected '", c, "'"), line_);
      if (open.back() != c) {
        throw Fault(cat("unexpected '", c, "', expected '", open.back(), "'"), line_);
      }
      open.pop_back();
    }
    add(TokenKind::kOperator, std::string(text_.substr(at_, size)));
    move_to(at_ + size);
  }

  std::string source_;
  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  bool starts_line_ = true;  // what was read last ends a line, or is nothing
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "template data / text";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kPrintBegin:
      return "begin of print statement";
    case TokenKind::kPrintEnd:
      return "end of print statement";
    case TokenKind::kString:
      return "string";
    case TokenKind::kInteger:
      return "integer";
    case TokenKind::kFloat:
      return "float";
    case TokenKind::kEnd:
      return "end of template";
    default:
      return printable(token.text);
  }
}

std::vector<Token> tokens_of(std::string_view source) { return Lexer(source).run(); }

}  // namespace matlora::text::jinja
