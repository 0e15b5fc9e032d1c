// Ranks per module from a file in the form of PEFT's rank_pattern.
#pragma once

#include <cstdint>
#include <filesystem>

#include "matlora/adapter/attach.h"
#include "matlora/adapter/plan.h"
#include "matlora/base/error.h"

namespace matlora::model {

/// `file`: {"NAME": rank, ..}. A key is a name or a regular expression, and names a module when it
/// is the whole name or its end behind a dot: (.*\.)?(KEY). Of several that name a module the
/// first one counts (PEFT 0.21.2, peft/utils/other.py, get_pattern_key). Modules that none names
/// use `rank`. Throws UserError naming the file and the key for what is no such object, a rank
/// outside 1..R or no integer, an expression that does not compile, and a key that names no
/// layer of the adapter.
adapter::RankPlan read_rank_pattern(const std::filesystem::path& file,
                                    const adapter::Adapter& adapter, int64_t rank);

}  // namespace matlora::model
