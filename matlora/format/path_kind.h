// What a path is, for messages about one that is something else than expected.
#pragma once

#include <filesystem>
#include <string>

namespace matlora::format {

/// "a directory with an adapter (adapter_config.json)", "a GGUF file", "an empty directory", .. by
/// the names and the first bytes that are there. "nothing" when there is no such path.
std::string what_is(const std::filesystem::path& path);

/// What to do with a model's weights that Python's pickle holds: where the directory `path` has no
/// other, or `path` is such a file, throws UserError that names them and the command that makes
/// safetensors of them. Pickles are not read: they can run code.
void refuse_pickled_weights(const std::filesystem::path& path);

}  // namespace matlora::format
