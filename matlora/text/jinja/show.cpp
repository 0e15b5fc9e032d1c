#include "matlora/text/jinja/show.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "matlora/text/jinja/operators.h"
#include "matlora/text/jinja/python_text.h"
#include "matlora/text/unicode.h"

namespace matlora::text::jinja {
namespace {

void add_items(Builder& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.add(", ");
    add_repr(out, items[i]);
  }
}

void add_list(Builder& out, const List& list) {
  switch (list.kind) {
    case ListKind::kList:
      out.add('[');
      add_items(out, list.items);
      return out.add(']');
    case ListKind::kTuple:
      out.add('(');
      add_items(out, list.items);
      return out.add(list.items.size() == 1 ? ",)" : ")");
    case ListKind::kRange:
      out.add(cat("range(", list.range[0], ", ", list.range[1]));
      if (list.range[2] != 1) out.add(cat(", ", list.range[2]));
      return out.add(')');
    default:
      out.add(list.kind == ListKind::kKeys     ? "dict_keys(["
              : list.kind == ListKind::kValues ? "dict_values(["
                                               : "dict_items([");
      add_items(out, list.items);
      return out.add("])");
  }
}

void add_dict(Builder& out, const Dict& dict) {
  out.add('{');
  bool first = true;
  for (const auto& [key, value] : dict.members) {
    if (!first) out.add(", ");
    first = false;
    add_repr(out, key);
    out.add(": ");
    add_repr(out, value);
  }
  out.add('}');
}

void add_json_string(Builder& out, std::string_view text, bool ascii) {
  out.add('"');
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_code_point(text, at);
    constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t", kLetters = "\"\\bfnrt";
    const size_t simple = c < 0x80 ? kEscaped.find(static_cast<char>(c)) : kEscaped.npos;
    char escaped[16] = "";
    if (simple != kEscaped.npos) {
      std::snprintf(escaped, sizeof escaped, "\\%c", kLetters[simple]);
    } else if (c < 0x20 || (ascii && c >= 0x7F && c < 0x10000)) {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
    } else if (ascii && c >= 0x10000) {
      const auto rest = static_cast<unsigned>(c - 0x10000);
      std::snprintf(escaped, sizeof escaped, "\\u%04x\\u%04x", 0xD800 + (rest >> 10),
                    0xDC00 + (rest & 0x3FF));
    }
    out.add(*escaped ? std::string_view(escaped) : text.substr(begin, at - begin));
  }
  out.add('"');
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return shown_float(value);
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}
  std::string take() { return out_.take(); }

  void add(const Value& value) {
    spend();
    if (value.is_string()) {
      add_json_string(out_, value.bytes(), style_.ascii);
    } else if (value.is_none()) {
      out_.add("null");
    } else if (value.is_bool()) {
      out_.add(value.as_bool() ? "true" : "false");
    } else if (value.is_int()) {
      out_.add(std::to_string(value.as_int()));
    } else if (value.is_float()) {
      out_.add(json_float(value.as_float()));
    } else if (value.is(ListKind::kList) || value.is(ListKind::kTuple)) {
      add_list(value.as_list().items);
    } else if (value.is_dict()) {
      add_dict(value.as_dict());
    } else {
      const std::string_view type = value.is_undefined() ? "Undefined" : value.type_name();
      fault("Object of type ", type, " is not JSON serializable");
    }
  }

 private:
  void line() {
    if (!style_.indent) return;
    out_.add('\n');
    for (size_t i = 0; i < level_; ++i) out_.add(*style_.indent);
  }

  void add_list(const std::vector<Value>& items) {
    if (items.empty()) return out_.add("[]");
    out_.add('[');
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.add(style_.comma);
      line();
      add(items[i]);
    }
    --level_;
    line();
    out_.add(']');
  }

  std::string key_text(const Value& key) const {
    if (key.is_string()) return key.bytes();
    if (key.is_none()) return "null";
    if (key.is_bool()) return key.as_bool() ? "true" : "false";
    if (key.is_int()) return std::to_string(key.as_int());
    if (key.is_float()) return json_float(key.as_float());
    fault("keys must be str, int, float, bool or None, not ", key.type_name());
  }

  void add_dict(const Dict& dict) {
    if (dict.members.empty()) return out_.add("{}");
    std::vector<const Member*> members;
    for (const Member& member : dict.members) members.push_back(&member);
    if (style_.sort_keys) {
      sort(members, [](const Member* a, const Member* b) { return less(a->first, b->first); });
    }
    out_.add('{');
    ++level_;
    bool first = true;
    for (const Member* const member : members) {
      if (!first) out_.add(style_.comma);
      first = false;
      line();
      add_json_string(out_, key_text(member->first), style_.ascii);
      out_.add(style_.colon);
      add(member->second);
    }
    --level_;
    line();
    out_.add('}');
  }

  const JsonStyle& style_;
  Builder out_;
  size_t level_ = 0;
};

}  // namespace

void add_text(Builder& out, const Value& value) {
  if (value.is_string()) return out.add(value.bytes());
  if (value.is_undefined()) return;
  add_repr(out, value);
}

void add_repr(Builder& out, const Value& value) {
  spend();
  if (value.is_undefined()) return out.add("Undefined");
  if (value.is_none()) return out.add("None");
  if (value.is_bool()) return out.add(value.as_bool() ? "True" : "False");
  if (value.is_int()) return out.add(std::to_string(value.as_int()));
  if (value.is_float()) return out.add(shown_float(value.as_float()));
  if (value.is_string()) {
    const std::string text = python_quoted(value.bytes());
    return out.add(value.is_markup() ? "Markup(" + text + ")" : text);
  }
  if (value.is_list()) return add_list(out, value.as_list());
  if (value.is_dict()) return add_dict(out, value.as_dict());
  out.add(value.as_object().shown());
}

std::string to_text(const Value& value) {
  if (value.is_string()) return value.bytes();
  Builder out;
  add_text(out, value);
  return out.take();
}

std::string repr(const Value& value) {
  Builder out;
  add_repr(out, value);
  return out.take();
}

std::string to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.add(value);
  return writer.take();
}

}  // namespace matlora::text::jinja
