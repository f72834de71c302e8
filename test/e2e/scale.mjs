// One backend and very many of something: query shapes, tables. Memory stays where it was, and nothing that is asked often gets slower.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const url = new URL(process.env.DATABASE_URL);
const own = Object.assign(new URL(url), { pathname: '/scale' }).href;
function psql(text, database = own) {
  const { status, stdout, stderr } = spawnSync('psql', ['-qXAt', '-v', 'ON_ERROR_STOP=1', database], { input: text, encoding: 'utf8', maxBuffer: 64 << 20 });
  assert.equal(status, 0, stderr);
  return { lines: stdout.trim().split('\n'), stderr };
}
const sql = (text, database) => psql(text, database).lines;

before(() => {
  sql('CREATE DATABASE scale', url.href);
  sql(`CREATE EXTENSION vyricon; SELECT FROM vyricon.setup();
    CREATE TABLE public.tours (id int PRIMARY KEY, title text, price int, seats int) WITH (autovacuum_enabled = off);
    INSERT INTO public.tours SELECT n, 'Tour ' || n, n, n FROM generate_series(1, 1000) AS n;
    -- Immutable, so it is called when a statement is planned, and only then.
    CREATE FUNCTION public.say_planned(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'planned'; RETURN $1; END $$;
    CREATE VIEW public.hot AS SELECT id, title, public.say_planned(1) AS planned FROM public.tours;
    GRANT SELECT ON public.tours, public.hot TO anon; GRANT EXECUTE ON FUNCTION public.say_planned TO anon; GRANT USAGE ON SCHEMA public TO anon`);
});
after(() => sql('DROP DATABASE scale WITH (FORCE)', url.href));

// Every fiftieth request is the hot shape; the others are each a shape that nobody asked for before.
const shapes = `
  CREATE PROCEDURE pg_temp.ask(first int, last int) LANGUAGE plpgsql AS $$
  BEGIN
    FOR n IN first .. last LOOP
      IF (vyricon.http('GET', '/rest/v1/tours?select=id,c' || n || ':title&id=eq.1')).status <> 200 THEN RAISE 'a shape is refused'; END IF;
      IF n % 50 = 0 AND (vyricon.http('GET', '/rest/v1/hot?select=id,planned&id=eq.1')).status <> 200 THEN RAISE 'the hot shape is refused'; END IF;
      COMMIT;
    END LOOP;
  END $$;
  CREATE FUNCTION pg_temp.usage() RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) || ' ' || substring(pg_read_file('/proc/self/status') FROM 'VmRSS:\\s+(\\d+)') $$;`;

test('100,000 query shapes in one backend: memory contexts and RSS grow by less than 2 MiB between the thousandth and the last, and a hot shape keeps its plan', () => {
  const { lines, stderr } = psql(`${shapes}
    CALL pg_temp.ask(1, 1000);
    SELECT pg_temp.usage();
    CALL pg_temp.ask(1001, 100000);
    SELECT pg_temp.usage();`);
  const [early, late] = lines.map((line) => line.split(' ').map(Number));
  const planned = stderr.match(/NOTICE: +planned/g).length;
  assert.ok(late[0] - early[0] < 2 << 20, `contexts: ${early[0]} bytes, then ${late[0]}`);
  assert.ok(late[1] - early[1] < 2048, `RSS: ${early[1]} KiB, then ${late[1]}`);
  assert.ok(planned <= 12, `the hot shape was planned ${planned} times for 2,000 requests`);
});

test('10,000 tables do not slow a request', () => {
  // The best of ten medians: other work on the machine slows some of them.
  const timed = `
    CREATE FUNCTION pg_temp.timed() RETURNS numeric LANGUAGE plpgsql AS $$
    DECLARE times float8[]; began timestamptz; best numeric;
    BEGIN
      FOR batch IN 1 .. 10 LOOP
        times := '{}';
        FOR n IN 1 .. 500 LOOP
          began := clock_timestamp();
          PERFORM vyricon.http('GET', '/rest/v1/tours?select=id,title&id=eq.' || n);
          times := times || extract(epoch FROM clock_timestamp() - began)::float8 * 1e6;
        END LOOP;
        best := least(best, (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(times) AS t));
      END LOOP;
      RETURN best;
    END $$;
    SELECT pg_temp.timed();`;
  const few = Number(sql(timed)[0]);
  sql(`DO $$ BEGIN FOR n IN 1 .. 10000 LOOP
         EXECUTE format('CREATE TABLE public.many_%s (id int, title text)', n); EXECUTE format('GRANT SELECT ON public.many_%s TO anon', n);
         IF n % 500 = 0 THEN COMMIT; END IF;
       END LOOP; END $$`);
  const many = Number(sql(timed)[0]);
  assert.ok(many < few * 2, `${few.toFixed(0)} us with one table, ${many.toFixed(0)} us with 10,000`);
});
