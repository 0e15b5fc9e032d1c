// How sure a figure is, and a difference between two ranks. Both ranks answer the same documents,
// so their differences are taken document by document (pairs): what makes a document hard for both
// cancels.
//
//   y_i of t_i    a document's score, t_i = 1; or an example's nats or right tokens out of its t_i
//                 label tokens
//   R  = Σ y_i / Σ t_i                                     the mean, loss or token accuracy
//   se² = n/(n - 1) · Σ (y_i - R t_i)² / (Σ t_i)²          its standard error, n documents
//
// The error of a ratio: Cochran, Sampling Techniques, 3rd ed. 1977, section 6.4. With every t_i = 1
// it is the usual Σ (y_i - R)² / (n (n - 1)). The unit is the example: its tokens are not
// independent. For pairs y_i is the difference of both ranks; Miller, Adding Error Bars to Evals,
// arXiv 2411.00640, recommends both.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/eval/measures.h"
#include "matlora/eval/results.h"

namespace matlora::eval {

/// A document's or example's part of a figure.
struct Part {
  double score = 0;   // y
  double weight = 1;  // t
};

/// R and its standard error; no error for fewer than two parts. Throws BugError where Σ t is 0.
Metric ratio(std::span<const Part> parts);

/// Fills loss_error and token_accuracy_error from the samples of one rank.
void set_errors(RankScore& row, std::span<const Sample> samples);

/// A measure at one rank minus the same at another one.
struct Difference {
  double value = 0;                      // in the measure's unit
  std::optional<double> standard_error;  // none: not known
  int64_t documents = 0;                 // pairs; 0: there were no samples to pair
};

/// A measure of one sweep, rank by rank, ready to be compared. Scores of a group (mmlu) are those
/// of all its parts' documents.
class Comparison {
 public:
  Comparison(const Report& report, const AdapterSweep& sweep, const Measure& measure);

  /// `rank` minus `other`; nothing where a rank does not have the measure. By pairs where both
  /// ranks have samples of all their documents, and of the same ones. Else from the rows, with the
  /// error √(se² + se²): what it is where the two have nothing to do with each other.
  std::optional<Difference> difference(int64_t rank, int64_t other) const;

 private:
  using Key = std::pair<std::string, int64_t>;  // task, index
  const RankScore* row_at(int64_t rank) const;
  std::vector<Part> pairs_of(const RankScore& rank, const RankScore& other) const;

  const AdapterSweep& sweep_;
  Measure measure_;
  std::map<int64_t, std::map<Key, Part>> parts_;  // by rank
};

/// Whether the difference is more than its standard error. Not where the error is not known.
bool is_clear(const Difference& difference);

/// How many documents bring the standard error down to `visible`, a difference that matters: it
/// falls with the square root of their number, n · (se / visible)², rounded up to two digits.
/// Nothing where that cannot be said: no pairs, no error, or nothing to be seen.
std::optional<int64_t> documents_needed(const Difference& difference, double visible);

}  // namespace matlora::eval
