"""Which code points a character class holds, asked of Oniguruma (`tokenizers`) and of PCRE2."""

import ctypes
import re

from tokenizers import Regex
from tokenizers import pre_tokenizers as pre

# The planes that are in use or may be soon, and the corners of the others.
PLANES = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000), 0x4FFFE, 0x50000, 0xEFFFF, 0xF0000, 0xF1234, 0xFFFFE, 0x10FFFD]
TEXT = "".join(map(chr, PLANES))
BYTES = TEXT.encode()


def onig(expression: str, points=PLANES):
    """Those of the code points that match `expression` (a class or an escape), None where it is an error."""
    try:
        pattern = Regex(f"(?:{expression})+")
    except Exception:
        return None
    text = TEXT if points is PLANES else "".join(map(chr, points))
    rest = pre.Split(pattern, "removed").pre_tokenize_str(text)
    outside = set()
    for _, (begin, end) in rest:
        outside.update(points[begin:end])
    return frozenset(points) - outside


def library():
    found = ctypes.CDLL("libpcre2-8.so.0")
    found.pcre2_compile_8.restype = ctypes.c_void_p
    found.pcre2_match_data_create_8.restype = ctypes.c_void_p
    found.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(ctypes.c_size_t)
    return found


LIBRARY = library()
STARTS = None


def starts():
    """Byte offset -> index in PLANES."""
    global STARTS
    if STARTS is None:
        STARTS, offset = {}, 0
        for index, char in enumerate(TEXT):
            STARTS[offset] = index
            offset += len(char.encode())
        STARTS[offset] = len(TEXT)
    return STARTS


def pcre(expression: str):
    """The same of PCRE2, with the options that matlora's text/regex.cpp gives."""
    utf, ucp, multiline, no_check = 0x80000, 0x20000, 0x400, 0x40000000
    error, offset = ctypes.c_int(), ctypes.c_size_t()
    pattern = f"{expression}++".encode()
    code = LIBRARY.pcre2_compile_8(pattern, ctypes.c_size_t(len(pattern)), utf | ucp | multiline, ctypes.byref(error), ctypes.byref(offset), None)
    if not code:
        return None
    data = ctypes.c_void_p(LIBRARY.pcre2_match_data_create_8(1, None))
    found, at, places = set(), 0, starts()
    while LIBRARY.pcre2_match_8(ctypes.c_void_p(code), BYTES, ctypes.c_size_t(len(BYTES)), ctypes.c_size_t(at), no_check, data, None) > 0:
        ends = LIBRARY.pcre2_get_ovector_pointer_8(data)
        found.update(PLANES[places[ends[0]] : places[ends[1]]])
        at = ends[1]
    return frozenset(found)


def pcre_names():
    """Every property name that the library knows."""
    blob = open("/usr/lib/x86_64-linux-gnu/libpcre2-8.so.0", "rb").read()
    begin = blob.index(b"\0adlam\0") + 1
    names = []
    for name in blob[begin : begin + 12000].split(b"\0"):
        if not re.fullmatch(rb"[a-z&]+", name):
            break
        names.append(name.decode())
    return names


def ranges(points, all_points=PLANES):
    """[[first, last]], where code points that were not asked for do not interrupt a range."""
    asked = {c: i for i, c in enumerate(all_points)}
    result = []
    for c in sorted(points):
        if result and asked[c] == asked[result[-1][1]] + 1:
            result[-1][1] = c
        else:
            result.append([c, c])
    return result
