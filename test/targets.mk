# targets.mk: the commands for people. Each is a script of this folder; what they need they install, and say so before.

export PG_CONFIG

.PHONY: run test check lint format coverage bench fuzz fault docs help installcheck

help:
	@echo 'make all            build the extension and build/vyricon'
	@echo 'make install        install both (as root; DESTDIR= and PREFIX= as usual)'
	@echo 'make installcheck   run the pgTAP tests on the database that PGDATABASE and friends name, after setup()'
	@echo 'make uninstall      remove what install installed'
	@echo 'make clean          remove what was built'
	@echo 'make format         lay out the C files with clang-format'
	@echo 'make lint           budgets, directions, symbols, error codes, cppcheck, layout'
	@echo 'make check          unit tests and the pgTAP of what changed, under 60 seconds (ROOM=auth for one room)'
	@echo 'make test           everything'
	@echo 'make coverage       lines covered by make test, per room'
	@echo 'make bench          floor, Vyricon and its peers side by side (QUICK=1: 3 minutes); BENCH=jobs: jobs'
	@echo 'make fuzz           libFuzzer on every parser, valgrind, ThreadSanitizer (FUZZ_SECONDS=600 FUZZ=json,url)'
	@echo 'make fault          kills, cut connections, a full disk, connection storms, overload, jobs (SEED= KILLS= RUNS=)'
	@echo 'make docs           write build/openapi.json'
	@echo 'make run            a private cluster with the tours application on http://127.0.0.1:8000 (HOST= PORT= DATA= RESET=1)'

run:
	@HOST='$(HOST)' PORT='$(PORT)' DATA='$(DATA)' RESET='$(RESET)' test/run

test:
	@test/deps test && test/suite test

# PGXS has a rule of this name that only says no.
ifneq ($(filter check,$(MAKECMDGOALS)),)
check:
	@ROOM='$(ROOM)' test/suite check
endif

lint:
	@test/lint

format:
	clang-format-14 -i $$(find extension shim test -name '*.[ch]' -not -path '*/node_modules/*')

coverage:
	@test/deps test && test/coverage

bench:
	@test/bench/run

docs:
	@test/docs

installcheck:
	@test/installcheck

fault:
	@test/deps test && test/fault/run

# FUZZ= picks parsers, and then only they run.
fuzz:
	@test/deps test && test/deps fuzz && test/fuzz/run
	@[ -n '$(FUZZ)' ] || { test/fuzz/memcheck && test/fuzz/threads; }
