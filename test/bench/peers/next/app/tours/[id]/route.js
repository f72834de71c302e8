import { eq } from 'drizzle-orm';
import { asCaller, tours } from '../../../lib/db.mjs';

export async function GET(request, { params }) {
  const id = Number((await params).id);
  const rows = await asCaller(request, (tx) => tx.select().from(tours).where(eq(tours.id, id)));
  if (!rows) return Response.json({ message: 'invalid token' }, { status: 401 });
  return rows.length ? Response.json(rows[0]) : Response.json({ message: 'no such tour' }, { status: 404 });
}
