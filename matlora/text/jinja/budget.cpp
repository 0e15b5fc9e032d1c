#include "matlora/text/jinja/budget.h"

#include <algorithm>

namespace matlora::text::jinja {
namespace {

std::shared_ptr<Budget>& current_budget() {
  thread_local std::shared_ptr<Budget> budget;
  return budget;
}

}  // namespace

void Budget::spend(uint64_t steps) {
  if (steps > limits_.steps - steps_) {
    steps_ = limits_.steps;
    fault("the template takes more than ", limits_.steps, " steps; does it loop without end?");
  }
  steps_ += steps;
}

void Budget::take(size_t bytes) {
  if (bytes > memory_left()) {
    fault("the template's values take more than ", limits_.memory >> 20, " MiB of memory");
  }
  memory_ += bytes;
}

const std::shared_ptr<Budget>& Budget::current() { return current_budget(); }

Budget::Scope::Scope(std::shared_ptr<Budget> budget) : outer_(std::move(budget)) {
  std::swap(outer_, current_budget());
}

Budget::Scope::~Scope() { std::swap(outer_, current_budget()); }

void spend(uint64_t steps) {
  if (Budget* const budget = current_budget().get()) budget->spend(steps);
}

void expect_memory(size_t bytes) {
  if (Budget* const budget = current_budget().get()) {
    budget->take(bytes);
    budget->give(bytes);
    budget->spend(bytes / 64);
  }
}

Charge::Charge(size_t bytes) : budget_(current_budget()), bytes_(bytes) {
  if (budget_) budget_->take(bytes_);
}

Charge::~Charge() {
  if (budget_) budget_->give(bytes_);
}

void Builder::refill(size_t bytes) {
  constexpr size_t kPortion = 4096;
  expect_memory(text_.size() + bytes);
  room_ = std::max(bytes, kPortion);
  spend(room_ / 64);
}

}  // namespace matlora::text::jinja
