#include "matlora/model/chat_templates.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "matlora/base/file.h"
#include "tests/support/temp_dir.h"

namespace matlora::model {
namespace {

TEST(ChatTemplates, OfAGgufFile) {
  const char* const path = std::getenv("MATLORA_MODEL");
  if (!path || !fs::exists(path)) GTEST_SKIP() << "MATLORA_MODEL is missing";
  const ChatTemplates found = chat_templates_of(path);
  const auto& chosen = text::choose_chat_template(found.templates, "", false, path);
  text::Conversation conversation;
  conversation.messages = text::parse_ordered_json(R"([{"role": "user", "content": "Hi"}])", "m");
  conversation.variables = found.tokens;
  conversation.add_generation_prompt = true;
  EXPECT_EQ(
      text::ChatTemplate(chosen.source, chosen.where).render(conversation).text,
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
      "<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTemplates, OfADirectory) {
  const tests::TempDir directory;
  directory.write("tokenizer_config.json",
                  R"({"chat_template": "{{ eos_token }}", "eos_token": "E"})");
  const ChatTemplates found = chat_templates_of(directory.path());
  ASSERT_EQ(found.templates.size(), 1u);
  EXPECT_EQ(found.tokens.dump(), R"({"eos_token":"E"})");
  EXPECT_THROW(chat_templates_of(directory.path() / "nothing.gguf"), UserError);
}

}  // namespace
}  // namespace matlora::model
