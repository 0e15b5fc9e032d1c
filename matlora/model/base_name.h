// The name by which PEFT finds an adapter's base model: base_model_name_or_path.
#pragma once

#include <filesystem>
#include <string>

#include "matlora/base/error.h"

namespace matlora::model {

/// A Hugging Face directory's absolute path. Of a GGUF file the repository that it was made from,
/// as ORG/NAME: of general.source.repo_url, general.source.url, general.repo_url or general.url,
/// the first that is one on huggingface.co and not itself of GGUF files; else general.base_model.0
/// where that is the same model, by its name (of a fine-tuned model it is the parent, with other
/// weights).
/// "" where the file names none. Throws UserError for a broken GGUF file.
std::string base_name(const std::filesystem::path& model);

/// ORG/NAME of "https://huggingface.co/ORG/NAME/..", "hf.co/ORG/NAME" or "ORG/NAME"; "" for any
/// other text.
std::string hub_repository(const std::string& url);

}  // namespace matlora::model
