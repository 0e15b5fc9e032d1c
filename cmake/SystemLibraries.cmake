# PCRE2 and utf8proc come without CMake packages. Used by the build and by the installed package:
# a static library hands its private dependencies on to whoever links it.
find_package(PkgConfig REQUIRED)
pkg_check_modules(matlora_pcre2 REQUIRED IMPORTED_TARGET GLOBAL libpcre2-8)
pkg_check_modules(matlora_utf8proc REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
