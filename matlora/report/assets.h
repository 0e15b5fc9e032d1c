// The stylesheets and the script of reports: the files *.css and *.js of this folder, which
// cmake/EmbedAssets.cmake makes into text when the program is built.
#pragma once

namespace matlora::report::assets {

extern const char* const curves_css;  // curves.css
extern const char* const report_css;  // report.css; neither < nor & in it, nor in report_js
extern const char* const report_js;   // report.js

}  // namespace matlora::report::assets
