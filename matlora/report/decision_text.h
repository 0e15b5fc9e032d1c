// What a choice of rank says to people: plain text, for the terminal and the page.
#pragma once

#include <string>
#include <vector>

#include "matlora/eval/decision.h"

namespace matlora::report {

/// One sentence: "Take rank 4", and why.
struct Headline {
  std::string verdict, rest;
  std::string text() const { return verdict + rest; }
};

Headline headline(const eval::Report& report, const eval::AdapterSweep& sweep,
                  const std::vector<eval::MeasureFacts>& facts, const eval::Within& within);

/// "Ranks 4 and 16 cannot be told apart in arc_easy acc with 20 documents; about 310 would do." For
/// the measure that needs the most; "" where no measure was left undecided.
std::string undecided_text(const std::vector<eval::MeasureFacts>& facts,
                           const eval::Within& within);

/// "≈ rank 16 with 20 documents, 310 would tell": the same for one measure in few words; or "".
std::string undecided_note(const eval::MeasureFacts& facts, const eval::Within& within);

/// "documents", of records "examples".
const char* documents_of(const eval::Measure& measure);

/// The command that makes an adapter of `rank` of the sweep's, ready for a shell.
std::string take_command(const eval::AdapterSweep& sweep, int64_t rank);

}  // namespace matlora::report
