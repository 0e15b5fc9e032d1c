// Fitted gates in matlora.json: {"fitted": {"4": {LAYER: [min(4, r) numbers], ..}, ..}}.
#pragma once

#include <vector>

#include "matlora/adapter/attach.h"
#include "matlora/base/json.h"

namespace matlora::model {

/// By rank, then by layer; an empty object where no layer has any.
Json fitted_gates(const std::vector<adapter::LayerAdapter>& layers);

/// Sets those of `own`, which may have none. Throws UserError for a rank outside 1..R, a layer that
/// the adapter lacks, another count of numbers and numbers that are not finite.
void read_fitted_gates(const JsonObject& own, adapter::Adapter& adapter);

}  // namespace matlora::model
