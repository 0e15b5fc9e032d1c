// Gathering the second moments of what a model's layers read: C = E[x xᵀ]. Products are made in
// float32, one per pass, and added in float64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "matlora/adapter/compress.h"
#include "matlora/nn/decoder.h"

namespace matlora::adapter {

/// Observes layers of a model until it is destroyed or the model is. Layers that read the same
/// tensor share one matrix. One thread at a time.
class MomentCollector {
 public:
  /// Told what some layers read, all of it.
  using Ready = std::function<void(const Moments&)>;

  /// Puts observers on the model's layers named in `layers`.
  MomentCollector(nn::Decoder& model, const std::set<std::string>& layers);
  /// For a model that is run once: hands out what layers read and drops it, before more than
  /// `bytes` are held. take() has the rest.
  MomentCollector(nn::Decoder& model, const std::set<std::string>& layers, Ready ready,
                  size_t bytes);
  ~MomentCollector();
  MomentCollector(const MomentCollector&) = delete;
  MomentCollector& operator=(const MomentCollector&) = delete;

  /// Means over all rows so far. A layer that has read nothing is not in it. The sums start
  /// from zero again.
  Moments take();

 private:
  struct Sums;
  class Observer;
  std::shared_ptr<Sums> sums_;
};

}  // namespace matlora::adapter
