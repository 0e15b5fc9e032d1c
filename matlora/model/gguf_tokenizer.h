// The vocabulary of a GGUF file: read from it, written to one, and as a directory's files.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "matlora/base/error.h"
#include "matlora/format/gguf_writer.h"
#include "matlora/model/families/hyperparameters.h"
#include "matlora/text/load/gguf.h"

namespace matlora::model {

/// The values of tokenizer.ggml.*. Throws UserError naming the key.
text::GgufVocabulary gguf_vocabulary(const format::Gguf& file);

/// Adds tokenizer.ggml.* and the chat template of a HF directory. Throws UserError where a GGUF
/// file has no words for the tokenizer.
void add_tokenizer(const std::filesystem::path& directory, const Hyperparameters& of,
                   format::GgufPairs& pairs);

/// tokenizer.json and tokenizer_config.json, by name, that do what the file's vocabulary does.
/// Throws UserError where that is not possible.
std::map<std::string, std::string> tokenizer_files(const format::Gguf& file);

}  // namespace matlora::model
