"""Small Jinja templates for chat_templates.py: what they give is jinja2's to say."""

import itertools

VARIABLES = {
    "s": "Hello World",
    "u": "Größe ß 世界 🎉",
    "e": "",
    "sp": "  a b\t c \n",
    "html": "<a href=\"x\">'&'</a>",
    "i": 42,
    "neg": -7,
    "z": 0,
    "f": 3.75,
    "t": True,
    "n": None,
    "l": [3, 1, 2],
    "words": ["b", "A", "c", "a", "B"],
    "mixed": [1, "a", None, True, 2.5, [1], {"k": 1}],
    "d": {"b": 2, "a": 1, "C": 3},
    "deep": {"x": {"y": [{"z": "found"}]}, "items": "key", "get": 5},
    "users": [{"name": "Bo", "age": 30, "ok": True}, {"name": "al", "age": 25, "ok": False}, {"name": "Cy", "age": 30}],
    "lines": "one\ntwo\n\nthree\r\nfour",
}

VALUES = ["1", "0", "-3", "2.5", "-0.0", "'ab'", "''", "true", "none", "[1, 2]", "[]", "(1,)", "{'a': 1}", "missing", "u", "range(3)"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
FILTERS = """abs capitalize count default d dictsort e escape first float forceescape int items join last length list lower max min
reverse round safe sort string sum title tojson trim unique upper urlencode wordcount""".split()
TESTS = """boolean callable defined escaped even false float integer iterable lower mapping none number odd sequence string true
undefined upper""".split()
TEXTS = ["s", "u", "e", "sp", "lines", "'aXbXc'", "'123'", "'ÀÉÎ'", "'ǆ ﬁn ŉ'", "'tItle Case, o\\'neil'", "'ΑΣ ΣΑΣ'", "'\\u00a0x\\u2003'"]
METHODS = """upper lower title capitalize strip lstrip rstrip split rsplit splitlines swapcase casefold isdigit isalpha isalnum
isspace isupper islower istitle isnumeric isdecimal isascii isidentifier isprintable expandtabs""".split()

CALLS = """s.split('o')|s.split('o', 1)|s.rsplit('o', 1)|s.split(sep='l', maxsplit=2)|'a,,b,'.split(',')|sp.split(None, 1)|sp.rsplit(None, 1)
s.replace('l', 'L')|s.replace('l', 'L', 1)|s.replace('', '-')|u.replace('', '-', 3)|s.startswith('He')|s.startswith(('x', 'H'))|s.endswith('d')
s.endswith('o', 0, 5)|s.find('o')|s.find('o', 5)|s.rfind('o')|s.find('zz')|u.find('世')|s.index('W')|s.index('zz')|s.count('l')|s.count('')|u.count('ß')
'xxabxx'.strip('x')|'xxabxx'.lstrip('x')|'xyabyx'.rstrip('xy')|'-'.join(words)|'-'.join(l)|'-'.join('abc')|'-'.join(d)|s.partition(' ')|s.rpartition('o')
s.partition('zz')|s.center(20)|s.center(20, '*')|'ab'.center(5, '.')|'abc'.center(6, '.')|s.ljust(14, '.')|s.rjust(14)|'42'.zfill(5)|'-42'.zfill(5)|'+4'.zfill(4)
s.removeprefix('Hello')|s.removesuffix('World')|lines.splitlines(True)|'a\\tb'.expandtabs(4)|'{} {}'.format(1, 'x')|'{1} {0}'.format(1, 2)|'{a} {b!r}'.format(a=1, b='q')
'{:>5}|{:<5}|{:^5}'.format(1, 'b', 2.5)|'{:05d} {:x} {:#x} {:b} {:,}'.format(42, 255, 255, 5, 1234567)|'{:.2f} {:e} {:g} {:%}'.format(3.14159, 12345.678, 0.0001, 0.5)
'{:*^10}'.format('mid')|'{0.a} {0[a]}'.format(d)|'{d[b]}'.format(d=d)|'{{}}'.format()|'{'.format()|'{} {}'.format(1)|'{x}'.format()|'{:+d} {: d}'.format(3, 4)|'{:.3}'.format('abcdef')
'{:_}'.format(1234567)|'{:10.3f}|'.format(2.0)|'{:<08}'.format(5)|'{:s}'.format(3)|'{:d}'.format('x')|'{:d}'.format(3.0)|'{!s}'.format(none)|'{:}'.format(l)|'{:5}'.format(true)|'{:5}'.format(l)
'%s and %s' % ('a', 1)|'%d%%' % 5|'%5.2f|%-5s|%05d' % (3.14159, 'ab', 42)|'%(a)s %(b)d' % d|'%s' % l|'%r' % 'q'|'%x %X %o' % (255, 255, 8)|'%s %s' % 'a'|'%s' % (1, 2)|'%e' % 12345.6789|'%g' % 1e10|'%c%c' % ('a', 98)
'%s' % none|'%s' % {'a': 1}|'plain' % ()|'plain' % 5|'%d' % 'x'|'%i' % 3.9|'%+d' % 5|'% d' % 5|'%#x' % 255|'%.3s' % 'abcdef'|'%q' % 1|'%' % 1|'%*d' % (5, 42)|'%s' % u|'%5s|' % '世'
d.get('a')|d.get('zz')|d.get('zz', 9)|d.items()|d.keys()|d.values()|d.items() | list|d.keys() | join(',')|d.get()|d.pop('a')|d.update({})|d.clear()|d.setdefault('q', 1)|d.copy()|d.fromkeys|d.a|d['a']|d.zz|d['zz']|d.zz.y|d['zz']['y']
l.append(4)|l.pop()|l.sort()|l.index(1)|l.index(9)|l.count(3)|l.copy()|l.insert(0, 1)|l.extend([1])|l.reverse()|l.remove(1)|l.clear()|l.append
deep.x.y[0].z|deep.x.y.0.z|deep['x']['y'][0]['z']|deep.items|deep['items']|deep.get|deep.x.nope|deep.x.nope.more|l[0]|l[-1]|l[5]|l['0']|l['count'](1)|s[0]|s[-1]|s[99]|u[0]|u[8]|u[-1]
s[1:3]|s[::-1]|s[::2]|s[-5:]|s[:-5]|u[1:4]|u[::-1]|l[1:]|l[::-1]|l[:1]|l[5:]|(1, 2, 3)[1:]|range(10)[2:5] | list|range(10)[-1]|s['a':]|l[::0]|none[0]|none.x|missing.x|missing[0]|missing|missing.x.y|i.x|i[0]|s.nope|s.nope.x|s.__class__|l.__len__|d.__class__.__mro__
s | replace('o', '0')|s | replace('o', '0', 1)|i | replace('4', 'x')|s | truncate(5)|s | truncate(5, true)|s | truncate(8, false, '..')|s | truncate(5, leeway=0)|'short' | truncate(255)|s | center(21)|lines | indent|lines | indent(2, true)|lines | indent('> ', first=true, blank=true)|lines | indent(width=1, blank=true)
l | join|l | join(', ')|users | join(', ', attribute='name')|words | sort|words | sort(case_sensitive=true)|words | sort(reverse=true)|users | sort(attribute='age') | map(attribute='name') | list|users | sort(attribute='age,name') | map(attribute='name') | join|l | sort | first|mixed | sort
d | dictsort|d | dictsort(true)|d | dictsort(by='value')|d | dictsort(reverse=true)|d | dictsort(false, 'value', true)|d | dictsort(by='x')|words | unique | list|words | unique(true) | list|users | unique(attribute='age') | map(attribute='name') | list|[1, 1.0, true, '1'] | unique | list|[[1]] | unique | list
users | groupby('age')|users | groupby('age') | map('first') | list|users | groupby('name') | list|users | groupby('ok', default='?') | length|l | batch(2) | list|l | batch(2, 'x') | list|l | slice(2) | list|l | slice(2, 'x') | list|range(7) | batch(3) | list|range(7) | slice(3) | list
users | map(attribute='name') | list|users | map(attribute='ok', default='?') | list|users | map(attribute='zz') | list|words | map('upper') | list|words | map('replace', 'a', 'x') | list|[1, 2] | map('string') | join('+')|words | map | list|words | map('nope') | list|deep.x.y | map(attribute='z') | list
users | selectattr('ok') | map(attribute='name') | list|users | selectattr('age', 'equalto', 30) | list | length|users | selectattr('age', '>', 26) | map(attribute='name') | join|users | rejectattr('ok') | map(attribute='name') | list|users | selectattr('ok', 'defined') | list | length|l | select('odd') | list|l | reject('odd') | list|mixed | select('string') | list|mixed | select | list|mixed | reject('none') | list | length|users | selectattr | list|l | select('nope') | list|users | selectattr('name', 'in', ['Bo', 'Cy']) | list | length
l | sum|users | sum(attribute='age')|users | sum('age', 100)|words | sum|[[1], [2]] | sum(start=[])|l | min|l | max|words | min|words | max(true)|users | max(attribute='age')|[] | min|e | max|users | map(attribute='age') | max
'42.7' | int|'x' | int|'x' | int(5)|'0x1f' | int(base=16)|'1f' | int(0, 16)|'101' | int(base=2)|' 12 ' | int|'1_000' | int|none | int|l | int|2.9 | int|-2.9 | int|'1e3' | int|true | int|'3.5' | float|'x' | float|'x' | float(1.5)|'1e400' | float|'nan' | float|'-inf' | float|none | float|'٣' | length
42.55 | round|42.55 | round(1)|2.5 | round|3.5 | round|-2.5 | round|42.55 | round(1, 'floor')|42.11 | round(1, 'ceil')|42 | round|1234.5 | round(-2)|1250 | round(-2)|2.675 | round(2)|1e20 | round|42.5 | round(0, 'x')|0.5 | round | int
d | tojson|mixed | tojson|u | tojson|u | tojson(ensure_ascii=true)|d | tojson(indent=2)|deep | tojson(indent=4)|d | tojson(sort_keys=true)|d | tojson(separators=(',', ':'))|d | tojson(indent=1, separators=(', ', ' = '))|html | tojson|lines | tojson|missing | tojson|(1, 2) | tojson|[] | tojson(indent=2)|{} | tojson(indent=2)|1.0 | tojson|1e100 | tojson|{1: 2, none: 3, true: 4, 1.5: 5} | tojson|{(1,): 2} | tojson|range(2) | tojson|d | tojson(true)|'\\x7f\\x01' | tojson|deep | tojson(indent='\\t')
html | e|html | escape | upper|html | safe|html | safe | upper|html | safe ~ '<'|(html | safe) + '<'|'<' + (html | safe)|('<b>' | safe) * 2|'%s' | safe | format('<')|('<%s>' | safe) % '&'|('<{}>' | safe).format('&')|('<' | safe).join(['&', '>'])|('<a>' | safe).replace('a', '&')|('a<b' | safe).split('<')|[('x' | safe)]|html | forceescape|html | e | e|('<' | safe) | replace('<', '&')|('<' | safe) | string | tojson|('a' | safe) == 'a'|{('a' | safe): 1}['a']
'%s-%s' | format('a', 2)|'%(x)s' | format(x=1)|'%s' | format|'%d' | format('x')|missing | default('x')|none | default('x')|none | default('x', true)|e | default('x', boolean=true)|z | d(7, true)|missing | d|users | first|users | last | attr('name')|d | first|d | last|s | first|s | last|e | first|range(3) | last|l | reverse | list|s | reverse|d | reverse | list|(l | map('string')) | last|(l | map('string')) | first|(l | map('string')) | length|d | attr('items')|d | attr('a')|s | attr('upper')
d | items | list|missing | items | list|l | items | list|'a b&c/d' | urlencode|d | urlencode|[('a', 1), ('b c', 'é')] | urlencode|u | wordcount|'a-b c_d 1.5' | wordcount|'hello wOrld-foo (bar' | title|'ß' | upper|'İ' | lower|sp | trim|'xxaxx' | trim('x')|i | string | length|u | length|i | length|d | length|missing | length|none | length
1 if t|1 if not t|(1 if not t) is defined|(1 if not t).x|1 if z else 2 if t else 3|not t and z|not (t and z)|t or missing.x|z and missing.x|1 < 2 < 3|1 < 3 < 2|3 > 2 > 1 == 1|1 == 1.0 == true|'a' < 'b'|[1, 2] < [1, 3]|(1, 2) == [1, 2]|'a' < 1|none < 1|missing == missing|missing == none|missing != none|missing in l|'x' in missing|1 in missing|missing in s|'a' in d|1 in d|[1] in d|'ell' in s|1 in s|2 in l|2.0 in l|not 2 in l|2 not in l
2 ** 3 ** 2|-2 ** 2|2 ** -1|-(2 ** 2)|+3|-s|+s|- -3|7 // 2|-7 // 2|7 // -2|-7 % 3|7 % -3|7.5 // 2|-7.5 % 2|7 / 2|6 / 2|1 / 0|1 // 0|1 % 0|1.5 / 0|1.5 % 0|2 ** 0.5|0.1 + 0.2|1e16|1e15|123456789012345678|1e22|1.0|100000.0 * 10|1e-5|0.0001|-0.0|5 - 2 - 1|2 + 3 * 4|(2 + 3) * 4|1 ~ 2 ~ none ~ true ~ 1.50|'a' * 3|3 * 'a'|'a' * -1|[1] * 2|(1, 2) + (3,)|[1] + [2]|[1] + (2,)|'a' + 1|1 + 'a'|true + true|1_000|0x1F|0b11|0o17|1.5e3|1e3|.5|1.|012|1__0
[1, 'a', none, true, 2.5, (1,), (), {'k': 'v'}, []]|'it\\'s'|["it's"]|['say "x"']|['both \\' "']|['\\n\\t\\\\']|['é\\x00\\u200b']|{'a': {'b': [1]}}|{}|()|(1,)|(1)|{1: 'a', 1.0: 'b'}|{'a': 1, 'a': 2}|{[1]: 2}|{none: 1}[none]|[1, 2,]|{'a': 1,}|range(3)|range(1, 10, 3)|range(5, 0, -2) | list|range(0)|range(1, 2, 0)|range(100001)|range('a')|range()|range(true) | list|dict(a=1, b=2)|dict([('a', 1)])|dict({'x': 1}, y=2)|dict.fromkeys('ab', 0)|namespace(a=1)|namespace(a=1).a|namespace(a=1)['a']|namespace(a=1).b|namespace({'x': 2}).x|namespace(_a=1)
i is divisibleby 7|i is divisibleby(5)|i is eq 42|i is equalto(42)|i is ne 41|i is gt 41|i is lessthan 41|i is in [42]|i is in(l)|i is sameas 42|t is sameas true|1 is sameas true|s is string and t is boolean|i is not none|i is not divisibleby 5|not i is none|i is defined is true|(i is defined) is true|missing is defined|missing.x is defined|d.x is defined|d.x is not defined|d.x.y is defined|l is sequence|d is sequence|none is iterable|5 is iterable|'upper' is filter|'nope' is filter|'odd' is test|i is number|t is number|t is integer|f is float|f is number|'a' is >= 'a'|1 is == 1|i is nope|s | nope|d.items() is sequence|d.items() is iterable|(l | map('string')) is iterable|(l | map('string')) is sequence|missing is iterable|missing is sequence|missing is callable|range is callable|d.get is callable|missing is false|missing is none|'1' is odd|2.0 is even|e is lower|'aB' is lower|'ab1' is lower|'A1' is upper
'a' 'b' "c"|'\\x41\\u00e9\\101\\n'|"\\q"|'a\\
b'|'unclosed|"x' ~ 'y|f.is_integer()|i.bit_length()|l.0|d.0|l.-1|s.0|s . upper ( )|l [ 0 ]|d ['a']|(s).upper()|(s | upper).lower()|s | upper | lower | length|-i | abs|(-i) | abs|i | string + 'x'|i ~ 'x' | upper|l | length > 2|l | length == 3 and s | length == 11|not l | length|s.upper | string | length > 0|raise_exception('boom')|raise_exception('a' ~ i)|raise_exception()|strftime_now|lipsum|cycler('a', 'b').next()|joiner(',')()|missing()|s()|none()|i.upper()|s.upper(1)|s.strip(1)|s.split(x=1)|s.split('')|s.replace('a')|s.join()|l | join(1)|s | upper(1)|s | default(1, 2, 3)|s | round|none | round|none | upper|none | trim|none | list|5 | list|none | join|missing | join|missing | upper|missing | list|missing | int|missing | abs|missing | sort|missing | first|missing | last|missing | reverse | list|missing | sum|missing | dictsort|missing | string|missing ~ 'x'|missing + 'x'|'x' + missing|missing * 2|-missing|missing | replace('a', 'b')|s | replace(missing, 'b')|s.replace(missing, 'b')|s.split(missing)|missing < 1|missing[1:]|missing | map('upper') | list|missing | selectattr('x') | list|[missing]|[missing] | tojson|{'a': missing}|missing | length == 0|missing | tojson is defined"""

BLOCKS = """{% for x in l %}{{ x }}{% endfor %}
{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }};{% endfor %}
{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {{ loop.previtem is defined }}{% endfor %}
{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }}{% endfor %}
{% for x in [] %}x{% else %}none{% endfor %}
{% for x in missing %}x{% else %}none{% endfor %}
{% for x in none %}x{% endfor %}
{% for x in 5 %}x{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }} {% endfor %}
{% for k, v in d | dictsort %}{{ k }}={{ v }} {% endfor %}
{% for k in d %}{{ k }}{% endfor %}
{% for a, b in l %}{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{% endfor %}
{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for c in u %}[{{ c }}]{% endfor %}
{% for x in l if x > 1 %}{{ x }}{{ loop.index }}{{ loop.length }}{% else %}no{% endfor %}
{% for x in l if x > 9 %}{{ x }}{% else %}no{% endfor %}
{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}
{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}e{% endfor %}
{% break %}
{% for x in l %}{% endfor %}{% continue %}
{% for x in l %}{% for y in l %}{{ loop.index }}{% if y == 1 %}{% break %}{% endif %}{% endfor %}{{ loop.index }};{% endfor %}
{% for x in l %}{% set q = x %}{% endfor %}{{ q }}
{% set q = 0 %}{% for x in l %}{% set q = q + x %}{{ q }}{% endfor %}{{ q }}
{% set ns = namespace(q=0) %}{% for x in l %}{% set ns.q = ns.q + x %}{% endfor %}{{ ns.q }}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}{{ ns }}
{% set d.x = 1 %}
{% set nope.x = 1 %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% if t %}{% set q = 1 %}{% endif %}{{ q }}
{% if z %}a{% elif i == 42 %}b{% else %}c{% endif %}
{% if z %}a{% elif e %}b{% else %}c{% endif %}
{% if l %}y{% endif %}{% if [] %}n{% endif %}{% if none %}n{% endif %}
{% if missing %}a{% endif %}{% if missing.x %}b{% endif %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set a = 1, 2 %}{{ a }}
{% set (a, b) = l %}
{% set x %}abc {{ i }}{% endset %}[{{ x }}]
{% set x | upper %}abc {{ i }}{% endset %}[{{ x }}]
{% set x | replace('a', 'b') | upper %}abc{% endset %}{{ x }}
{% set x %}{% set y = 1 %}{% endset %}{{ y }}
{% filter upper %}abc {{ s }}{% endfilter %}
{% filter replace('a', 'x') | upper %}abc{% endfilter %}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}
{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with a, b = (1, 2) %}{{ a }}{% endwith %}
{% macro m() %}x{% endmacro %}{{ m() }}{{ m() }}
{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=4, a=5) }}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(q=2) }}
{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}
{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}
{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}
{% macro m(a) %}{{ a }}{{ varargs | join('-') }}{% endmacro %}{{ m(*l) }}{{ m(*[1], **{}) }}
{% macro m(**k) %}{% endmacro %}
{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}in{% endcall %}
{% macro m() %}[{{ caller(1, b=2) }}]{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}
{% macro m() %}x{% endmacro %}{% call m() %}in{% endcall %}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}
{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}
{% macro m() %}{{ q }}{% endmacro %}{% set q = 1 %}{{ m() }}
{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 'later' %}{{ m() }}
{% macro m() %}{{ s }}{% endmacro %}{{ s }}{{ m() }}{% set s = 'later' %}{{ m() }}
{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% if z %}{% set s = 'later' %}{% endif %}{{ m() }}
{% macro m() %}{% set s = 'in' %}{{ s }}{% endmacro %}{{ m() }}{{ s }}
{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}
{{ m }}{% macro m() %}{% endmacro %}{{ m }}{{ m.name }}{{ m.arguments }}
{% macro m() %}{{ loop }}{% endmacro %}{% for x in l %}{{ m() }}{% endfor %}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}
{{ m() }}{% macro m() %}x{% endmacro %}
{% macro m(loop) %}{{ loop }}{% endmacro %}{{ m(1) }}
{% set loop = 1 %}{{ loop }}
{% for loop in l %}{% endfor %}
{% for x in l %}{% set loop = 1 %}{% endfor %}
{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{{ loop.depth }}{% endif %}{% endfor %}
{% for x in l %}{{ loop(l) }}{% endfor %}
{% for x in l | map('string') %}{{ loop.last }}{{ loop.length }}{% endfor %}
{% set g = l | map('string') %}{{ g | list }}{{ g | list }}
{% for x in range(3) %}{% for y in range(x) %}{{ x }}{{ y }} {% else %}-{% endfor %}{% endfor %}
{% raw %}{{ x }}{% y %}{# z #}{% endraw %}
{%- raw -%}  a  {%- endraw -%}  b
{# comment #}a{#- b -#} c
{# open
{% raw %}open
{{ 'open
{% if t %}open
{% for x in l %}open{% endif %}
{% endif %}
{% nope %}
{% else %}
{{ }}
{{ 1 2 }}
{{ (1 }}
{{ 1) }}
{{ [1) }}
{{ @ }}
{{ s | }}
{{ s is }}
{{ s. }}
{{ {'a' 1} }}
{% set 1 = 2 %}
{% set s.upper() = 2 %}
{% for 1 in l %}{% endfor %}
{% if %}{% endif %}
{% set x = %}
{% macro %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{{ m(a=1, 2) }}
{% call s %}{% endcall %}
{% call s.upper() %}{% endcall %}
{% include 'x' %}
{% import 'x' as y %}
{% from 'x' import y %}
{% extends 'x' %}
{% do l.append(1) %}
{% block b %}in {{ s }}{% endblock %}{% block b2 %}{% set q = 1 %}{% endblock b2 %}{{ q }}
{% for x in l %}{% block c scoped %}{{ x }}{% endblock %}{% endfor %}
{% for x in l %}{% block c %}{{ x }}{% endblock %}{% endfor %}
{% autoescape false %}{{ html }}{% endautoescape %}
{% print s %}{% print 1, 2 %}
{% generation %}a{{ s }}{% endgeneration %}
{% if t: %}y{% endif %}
{% if t %}{{ s | nope }}{% endif %}
{% if z %}{{ s | nope }}{% endif %}ok
{% if z %}{% for x in l %}{{ s | nope }}{% endfor %}{% endif %}ok
{{ (s | nope) if z else 1 }}
{% if s is nope %}{% endif %}
{% if z %}{{ s is nope }}{% endif %}ok
{% for x in l %}{% filter upper %}{% if x == 1 %}{% break %}{% endif %}a{{ x }}{% endfilter %}{% endfor %}
{% for x in l %}{% set b %}{% if x == 1 %}{% continue %}{% endif %}a{{ x }}{% endset %}{{ b }}{% endfor %}
{% for x in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
{% set j = joiner(', ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}
{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}
{% set ns = namespace(f=none) %}{% for x in l %}{% set ns.f = loop %}{% endfor %}{{ ns.f.index }}
{{- s -}}   x   {{- s }}
{{+ 1 }}
{{ 1 +}}
a\n{{ 1 }}\nb\n
a\r\n{% if t %}\r\nb\r\n{% endif %}\r\nc
\n\n
{{ s }}\n\n"""


def whitespace():
    """Signs at tags, with and without white space around."""
    for left, right, gap in itertools.product(["", "-", "+"], ["", "-", "+"], ["", " ", "\n", "  \n  ", "\n\n", "x \n \t"]):
        yield f"a{gap}{{%{left} if t {right}%}}{gap}b{gap}{{%{right} endif {left}%}}{gap}c"
        yield f"a{gap}{{#{left} c {right}#}}{gap}b"
        yield f"{gap}{{%{left} raw {right if right != '+' else ''}%}}{gap}r{gap}{{%{left} endraw {right}%}}{gap}c"
        if right != "+":
            yield f"a{gap}{{{{{left} i {right}}}}}{gap}b"


def expressions():
    for operation, (a, b) in itertools.product(BINARY, itertools.product(VALUES, VALUES)):
        if not (operation == "**" and b in ("u", "2.5")):  # no complex numbers
            yield f"{a} {operation} {b}"
    for name, value in itertools.product(FILTERS, VALUES + ["s", "sp", "html", "words", "d", "f"]):
        yield f"{value} | {name}"
        yield f"{value} | {name} | list"
    for name, value in itertools.product(TESTS, VALUES + ["s", "f", "html | safe", "d.items()", "l | map('string')"]):
        yield f"({value}) is {name}"
    for text, method in itertools.product(TEXTS, METHODS):
        yield f"{text}.{method}()"
    for text in TEXTS:
        yield from (f"[{text}]", f"{text} | tojson", f"{text} | title", f"{text} | length", f"{text}[1:3]", f"{text} | list", f"{text} | capitalize")
    for a, b, c in itertools.product(["", "1", "-2", "9", "-9"], ["", "2", "-1", "-9", "99"], ["", "1", "-1", "2", "-3"]):
        yield f"[0, 1, 2, 3, 4][{a}:{b}:{c}]"
        yield f"u[{a}:{b}:{c}]"
    for value in ["0.1", "1.5", "100.0", "1e15", "1e16", "1.5e17", "1e-4", "1e-5", "123456.789", "2.5e-7", "1e300", "0.30000000000000004", "5e-324"]:
        yield from (value, f"-{value}", f"[{value}] | tojson", f"'%.3f' % {value}", f"'%g' % {value}", f"'{{:.2e}}'.format({value})", f"{value} | round(2)")
    yield from split_calls()


def split_calls():
    """CALLS at each "|" without spaces around it, as filters have them."""
    part = ""
    text = CALLS.replace("\\\nb'", "\\\x00b'").replace("\n", "|").replace("\x00", "\n")
    for index, char in enumerate(text):
        if char == "|" and text[index - 1] != " " and text[index + 1 : index + 2] != " ":
            yield part
            part = ""
        else:
            part += char
    yield part


def sources():
    for expression in expressions():
        yield "{{ " + expression + " }}"
    for block in BLOCKS.split("\n"):
        yield block.replace("\\n", "\n").replace("\\r", "\r")
    yield from whitespace()
