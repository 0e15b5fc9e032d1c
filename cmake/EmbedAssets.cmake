# Makes OUTPUT, a C++ file with the text of report's stylesheets and script (matlora/report/assets.h):
# cmake -DSOURCE=matlora/report -DOUTPUT=FILE -P EmbedAssets.cmake
set(code "// Made by cmake/EmbedAssets.cmake.\n#include \"matlora/report/assets.h\"\n\n")
string(APPEND code "namespace matlora::report::assets {\n\n")
foreach(asset curves.css report.css report.js)
  file(READ ${SOURCE}/${asset} text)
  string(REPLACE "." "_" name ${asset})
  string(APPEND code "const char* const ${name} = R\"asset(${text})asset\";\n\n")
endforeach()
file(WRITE ${OUTPUT} "${code}}  // namespace matlora::report::assets\n")
