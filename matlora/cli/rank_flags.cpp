#include "matlora/cli/rank_flags.h"

#include <algorithm>

#include "matlora/base/error.h"
#include "matlora/model/adapters/rank_pattern.h"

namespace matlora::cli {

void RankFlags::add_options(CLI::App& app, const std::string& rank_help) {
  app.add_option("--rank", rank, rank_help)->check(integer(0));
  add_pattern(app);
}

void RankFlags::add_pattern(CLI::App& app) {
  app.add_option("--rank-pattern", pattern,
                 "JSON file of ranks per module, as PEFT's rank_pattern: {\"q_proj\": 8, "
                 "\"layers.0.mlp.up_proj\": 2}; the others use the rank");
}

adapter::RankPlan RankFlags::plan(const adapter::Adapter& adapter, int64_t lowest) const {
  const int64_t chosen = rank < 0 ? adapter.rule.rank : rank;
  check_rank(chosen, adapter, "--rank", pattern.empty() ? lowest : 0);
  return pattern.empty() ? adapter::RankPlan{chosen}
                         : model::read_rank_pattern(pattern, adapter, chosen);
}

std::string plan_text(const adapter::RankPlan& plan, const adapter::Adapter& adapter) {
  int64_t least = adapter.rule.rank, most = 0;
  for (const adapter::LayerAdapter& layer : adapter.layers) {
    least = std::min(least, plan.of(layer.layer));
    most = std::max(most, plan.of(layer.layer));
  }
  const std::string of = cat(" of ", adapter.rule.rank);
  return least >= most ? cat("rank ", most, of) : cat("ranks ", least, " to ", most, of);
}

}  // namespace matlora::cli
