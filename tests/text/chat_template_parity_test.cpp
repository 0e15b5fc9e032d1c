// Templates against jinja2 as transformers sets it up, by the files that
// tools/golden/chat_templates.py writes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "matlora/base/file.h"
#include "matlora/text/chat_template.h"

namespace matlora::text {
namespace {

std::optional<OrderedJson> golden(const std::string& name) {
  const char* const directory = std::getenv("MATLORA_GOLDEN");
  const fs::path path = fs::path(directory ? directory : "/nonexistent") / name;
  if (!fs::exists(path)) return std::nullopt;
  return OrderedJson::parse(read_file(path));
}

struct Outcome {
  std::string text, error;
  std::vector<ByteRange> generated;
};

Outcome rendered(const std::string& source, const Conversation& conversation,
                 const RenderOptions& options) {
  try {
    Rendering rendering = ChatTemplate(source, "t").render(conversation, options);
    return {std::move(rendering.text), "", std::move(rendering.generated)};
  } catch (const UserError& error) {
    return {"", error.what(), {}};
  }
}

/// What is wrong, or "". Messages of jinja2's own errors are ours too; of Python's, only that there
/// is one.
std::string difference(const Outcome& got, const OrderedJson& expected) {
  if (expected.contains("error")) {
    if (got.error.empty()) return cat("no error, but ", expected["message"], "; text ", got.text);
    const std::string kind = expected["error"];
    const std::string message = printable(expected["message"].get<std::string>(), 2000);
    const bool same = kind == "TemplateError" || kind == "UndefinedError";
    return same && got.error.find(message) == got.error.npos
               ? cat("error ", got.error, ", expected ", message)
               : "";
  }
  const std::string text = expected["text"];
  if (!got.error.empty()) return cat("error ", got.error, ", expected text ", text.substr(0, 300));
  if (got.text == text) return "";
  size_t at = 0;
  while (at < text.size() && at < got.text.size() && text[at] == got.text[at]) ++at;
  const size_t from = at > 60 ? at - 60 : 0;
  return cat("at byte ", at, "\n  got      ", printable(got.text.substr(from, 160), 400),
             "\n  expected ", printable(text.substr(from, 160), 400));
}

TEST(ChatTemplateParity, SmallCases) {
  const auto file = golden("jinja_cases.json");
  if (!file) GTEST_SKIP() << "jinja_cases.json is missing";
  Conversation conversation;
  conversation.variables = (*file)["variables"];
  size_t wrong = 0;
  ASSERT_GT((*file)["cases"].size(), 5000u);
  for (const auto& expected : (*file)["cases"]) {
    const std::string source = expected["source"];
    const std::string problem = difference(rendered(source, conversation, {}), expected);
    if (!problem.empty() && ++wrong <= 40) ADD_FAILURE() << source << "\n  " << problem;
  }
  EXPECT_EQ(wrong, 0u);
}

TEST(ChatTemplateParity, TemplatesOfTheField) {
  const auto file = golden("chat_templates.json");
  if (!file) GTEST_SKIP() << "chat_templates.json is missing";
  RenderOptions options;
  std::tm now{};
  const auto date = (*file)["now"].get<std::vector<int>>();
  now.tm_year = date[0] - 1900;
  now.tm_mon = date[1] - 1;
  now.tm_mday = date[2];
  now.tm_hour = date[3];
  now.tm_min = date[4];
  now.tm_sec = date[5];
  now.tm_isdst = -1;
  std::mktime(&now);  // the day of the week and of the year
  options.now = now;
  EXPECT_GT((*file)["templates"].size(), 45u);
  size_t wrong = 0, texts = 0;
  for (const auto& row : (*file)["renderings"]) {
    const std::string name = row["template"], title = row["conversation"];
    const auto& from = (*file)["conversations"][title];
    Conversation conversation;
    conversation.messages = from["messages"];
    conversation.tools = from.value("tools", OrderedJson());
    conversation.documents = from.value("documents", OrderedJson());
    conversation.add_generation_prompt = from.value("add_generation_prompt", false);
    conversation.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
    if (from.contains("variables")) conversation.variables.update(from["variables"]);
    const Outcome got = rendered((*file)["templates"][name], conversation, options);
    std::string problem = difference(got, row);
    if (problem.empty() && row.contains("generated")) {
      std::vector<ByteRange> ranges;
      for (const auto& range : row["generated"]) ranges.push_back({range[0], range[1]});
      if (got.generated != ranges) problem = "other generated ranges";
      ++texts;
    }
    if (!problem.empty() && ++wrong <= 20)
      ADD_FAILURE() << name << ", " << title << ": " << problem;
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(texts, 600u);
}

}  // namespace
}  // namespace matlora::text
