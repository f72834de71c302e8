/*
 * The hand-written peer: Fastify and node-postgres, one process, as their documentation advises for production:
 * a pool (its default of 10 connections), named (prepared) statements, a response schema for Fastify's serializer, a cached token verifier,
 * logging off, row-level security by a transaction with local claims and role.
 */
import Fastify from 'fastify';
import files from '@fastify/static';
import pg from 'pg';
import { createVerifier } from 'fast-jwt';

pg.types.setTypeParser(pg.types.builtins.INT8, Number);
/* Dates go out as PostgreSQL writes them; parsing them into Date objects and back would only cost. */
for (const oid of [pg.types.builtins.DATE, pg.types.builtins.TIMESTAMPTZ])
  pg.types.setTypeParser(oid, (text) => text);

const pool = new pg.Pool({ connectionString: process.env.BENCH_DATABASE_URL, max: 10 });
const verify = createVerifier({ key: process.env.VYRICON_JWT_SECRET, algorithms: ['HS256'], allowedAud: 'authenticated', cache: 2000 });
const app = Fastify({ logger: false });

const columns = 'id, user_id, title, description, price_cents, seats, starts_on, published, created_at';
const statements = {
  identify: {
    name: 'identify',
    text: "SELECT set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true)",
  },
  one: { name: 'one', text: `SELECT ${columns} FROM tours WHERE id = $1` },
  list: { name: 'list', text: `SELECT ${columns} FROM tours ORDER BY created_at DESC, id DESC LIMIT 20` },
  create: {
    name: 'create',
    text: `INSERT INTO tours (title, description, price_cents, seats, starts_on) VALUES ($1, $2, $3, $4, $5) RETURNING ${columns}`,
  },
};

const tour = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    user_id: { type: 'string' },
    title: { type: 'string' },
    description: { type: 'string' },
    price_cents: { type: 'integer' },
    seats: { type: 'integer' },
    starts_on: { type: 'string' },
    published: { type: 'boolean' },
    created_at: { type: 'string' },
  },
};
const newTour = {
  type: 'object',
  required: ['title', 'price_cents', 'seats', 'starts_on'],
  additionalProperties: false,
  properties: {
    title: { type: 'string', minLength: 3, maxLength: 200 },
    description: { type: 'string', maxLength: 5000 },
    price_cents: { type: 'integer', minimum: 0 },
    seats: { type: 'integer', minimum: 1, maximum: 1000 },
    starts_on: { type: 'string', format: 'date' },
  },
};

async function asCaller(request, statement, values) {
  let claims;
  try {
    claims = verify(request.headers.authorization?.slice(7));
  } catch {
    throw Object.assign(new Error('invalid token'), { statusCode: 401 });
  }
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({ ...statements.identify, values: [JSON.stringify(claims)] });
    const { rows } = await client.query({ ...statements[statement], values });
    await client.query('COMMIT');
    return rows;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

app.get('/tours/:id', { schema: { response: { 200: tour } } }, async (request, reply) => {
  const [row] = await asCaller(request, 'one', [request.params.id]);
  return row ?? reply.code(404).send({ message: 'no such tour' });
});

app.get('/tours', { schema: { response: { 200: { type: 'array', items: tour } } } }, (request) => asCaller(request, 'list', []));

app.post('/tours', { schema: { body: newTour, response: { 201: tour } } }, async (request, reply) => {
  const { title, description, price_cents, seats, starts_on } = request.body;
  const [row] = await asCaller(request, 'create', [title, description, price_cents, seats, starts_on]);
  return reply.code(201).send(row);
});

app.register(files, { root: process.env.BENCH_STATIC });

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
