-- An extension script runs with notices off; the setting ends with the script.
DO $notice$
BEGIN
  PERFORM pg_catalog.set_config('client_min_messages', 'notice', true);
  RAISE NOTICE USING MESSAGE = 'Vyricon''s functions are installed', HINT = 'SELECT vyricon.setup(); makes or upgrades its tables.';
  PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
END
$notice$;
