#include "matlora/adapter/budget.h"

#include <algorithm>

#include "matlora/base/error.h"

namespace matlora::adapter {
namespace {

/// Directions of one layer that are taken in turn.
struct Piece {
  double slope;  // worth per number
  size_t layer;
  int64_t begin, end;
};

/// The hull's pieces of one layer, steepest first, as long as they rise.
void add_pieces(const LayerWorth& layer, size_t index, std::vector<Piece>& pieces) {
  const auto count = static_cast<int64_t>(layer.worth.size());
  for (int64_t begin = 0; begin < count;) {
    Piece best{0, index, begin, begin};
    double sum = 0;
    for (int64_t end = begin + 1; end <= count; ++end) {
      sum += layer.worth[static_cast<size_t>(end - 1)];
      const double slope = sum / static_cast<double>((end - begin) * layer.cost);
      if (slope > best.slope) best = {slope, index, begin, end};
    }
    if (best.end == begin) return;
    pieces.push_back(best);
    begin = best.end;
  }
}

}  // namespace

std::vector<int64_t> ranks_within(std::span<const LayerWorth> layers, int64_t parameters) {
  const auto cheaper = [](const LayerWorth& a, const LayerWorth& b) { return a.cost < b.cost; };
  const int64_t lowest = std::min_element(layers.begin(), layers.end(), cheaper)->cost;
  if (parameters < lowest) {
    fail_field("parameters", "the smallest direction has ", lowest,
               " numbers; expected at least these, got ", parameters);
  }
  const int64_t budget = parameters;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < layers.size(); ++i) add_pieces(layers[i], i, pieces);
  std::stable_sort(pieces.begin(), pieces.end(),
                   [](const Piece& a, const Piece& b) { return a.slope > b.slope; });
  std::vector<int64_t> ranks(layers.size(), 0);
  for (const Piece& piece : pieces) {
    if (ranks[piece.layer] != piece.begin) continue;  // behind one that did not fit
    const int64_t cost = layers[piece.layer].cost;
    const int64_t taken = std::min(piece.end - piece.begin, parameters / cost);
    ranks[piece.layer] += taken;
    parameters -= taken * cost;
  }
  if (std::all_of(ranks.begin(), ranks.end(), [](int64_t rank) { return rank == 0; })) {
    fail_field("parameters", "no direction within ", budget, " numbers is worth anything");
  }
  return ranks;
}

}  // namespace matlora::adapter
