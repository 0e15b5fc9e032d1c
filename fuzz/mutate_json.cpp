#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <vector>

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

using nlohmann::json;

/// A node, found by a walk from the root: what is high up is not rarer than the many leaves.
json& some_node(json& root, Random& random) {
  json* node = &root;
  while (node->is_structured() && !node->empty() && !one_in(random, 5)) {
    auto child = node->begin();
    std::advance(child, static_cast<std::ptrdiff_t>(below(random, node->size())));
    node = &*child;
  }
  return *node;
}

std::string short_text(Random& random) {
  static constexpr auto kTexts = std::to_array<const char*>({"",
                                                             "a",
                                                             " ",
                                                             "\xc3\xa9",
                                                             "\xe2\x96\x81",
                                                             "\xf0\x9f\x99\x82",
                                                             "\\",
                                                             "(?:",
                                                             "(a+)+",
                                                             "[^\\s]",
                                                             ".*",
                                                             "$",
                                                             "^",
                                                             "%s",
                                                             "/",
                                                             "..",
                                                             "<0x41>",
                                                             "<s>",
                                                             "a b",
                                                             "\x01",
                                                             "e\xcc\x81",
                                                             "null",
                                                             "-1",
                                                             "0",
                                                             "1e400",
                                                             "\\p{L}+",
                                                             "{{x}}",
                                                             "model.layers.0.self_attn.q_proj"});
  return kTexts[below(random, kTexts.size())];
}

json extreme(Random& random) {
  switch (below(random, 12)) {
    case 0:
      return nullptr;
    case 1:
      return true;
    case 2:
      return false;
    case 3:
      return json::array();
    case 4:
      return json::object();
    case 5:
      return short_text(random);
    case 6:
      return std::numeric_limits<uint64_t>::max();
    case 7:
      return 0.5;
    case 8:
      return 1e300;
    case 9:
      return json::array({short_text(random), extreme_integer(random)});
    case 10:
      return std::string(1 + below(random, 3000), 'a');
    default:
      return extreme_integer(random);
  }
}

void change_object(json& node, Random& random) {
  auto entry = node.begin();
  std::advance(entry, static_cast<std::ptrdiff_t>(below(random, node.size())));
  const std::string key = entry.key();
  switch (below(random, 4)) {
    case 0:
      node.erase(key);
      break;
    case 1: {
      const json value = *entry;
      node.erase(key);
      node[mutate_text(key, random)] = value;
      break;
    }
    case 2:
      node[short_text(random)] = *entry;
      break;
    default: {
      auto second = node.begin();
      std::advance(second, static_cast<std::ptrdiff_t>(below(random, node.size())));
      std::swap(*entry, *second);
    }
  }
}

void change_array(json& node, Random& random) {
  const size_t i = below(random, node.size()), j = below(random, node.size());
  switch (below(random, 5)) {
    case 0:
      node.erase(i);
      break;
    case 1:
      node.push_back(node[i]);
      break;
    case 2:
      std::swap(node[i], node[j]);
      break;
    case 3:
      node.insert(node.begin() + static_cast<std::ptrdiff_t>(i), extreme(random));
      break;
    default:
      node.erase(node.begin() + static_cast<std::ptrdiff_t>(i), node.end());
  }
}

void change_number(json& node, Random& random) {
  if (node.is_number_float()) {
    const double value = node.get<double>();
    node = one_in(random, 3) ? -value : value * (one_in(random, 2) ? 1e6 : 0.5);
    return;
  }
  // As unsigned: what overflows wraps.
  const auto value = static_cast<uint64_t>(node.get<int64_t>());
  switch (below(random, 5)) {
    case 0:
      node = static_cast<int64_t>(value + 1);
      break;
    case 1:
      node = static_cast<int64_t>(value - 1);
      break;
    case 2:
      node = static_cast<int64_t>(value * 2);
      break;
    case 3:
      node = static_cast<int64_t>(uint64_t{0} - value);
      break;
    default:
      node = extreme_integer(random);
  }
}

}  // namespace

int64_t extreme_integer(Random& random) {
  static constexpr auto kNumbers = std::to_array<int64_t>({0,
                                                           1,
                                                           -1,
                                                           2,
                                                           3,
                                                           7,
                                                           8,
                                                           63,
                                                           64,
                                                           255,
                                                           256,
                                                           32767,
                                                           65535,
                                                           65536,
                                                           1 << 20,
                                                           2147483647,
                                                           2147483648,
                                                           -2147483648,
                                                           4294967295,
                                                           4294967296,
                                                           int64_t{1} << 40,
                                                           int64_t{1} << 53,
                                                           int64_t{1} << 62,
                                                           std::numeric_limits<int64_t>::max(),
                                                           std::numeric_limits<int64_t>::min()});
  return kNumbers[below(random, kNumbers.size())];
}

std::string mutate_text(std::string text, Random& random) {
  const size_t at = below(random, text.size() + 1);
  switch (below(random, 6)) {
    case 0:
      return text.insert(at, short_text(random));
    case 1:
      return text.substr(0, at);
    case 2:
      return text.substr(at);
    case 3:
      return text + text;
    case 4:
      return short_text(random);
    default:
      if (!text.empty()) text[below(random, text.size())] = static_cast<char>(random() % 128);
      return text;
  }
}

void mutate_json(json& value, const json& other, Random& random) {
  json& node = some_node(value, random);
  if (one_in(random, 5)) {
    json copy = other;
    node = json(some_node(copy, random));
  } else if (one_in(random, 6)) {
    node = extreme(random);
  } else if (node.is_object() && !node.empty()) {
    change_object(node, random);
  } else if (node.is_array() && !node.empty()) {
    change_array(node, random);
  } else if (node.is_number()) {
    change_number(node, random);
  } else if (node.is_string()) {
    node = mutate_text(node.get<std::string>(), random);
  } else if (node.is_boolean()) {
    node = !node.get<bool>();
  } else {
    node = extreme(random);
  }
}

namespace {

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string mutate_json_text(std::string_view input, std::string_view other, Random& random) {
  json value = json::parse(input, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return std::string(input);
  json second = json::parse(other, nullptr, /*allow_exceptions=*/false);
  mutate_json(value, second.is_discarded() ? value : second, random);
  return text_of(value);
}

std::string mutate_json_lines(std::string_view input, std::string_view other, Random& random) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < input.size();) {
    const size_t end = std::min(input.find('\n', begin), input.size());
    lines.emplace_back(input.substr(begin, end - begin));
    begin = end + 1;
  }
  if (lines.empty()) return std::string(input);
  std::string& line = lines[below(random, lines.size())];
  line = mutate_json_text(line, other.substr(0, other.find('\n')), random);
  if (one_in(random, 8)) lines.push_back(line);
  if (one_in(random, 8)) lines.erase(lines.begin());
  std::string result;
  for (const std::string& each : lines) result += each + (one_in(random, 12) ? "\r\n" : "\n");
  return result;
}

}  // namespace matlora::fuzz
