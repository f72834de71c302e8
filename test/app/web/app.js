// The tours page: asks /rest/v1/tours as the chosen user and shows request, answer and the policy that decided.
const path = '/rest/v1/tours?select=id,user_id,title,price_cents,starts_at,published&order=published,starts_at&limit=24';
const element = (id) => document.getElementById(id);
const money = (cents) => new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' }).format(cents / 100);
const day = (iso) => new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(new Date(iso));

// Development only: the server signs a token for a user of the seed.
async function tokenFor(user) {
  const answer = await fetch(`/dev/token/${encodeURIComponent(user)}`);
  if (!answer.ok) throw new Error(`no token for ${user}: ${answer.status} (vyricon.dev is off?)`);
  return (await answer.json()).access_token;
}

const subject = (token) => token && JSON.parse(atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).sub;

function tag(text, kind) {
  const node = document.createElement('span');
  node.className = `tag ${kind}`;
  node.textContent = text;
  return node;
}

function card(tour, me) {
  const item = document.createElement('li');
  const title = document.createElement('strong');
  const detail = document.createElement('small');
  title.textContent = tour.title;
  detail.textContent = [tour.starts_at && day(tour.starts_at), money(tour.price_cents)].filter(Boolean).join(' · ');
  item.append(title, detail, tag(tour.published ? 'published' : 'draft', tour.published ? 'published' : 'draft'));
  if (me && tour.user_id === me) item.append(tag('own', 'own'));
  return item;
}

// In development an empty answer says why it is empty: where this one does not, the same table is asked for a row that cannot exist.
async function whyOf(answer, headers) {
  const said = answer.headers.get('x-vyricon-why') ?? (await fetch('/rest/v1/tours?select=id&id=is.null', { headers, cache: 'no-store' })).headers.get('x-vyricon-why');
  return said?.replace('no row matches the filters; ', '') ?? 'no x-vyricon-why header: vyricon.dev is off';
}

async function ask(user) {
  const token = user === 'anon' ? null : await tokenFor(user);
  const headers = { accept: 'application/json', prefer: 'count=exact', 'x-vyricon-why': '1' };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(path, { headers, cache: 'no-store' });
  const body = await answer.text();
  const seen = ['content-type', 'content-range', 'server-timing', 'x-request-id'].filter((name) => answer.headers.has(name));
  const rows = answer.ok ? JSON.parse(body) : [];
  element('request').textContent = [`GET ${path.replaceAll('&', '\n    &')}`, `Host: ${location.host}`,
    token ? `Authorization: Bearer ${token.slice(0, 18)}…` : 'no credential: role anon'].join('\n');
  element('status').textContent = answer.status;
  element('status').className = answer.ok ? 'ok' : 'bad';
  element('answer').textContent = [...seen.map((name) => `${name}: ${answer.headers.get(name)}`), '',
    answer.ok ? JSON.stringify(rows.slice(0, 2), null, 2) + (rows.length > 2 ? `\n… and ${rows.length - 2} more` : '') : body].join('\n');
  element('why').textContent = (await whyOf(answer, headers)).replaceAll('; ', '\n');
  element('count').textContent = answer.headers.get('content-range')?.split('/')[1]?.replace('*', '') || rows.length;
  element('rows').replaceChildren(...rows.map((tour) => card(tour, subject(token))));
  document.body.dataset.user = user;
}

async function choose(user) {
  for (const button of document.querySelectorAll('button[data-user]')) button.setAttribute('aria-pressed', String(button.dataset.user === user));
  delete document.body.dataset.user;
  try {
    await ask(user);
  } catch (error) {
    element('status').textContent = 'failed';
    element('status').className = 'bad';
    element('answer').textContent = error.message;
    element('rows').replaceChildren();
  }
}

for (const button of document.querySelectorAll('button[data-user]')) button.addEventListener('click', () => choose(button.dataset.user));
choose('anon');
