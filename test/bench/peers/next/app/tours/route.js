import { desc } from 'drizzle-orm';
import { asCaller, tours } from '../../lib/db.mjs';

function isTour(t) {
  return (
    typeof t.title === 'string' && t.title.length >= 3 && t.title.length <= 200 &&
    (t.description === undefined || (typeof t.description === 'string' && t.description.length <= 5000)) &&
    Number.isInteger(t.price_cents) && t.price_cents >= 0 &&
    Number.isInteger(t.seats) && t.seats >= 1 && t.seats <= 1000 &&
    /^\d{4}-\d{2}-\d{2}$/.test(t.starts_on)
  );
}

export async function GET(request) {
  const rows = await asCaller(request, (tx) => tx.select().from(tours).orderBy(desc(tours.created_at), desc(tours.id)).limit(20));
  return rows ? Response.json(rows) : Response.json({ message: 'invalid token' }, { status: 401 });
}

export async function POST(request) {
  const input = await request.json();
  if (!isTour(input)) return Response.json({ message: 'not a tour' }, { status: 422 });
  const { title, description, price_cents, seats, starts_on } = input;
  const rows = await asCaller(request, (tx) =>
    tx.insert(tours).values({ title, description, price_cents, seats, starts_on }).returning());
  return rows ? Response.json(rows[0], { status: 201 }) : Response.json({ message: 'invalid token' }, { status: 401 });
}
