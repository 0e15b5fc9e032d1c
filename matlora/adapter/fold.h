// An adapter whose gate is in its matrices: every rank has gate 1, here and in PEFT.
#pragma once

#include "matlora/adapter/attach.h"

namespace matlora::adapter {

/// The rule of such an adapter: method nested, no scaling, every g_i = 1. Rank and train ranks are
/// those of `rule`.
GateRule unit_rule(const GateRule& rule);

/// The same adapter with the full rank's gate multiplied into B: B' = B diag(g). For gates that do
/// not depend on the rank every rank computes what it did. The matrices share no memory with those
/// of `adapter`, and require no gradients.
Adapter folded(const Adapter& adapter, InferenceGate gate);

}  // namespace matlora::adapter
