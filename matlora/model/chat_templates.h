// The chat templates of a model, wherever it keeps them.
#pragma once

#include <filesystem>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/text/chat_template.h"

namespace matlora::model {

struct ChatTemplates {
  std::vector<text::NamedTemplate> templates;  ///< empty when the model has none
  text::OrderedJson tokens;  ///< "bos_token", "eos_token", ..: variables for the templates
};

/// Of a HF directory (text::find_chat_templates), or of a GGUF file: `tokenizer.chat_template`,
/// which is the default, and `tokenizer.chat_template.NAME`. Throws UserError for what cannot be
/// read.
ChatTemplates chat_templates_of(const std::filesystem::path& path);

}  // namespace matlora::model
