#include "matlora/adapter/moments.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "matlora/base/error.h"

namespace matlora::adapter {

/// One matrix per distinct input. Which layers share one is seen in the first pass.
struct MomentCollector::Sums {
  struct Sum {
    at::Tensor products;  // [in, in] float64
    int64_t rows = 0;
  };
  bool active = true;
  std::vector<Sum> sums;
  std::map<std::string, size_t> of;  // layer -> its sum
  at::Tensor last;                   // the newest input, kept so that no other takes its place
  size_t last_sum = 0;
  Ready ready;  // or empty
  size_t limit = 0, bytes = 0;
  at::ScalarType dtype = at::kFloat;  // of the inputs

  Moments take();
  void see(const std::string& layer, const at::Tensor& x);
};

void MomentCollector::Sums::see(const std::string& layer, const at::Tensor& x) {
  const auto known = of.find(layer);
  if (last.defined() && x.is_same(last)) {
    if (known == of.end()) of.emplace(layer, last_sum);
    check(of.at(layer) == last_sum, "moments: ", layer, " shares its input in some passes only");
    return;
  }
  if (known == of.end()) {
    const auto more = static_cast<size_t>(x.size(1) * x.size(1)) * sizeof(double);
    if (ready && !sums.empty() && bytes + more > limit) ready(take());
    bytes += more;
    of.emplace(layer, sums.size());
    sums.push_back({at::zeros({x.size(1), x.size(1)}, at::kDouble), 0});
  }
  last = x;
  dtype = x.scalar_type();
  last_sum = of.at(layer);
  Sum& sum = sums[last_sum];
  const at::Tensor rows = x.detach().to(at::kFloat);      // [N, in]
  sum.products.add_(rows.t().matmul(rows).to(at::kCPU));  // [in, in]
  sum.rows += x.size(0);
}

class MomentCollector::Observer : public nn::InputObserver {
 public:
  Observer(std::string layer, std::shared_ptr<Sums> sums)
      : layer_(std::move(layer)), sums_(std::move(sums)) {}
  void see(const at::Tensor& x) override {
    if (sums_->active) sums_->see(layer_, x);
  }

 private:
  std::string layer_;
  std::shared_ptr<Sums> sums_;
};

MomentCollector::MomentCollector(nn::Decoder& model, const std::set<std::string>& layers)
    : sums_(std::make_shared<Sums>()) {
  nn::for_each_linear(model, [&](const std::string& name, nn::Linear& layer) {
    if (layers.count(name) > 0) layer.observer = std::make_shared<Observer>(name, sums_);
  });
}

MomentCollector::MomentCollector(nn::Decoder& model, const std::set<std::string>& layers,
                                 Ready ready, size_t bytes)
    : MomentCollector(model, layers) {
  sums_->ready = std::move(ready);
  sums_->limit = bytes;
}

MomentCollector::~MomentCollector() { sums_->active = false; }

Moments MomentCollector::take() { return sums_->take(); }

Moments MomentCollector::Sums::take() {
  for (Sum& sum : sums) sum.products.div_(static_cast<double>(sum.rows));
  Moments moments;
  moments.dtype = dtype;
  for (const auto& [layer, index] : of) moments.of[layer] = sums[index].products;
  sums.clear();
  of.clear();
  last.reset();
  bytes = 0;
  return moments;
}

}  // namespace matlora::adapter
