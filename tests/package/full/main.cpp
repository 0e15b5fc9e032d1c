// Writes a tiny model and records to the working directory, for the examples; then uses the
// installed library as somebody does who makes mistakes: each is a UserError, no bug, no crash.
#include <functional>
#include <iostream>

#include "matlora/matlora.h"
#include "tiny_model.h"

namespace {

using namespace matlora;

adapter::GateRule rule(int64_t rank) {
  return {.rank = rank, .train_ranks = adapter::powers_of_two(rank)};
}

/// Says whether `action` throws a UserError that contains `part`.
bool refuses(const std::string& part, const std::function<void()>& action) {
  std::string got = "no error";
  try {
    action();
  } catch (const UserError& error) {
    got = error.what();
    if (got.find(part) != std::string::npos) return true;
  } catch (const std::exception& error) {
    got = std::string("not a UserError: ") + error.what();
  }
  std::cerr << "expected '" << part << "', got: " << got << "\n";
  return false;
}

bool refuses_mistakes() {
  model::Model base = model::load("model", at::kFloat, at::kCPU);
  model::Model other = model::load("other", at::kFloat, at::kCPU);
  model::Model wide = model::load("wide", at::kFloat, at::kCPU);
  adapter::Adapter adapter = adapter::new_adapter(base.decoder, rule(4), {"q_proj"});
  std::filesystem::create_directories("first");
  model::save_adapter("first", adapter, {"model", base.digest});
  const data::Examples examples = data::read_examples("data.jsonl", base.tokenizer, {});
  const auto make = [&](adapter::GateRule wrong, const char* target = "q_proj") {
    adapter::new_adapter(other.decoder, std::move(wrong), {target});
  };
  const auto sweep = [&](int64_t rank) {
    eval::run_sweep(base.decoder, &adapter, {.examples = examples.items}, {.ranks = {rank}});
  };
  bool good = true;
  // A gate rule that cannot be.
  good &= refuses("gate rule: ", [&] { make({.rank = 4, .train_ranks = {4, 8}}); });
  good &= refuses("gate rule: ", [&] { make({.rank = 4}); });
  good &= refuses("gate rule: ", [&] { make({.rank = 0}); });
  // A rank too high: of a layer, at inference, in a sweep, in a slice.
  good &= refuses("rank: ", [&] { make(rule(32)); });
  good &= refuses("rank: expected 0..4, got 5",
                  [&] { adapter::with_adapter(base.decoder, adapter, 5, adapter.inference_gate); });
  good &= refuses("ranks: expected 0..4, got 5", [&] { sweep(5); });
  good &= refuses("rank: expected 1..4, got 5", [&] {
    model::save_slice("first", adapter, 5, adapter::InferenceGate::paper, {});
  });
  good &= refuses("target_modules: ", [&] { make(rule(4), "q_prj"); });
  // An adapter of another base model: of other numbers, of other shapes.
  good &= refuses("trained on another base", [&] { model::load_adapter_for("first", other); });
  good &= refuses("another base model", [&] { model::load_adapter_for("first", wide); });
  good &= refuses("nowhere", [&] { model::load("nowhere", at::kFloat, at::kCPU); });
  return good;
}

}  // namespace

int main() {
  write_model("model", 1);
  write_model("other", 2);
  write_model("wide", 3, {.hidden = 32});
  write_records("data.jsonl");
  return refuses_mistakes() ? 0 : 1;
}
