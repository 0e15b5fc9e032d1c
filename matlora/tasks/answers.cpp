#include "matlora/tasks/answers.h"

#include <optional>
#include <utility>

#include "matlora/tasks/python_text.h"
#include "matlora/text/regex.h"

namespace matlora::tasks {
namespace {

using text::Regex;

constexpr const char* kNone = "[invalid]";
constexpr std::string_view kMark = "#### ";

/// What is left of an answer for the comparison.
std::string bare(std::string answer) {
  answer = replace(replace(answer, ",", ""), "$", "");
  if (const size_t mark = answer.rfind(kMark); mark != std::string::npos) {
    answer.erase(0, mark + kMark.size());
  }
  // Python's $ also matches before a line's end at the end of the text.
  if (answer.ends_with(".\n")) {
    answer.erase(answer.size() - 2, 1);
  } else if (answer.ends_with('.')) {
    answer.pop_back();
  }
  return lower(answer);
}

}  // namespace

std::string strict_answer(const std::string& response) {
  static const Regex pattern(R"(#### -?[0-9.,]+)", "strict-match");
  const auto found = pattern.find(response, 0);
  if (!found) return kNone;
  const size_t begin = found->first + kMark.size();
  return response.substr(begin, found->second - begin);
}

std::string flexible_answer(const std::string& response) {
  static const Regex pattern(R"(-?[$0-9.,]{2,}|-?[0-9]+)", "flexible-extract");
  std::optional<std::pair<size_t, size_t>> last;
  for (auto found = pattern.find(response, 0); found;
       found = pattern.find(response, found->second)) {
    last = found;
  }
  return last ? response.substr(last->first, last->second - last->first) : kNone;
}

bool same_answer(const std::string& answer, const std::string& reference) {
  return bare(answer) == bare(reference);
}

}  // namespace matlora::tasks
