#include "matlora/model/adapters/peft_patterns.h"

#include <algorithm>

#include "matlora/base/error.h"

namespace matlora::model {
namespace {

constexpr size_t kSearchWork = 256;  // of an expression on the shortest name

// Steps of the matcher for one name, 40 µs of them; names of layers take some hundred.
constexpr char kStepLimit[] = "(*LIMIT_MATCH=20000)";

bool is_plain(const std::string& key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

/// `name` with one byte for each character: any that is not ASCII is 0x80.
std::string one_byte_each(const std::string& name) {
  std::string result;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0xC0) result += '\x80';  // the others of the character follow
    if (byte < 0x80) result += c;
  }
  return result;
}

}  // namespace

std::vector<std::string> keys_in_order(const std::string& text, const std::string& key) {
  std::vector<std::string> keys;
  std::string top;
  const auto visit = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (event != Json::parse_event_t::key) return true;
    if (depth == 1) top = parsed.get<std::string>();
    if (depth == 2 && top == key) keys.push_back(parsed.get<std::string>());
    return true;
  };
  [[maybe_unused]] const Json all = Json::parse(text, visit, /*allow_exceptions=*/false);
  return keys;
}

PeftPattern::PeftPattern(const JsonObject& config, const std::string& key,
                         const std::vector<std::string>& order)
    : where_(config.where() + ": '" + key + "'"), ordered_(!order.empty()) {
  if (config.find(key) == nullptr) return;
  const JsonObject object = config.object(key);
  if (!ordered_) {
    for (const auto& [expression, value] : object.value().items()) add(expression, value);
  }
  for (const std::string& expression : order) add(expression, object.value().at(expression));
}

void PeftPattern::add(const std::string& expression, const Json& value) {
  const double number = value.is_number() ? value.get<double>() : 0;
  if (!(number > 0 && number < 1e9)) {
    fail(where_, "'", printable(expression), "': expected a number above 0, got ",
         printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 40));
  }
  if (is_plain(expression)) {
    add_plain(expression, entries_.size());
  } else {
    const std::string whole = "\\A(?:.*\\.)?(?:" + expression + ")\\z";
    text::Regex(whole, where_);  // where it does not compile, the message has no limit in it
    expressions_.push_back({entries_.size(), text::Regex(kStepLimit + whole, where_)});
  }
  entries_.push_back({expression, number});
}

void PeftPattern::add_plain(const std::string& key, size_t entry) {
  std::string mask = key;
  std::vector<size_t> dots;
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '.') dots.push_back(i);
    if (key[i] != '.') mask[i] = 'x';
  }
  const auto [place, is_new] = shape_of_.emplace(std::move(mask), shapes_.size());
  if (is_new) shapes_.push_back({std::move(dots), key.size(), {}});
  shapes_[place->second].entries.emplace(key, entry);
}

void PeftPattern::count(size_t work) const {
  work_ += static_cast<int64_t>(work);
  if (work_ <= kMaxWork) return;
  fail(where_, "too many expressions (", entries_.size(), ") for the modules of this adapter; ",
       "expected fewer, or whole names of modules in their place");
}

/// Which plain keys are the module's name or its end behind a dot.
void PeftPattern::look_up(const std::string& module, std::vector<size_t>& found) const {
  if (shapes_.empty()) return;
  const std::string name = one_byte_each(module);
  count(name.size() + shapes_.size());
  if (name.find('\n') != std::string::npos) return;  // which no dot of an expression is
  for (const Shape& shape : shapes_) {
    if (shape.length > name.size()) continue;
    const size_t begin = name.size() - shape.length;
    if (begin > 0 && name[begin - 1] != '.') continue;
    count(shape.length);
    std::string end = name.substr(begin);
    for (const size_t dot : shape.dots) end[dot] = '.';
    const auto entry = shape.entries.find(end);
    if (entry != shape.entries.end()) found.push_back(entry->second);
  }
}

void PeftPattern::search(const std::string& module, std::vector<size_t>& found) const {
  for (const Expression& expression : expressions_) {
    count(kSearchWork + module.size());
    if (expression.regex.find(module, 0)) found.push_back(expression.entry);
  }
}

double PeftPattern::of(const std::string& module, double fallback) const {
  std::vector<size_t> found;
  look_up(module, found);
  search(module, found);
  if (found.empty()) return fallback;
  std::sort(found.begin(), found.end());  // the order of the file
  for (size_t i = 1; i < found.size() && !ordered_; ++i) {
    const Entry &one = entries_[found[i - 1]], &other = entries_[found[i]];
    if (one.value == other.value) continue;
    fail(where_, "'", printable(one.key), "' and '", printable(other.key), "' both name ",
         printable(module), "; expected one of them");
  }
  return entries_[found.front()].value;
}

}  // namespace matlora::model
