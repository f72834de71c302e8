// The end-to-end list: requests that answer the same over the wire and through vyricon.http(). A list of rows, no tests of its own.
// `as` is what Authorization carries: a name in `tokens`; a body that is not a string is sent as JSON.
const json = { 'content-type': 'application/json' };
const back = { ...json, prefer: 'return=representation' };
const object = { accept: 'application/vnd.pgrst.object+json' };
const origin = { origin: 'https://app.example.com' };
const preflight = { ...origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, content-type' };
const row = { title: 'A new thing', n: 7, tags: ['x', 'y'], data: { deep: [1, null, 'ü'] } };

const get = (name, target, more = {}) => ({ name, method: 'GET', target, ...more });
const send = (name, method, target, body, more = {}) => ({ name, method, target, body, as: 'guide', headers: json, ...more });

export const requests = [
  // reads
  get('every row that anon may see', '/rest/v1/e2e_things'),
  get('every row of the guide', '/rest/v1/e2e_things', { as: 'guide' }),
  get('every row of the traveller', '/rest/v1/e2e_things?order=id', { as: 'traveller' }),
  get('every row with the secret key', '/rest/v1/e2e_things?order=id', { as: 'secret' }),
  get('a publishable key alone', '/rest/v1/e2e_things', { headers: { apikey: 'publishable' } }),
  get('some columns', '/rest/v1/e2e_things?select=id,title', { as: 'guide' }),
  get('a renamed column', '/rest/v1/e2e_things?select=name:title', { as: 'guide' }),
  get('a cast column', '/rest/v1/e2e_things?select=id::text', { as: 'guide' }),
  get('eq', '/rest/v1/e2e_things?id=eq.2', { as: 'guide' }),
  get('neq and gt', '/rest/v1/e2e_things?id=neq.2&n=gt.1', { as: 'guide' }),
  get('lte', '/rest/v1/e2e_things?n=lte.20', { as: 'guide' }),
  get('in', '/rest/v1/e2e_things?id=in.(1,3,99)', { as: 'guide' }),
  get('is null', '/rest/v1/e2e_things?data=is.null', { as: 'guide' }),
  get('not is null', '/rest/v1/e2e_things?data=not.is.null', { as: 'guide' }),
  get('like', '/rest/v1/e2e_things?title=like.*thing*', { as: 'guide' }),
  get('ilike, percent-encoded', '/rest/v1/e2e_things?title=ilike.%25THING%25', { as: 'guide' }),
  get('or', '/rest/v1/e2e_things?or=(id.eq.1,n.gt.25)', { as: 'guide' }),
  get('contains', '/rest/v1/e2e_things?tags=cs.{a}', { as: 'guide' }),
  get('no row matches', '/rest/v1/e2e_things?id=eq.99', { as: 'guide' }),
  get('order', '/rest/v1/e2e_things?order=n.desc', { as: 'guide' }),
  get('order with nulls first', '/rest/v1/e2e_things?order=data.asc.nullsfirst,id.desc', { as: 'guide' }),
  get('limit and offset', '/rest/v1/e2e_things?order=id&limit=2&offset=1', { as: 'guide' }),
  get('limit 0', '/rest/v1/e2e_things?limit=0', { as: 'guide' }),
  get('a Range header', '/rest/v1/e2e_things?order=id', { as: 'guide', headers: { range: '0-1', 'range-unit': 'items' } }),
  get('an exact count', '/rest/v1/e2e_things?order=id&limit=1', { as: 'guide', headers: { prefer: 'count=exact' } }),
  get('a single object', '/rest/v1/e2e_things?id=eq.1', { as: 'guide', headers: object }),
  get('a view of the application', '/rest/v1/tours?select=title,price_cents&order=price_cents,id&limit=20', { as: 'traveller' }),
  { name: 'HEAD', method: 'HEAD', target: '/rest/v1/e2e_things?order=id', as: 'guide' },
  { name: 'HEAD with a count', method: 'HEAD', target: '/rest/v1/e2e_things', as: 'guide', headers: { prefer: 'count=exact' } },
  { name: '404: HEAD of what is not there', method: 'HEAD', target: '/nowhere' },
  get('If-None-Match of anything', '/rest/v1/e2e_things?order=id', { as: 'guide', headers: { 'if-none-match': '*' } }),
  get('If-None-Match of something else', '/rest/v1/e2e_things?order=id', { as: 'guide', headers: { 'if-none-match': '"other"' } }),
  get('with an Origin', '/rest/v1/e2e_things?id=eq.1', { as: 'guide', headers: origin }),

  // refusals
  get('400: an unknown operator', '/rest/v1/e2e_things?id=nope.1', { as: 'guide' }),
  get('400: a value that is no number', '/rest/v1/e2e_things?id=eq.one', { as: 'guide' }),
  get('400: an unknown column', '/rest/v1/e2e_things?select=nothing', { as: 'guide' }),
  get('400: a limit that is no number', '/rest/v1/e2e_things?limit=many', { as: 'guide' }),
  get('400: a broken percent-escape', '/rest/v1/e2e_things?title=eq.%zz', { as: 'guide' }),
  send('400: a body that is no JSON', 'POST', '/rest/v1/e2e_things', '{"title":'),
  send('400: a CHECK that fails', 'POST', '/rest/v1/e2e_things', { title: '' }),
  send('400: a column that is not there', 'POST', '/rest/v1/e2e_things', { nothing: 1 }),
  send('401: anon may not insert', 'POST', '/rest/v1/e2e_things', row, { as: undefined }),
  get('401: no token at all', '/rest/v1/e2e_things', { headers: { authorization: 'Bearer nonsense' } }),
  get('401: an expired token', '/rest/v1/e2e_things', { as: 'expired' }),
  get('401: a forged token', '/rest/v1/e2e_things', { as: 'forged' }),
  get('401: a token of another audience', '/rest/v1/e2e_things', { as: 'audience' }),
  get('401: a token of a role that is not allowed', '/rest/v1/e2e_things', { as: 'superuser' }),
  get('401: an unknown key', '/rest/v1/e2e_things', { headers: { apikey: 'sb_publishable_aaaaaaaaaaaaaaaaaaaaaa' } }),
  send('403: a row of somebody else', 'POST', '/rest/v1/e2e_things', { ...row, user_id: '22222222-2222-4222-8222-222222222222' }),
  get('404: no such path', '/nowhere'),
  get('404: no such table', '/rest/v1/e2e_nothings', { as: 'guide' }),
  get('404: a path below a table', '/rest/v1/e2e_things/1', { as: 'guide' }),
  get('404: of the auth dialect', '/auth/v1/nothing'),
  send('404: no such function', 'POST', '/rest/v1/rpc/e2e_nothing', {}),
  send('405: POST to the root of /rest/v1', 'POST', '/rest/v1/', {}),
  send('405: POST to a page', 'POST', '/docs', {}),
  send('405: PUT of a key set', 'PUT', '/auth/v1/.well-known/jwks.json', {}),
  { name: '405: DELETE of the description', method: 'DELETE', target: '/openapi.json' },
  get('406: no row for a single object', '/rest/v1/e2e_things?id=eq.99', { as: 'guide', headers: object }),
  get('406: too many rows for a single object', '/rest/v1/e2e_things', { as: 'guide', headers: object }),
  get('406: a media type that is not made', '/rest/v1/e2e_things', { as: 'guide', headers: { accept: 'image/png' } }),
  get('406: a schema that is not served', '/rest/v1/e2e_things', { as: 'guide', headers: { 'accept-profile': 'auth' } }),
  send('409: a key that is taken', 'POST', '/rest/v1/e2e_things', { id: 1, title: 'Again' }),
  get('416: behind the last row', '/rest/v1/e2e_things?offset=50', { as: 'guide', headers: { prefer: 'count=exact' } }),
  get('416: a range upside down', '/rest/v1/e2e_things', { as: 'guide', headers: { range: '5-2', 'range-unit': 'items' } }),
  send('400: a body of another type', 'POST', '/rest/v1/e2e_things', 'title: x', { headers: { 'content-type': 'text/yaml' } }),

  // OPTIONS
  { name: 'OPTIONS of a table', method: 'OPTIONS', target: '/rest/v1/e2e_things' },
  { name: '404: OPTIONS of nothing', method: 'OPTIONS', target: '/nowhere' },
  { name: 'a preflight', method: 'OPTIONS', target: '/rest/v1/e2e_things', headers: preflight },
  { name: 'a preflight of a page', method: 'OPTIONS', target: '/openapi.json', headers: preflight },

  // writes
  send('insert one', 'POST', '/rest/v1/e2e_things', row),
  send('insert one, returned', 'POST', '/rest/v1/e2e_things', row, { headers: back }),
  send('insert one, headers only', 'POST', '/rest/v1/e2e_things', row, { headers: { ...json, prefer: 'return=headers-only' } }),
  send('insert one, returned as an object', 'POST', '/rest/v1/e2e_things?select=id,title', row, { headers: { ...back, ...object } }),
  send('insert many, returned', 'POST', '/rest/v1/e2e_things', [row, { ...row, title: 'Another' }], { headers: back }),
  send('insert none', 'POST', '/rest/v1/e2e_things', [], { headers: back }),
  send('upsert', 'POST', '/rest/v1/e2e_things', { id: 1, title: 'Merged' }, { headers: { ...json, prefer: 'return=representation,resolution=merge-duplicates' } }),
  send('update', 'PATCH', '/rest/v1/e2e_things?id=eq.1', { title: 'Changed' }),
  send('update, returned', 'PATCH', '/rest/v1/e2e_things?id=eq.1', { title: 'Changed', n: null }, { headers: back }),
  send('update of somebody else\'s row', 'PATCH', '/rest/v1/e2e_things?id=eq.1', { title: 'Stolen' }, { as: 'traveller', headers: back }),
  send('update with a count', 'PATCH', '/rest/v1/e2e_things?n=gt.5', { n: 1 }, { headers: { ...json, prefer: 'count=exact' } }),
  send('delete', 'DELETE', '/rest/v1/e2e_things?id=eq.1', undefined),
  send('delete, returned', 'DELETE', '/rest/v1/e2e_things?id=eq.1', undefined, { headers: { prefer: 'return=representation' } }),
  send('delete of nothing', 'DELETE', '/rest/v1/e2e_things?id=eq.99', undefined, { headers: { prefer: 'return=representation' } }),

  // functions
  send('a function', 'POST', '/rest/v1/rpc/e2e_twice', { n: 21 }),
  get('a function by GET', '/rest/v1/rpc/e2e_twice?n=21'),
  send('404: a function without its argument', 'POST', '/rest/v1/rpc/e2e_twice', {}),
  send('a function that returns rows', 'POST', '/rest/v1/rpc/e2e_some?order=id&select=id,title', { minimum: 5 }),
  send('400: a function that raises', 'POST', '/rest/v1/rpc/e2e_raise', { state: 'P0001' }),
  send('400: a function that divides by zero', 'POST', '/rest/v1/rpc/e2e_raise', { state: '22012' }),
  send('409: a function that chooses its status', 'POST', '/rest/v1/rpc/e2e_raise', { state: 'VY409' }),

  // the platform's own
  get('the key set', '/auth/v1/.well-known/jwks.json'),
  get('the description, for anon', '/openapi.json'),
  get('the description, for the guide', '/openapi.json', { as: 'guide' }),
  get('the viewer', '/docs'),
  get('the viewer\'s start', '/docs/start.js'),
  get('the viewer\'s style', '/docs/swagger-ui.css'),
  get('404: no file of the viewer', '/docs/nothing.js'),
];
