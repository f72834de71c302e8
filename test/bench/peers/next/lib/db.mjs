/*
 * What the route handlers share: drizzle over a node-postgres pool, and row-level security as drizzle's documentation does it for Supabase:
 * one transaction that sets claims and role locally.
 */
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { bigint, boolean, date, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import { jwtVerify } from 'jose';
import pg from 'pg';

const db = drizzle(new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 }));
/* Imported once: jose would otherwise import the bytes for every token. */
const secret = crypto.subtle.importKey('raw', new TextEncoder().encode(process.env.VYRICON_JWT_SECRET), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);

export const tours = pgTable('tours', {
  id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
  user_id: uuid('user_id').notNull().default(sql`auth.uid()`),
  title: text('title').notNull(),
  description: text('description'),
  price_cents: integer('price_cents').notNull(),
  seats: integer('seats').notNull(),
  starts_on: date('starts_on').notNull(),
  published: boolean('published').notNull().default(false),
  created_at: timestamp('created_at', { withTimezone: true, mode: 'string' }).notNull().defaultNow(),
});

/* Runs work(transaction) as the bearer of the request's token; null: the token is not valid. */
export async function asCaller(request, work) {
  let claims;
  try {
    claims = (await jwtVerify(request.headers.get('authorization')?.slice(7) ?? '', await secret, { audience: 'authenticated' })).payload;
  } catch {
    return null;
  }
  return db.transaction(async (tx) => {
    await tx.execute(sql`SELECT set_config('request.jwt.claims', ${JSON.stringify(claims)}, true), set_config('role', 'authenticated', true)`);
    return work(tx);
  });
}
