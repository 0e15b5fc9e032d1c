// A chat template and a conversation: rendered, and cut into segments.
#include "matlora/text/chat_template.h"

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) {
  const text::OrderedJson given = text::parse_ordered_json(input, "input");
  if (!given.is_object() || !given.value("template", text::OrderedJson()).is_string()) return;
  text::ChatTemplate chat(given["template"].get<std::string>(), "template");
  text::Conversation conversation;
  conversation.messages = given.value("messages", text::OrderedJson::array());
  conversation.tools = given.value("tools", text::OrderedJson());
  conversation.variables = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  text::RenderOptions options;
  options.limits = {.steps = 100'000, .depth = 200, .output = 1 << 18, .memory = 4 << 20};
  options.now.emplace();  // the same in every run
  chat.render(conversation, options);
  chat.segments(conversation, options);
}

}  // namespace

const Target target{"chat_template", read, mutate_json_text};

}  // namespace matlora::fuzz
