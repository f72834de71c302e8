// What a hostile or broken client sends: [name, bytes]. Each holds the mark where that is possible, so that it can be looked for afterwards.
export const mark = 'zq9x';
const bytes = (...values) => Buffer.from(values.flatMap((value) => (typeof value === 'number' ? [value] : [...Buffer.from(value)])));
const nested = (open, close, depth) => open.repeat(depth) + close.repeat(depth);

export const inputs = [
  ['nothing', ''], ['a blank', ' '], ['a word', mark], ['a long word', mark + 'a'.repeat(3000)], ['a comma', ','], ['an open parenthesis', '('], ['a dot', '.'],
  ['a quote', `${mark}'`], ['a double quote', `${mark}"`], ['a backslash', `${mark}\\`], ['a quoted quote', `"${mark}\\""`], ['a dollar quote', `$$${mark}$$`],
  ['a comment', `${mark}--`], ['a block comment', `${mark}/*`], ['a stacked statement', `${mark}'; DROP TABLE public.tours; --`], ['always true', `' OR '1'='1' -- ${mark}`],
  ['a union', `${mark}' UNION SELECT usename, passwd FROM pg_shadow --`], ['a cast', `1::regclass::${mark}`], ['a cast that leaks', 'auth.users::regclass'],
  ['a call', `pg_sleep(5)${mark}`], ['a filter with a call', `eq.pg_sleep(5)${mark}`], ['a file', `pg_read_file('/etc/passwd')${mark}`], ['a parameter', `$1${mark}`],
  ['an unknown operator', `zz.${mark}`], ['an operator twice', `eq.eq.${mark}`], ['not', `not.not.eq.${mark}`], ['is something', `is.${mark}`], ['an open list', `in.(${mark}`],
  ['an empty list', 'in.()'], ['a list of nothing', 'in.(,,)'], ['any of nothing', 'eq(any).{}'], ['a broken array', `cs.{${mark}`], ['a broken range', `ov.[1,${mark}`],
  ['a broken pattern', `match.(${mark}`], ['a slow pattern', `match.(a+)+$${mark}`], ['a text search', `fts.${mark}&|`], ['logic without end', `(or(and(${mark}`],
  ['a path', `a->b->>${mark}`], ['a path without end', `${mark}->`], ['an embedding', `${mark}(*)`], ['an embedding without end', `*,${mark}(`], ['an aggregate', `${mark}.sum()`],
  ['a name of 64 letters', mark + 'n'.repeat(60)], ['a quoted identifier', `"${mark}""; --"`], ['a full-width quote', `${mark}\uff02`], ['a system column', 'ctid'], ['a whole row', 'tours'],
  ['a huge number', '1e400'], ['a tiny number', '1e-400'], ['minus nothing', '-0'], ['forty digits', '9'.repeat(40)], ['beyond bigint', '9223372036854775808'], ['a negative number', '-1'],
  ['hexadecimal', '0x7f'], ['not a number', 'NaN'], ['infinity', 'Infinity'], ['a number with a comma', '1,5'],
  ['true', 'true'], ['null', 'null'], ['an object', `{"${mark}":1}`], ['an array', `["${mark}"]`], ['a string', `"${mark}"`], ['an open object', `{"${mark}"`], ['a trailing comma', '{"title":"a",}'],
  ['keys twice', `{"title":"${mark}","title":"b"}`], ['a single-quoted key', `{'${mark}':1}`], ['two values', '{}{}'], ['a hundred levels', nested('[', ']', 100)], ['ten thousand levels', nested('[', ']', 10000)],
  ['a hundred thousand levels', '{"a":'.repeat(20000)], ['a lone surrogate', `{"title":"\\ud800${mark}"}`], ['an escaped NUL', `{"title":"\\u0000${mark}"}`], ['an unknown escape', `"\\x${mark}"`],
  ['a byte order mark', bytes(0xef, 0xbb, 0xbf, '{}')], ['a NUL', bytes(mark, 0, mark)], ['an overlong slash', bytes(0xc0, 0xaf)], ['half a character', bytes(mark, 0xe2, 0x82)], ['Latin-1', bytes(mark, 0xfc)],
  ['beyond Unicode', bytes(0xf4, 0x90, 0x80, 0x80)], ['a surrogate in UTF-8', bytes(0xed, 0xa0, 0x80)], ['a bell', bytes(mark, 7)], ['right to left', `${mark}\u202e`],
  ['a line end', bytes(mark, 13, 10, 'x-evil: 1')],
  ['an escape', '%27'], ['an escaped escape', '%2527'], ['an escaped escaped dot', '%252e%252e'], ['an escaped NUL in a target', '%00'], ['a bad escape', '%zz'], ['half an escape', '%2'], ['an overlong escape', '%c0%af'],
  ['an escaped slash', '..%2f..%2fetc%2fpasswd'], ['a parent folder', '../../etc/passwd'], ['a script', `<script>alert("${mark}")</script>`], ['a template', `{{7*7}}${mark}`], ['a shell', `$(id)${mark}`],
  ['a URL', `http://169.254.169.254/${mark}`], ['a star', '*'], ['a colon', `a:${mark}`], ['a token', 'eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.'], ['a secret key', `sb_secret_${mark}`],
];
