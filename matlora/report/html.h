// report.html: a sweep on one page that needs nothing else, no network either. Figures and tables
// are there without JavaScript; with it tables can be sorted, --within can be moved and one item at
// a time is shown. Light and dark, wide and narrow.
#pragma once

#include <string>

#include "matlora/report/report.h"

namespace matlora::report {

/// A whole HTML document that is well-formed XML too. Names, paths and texts of models and data
/// are escaped. Without options.within the rank to take is chosen within 1% of the best.
std::string report_html(const eval::Report& report, const ReportOptions& options = {});

}  // namespace matlora::report
