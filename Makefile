# Vyricon: the extension (PGXS), the shim (build/vyricon) and the commands around them. `make help` lists them.

EXTENSION = vyricon
EXTVERSION = 0.1.0
PG_CONFIG ?= pg_config
PREFIX ?= /usr/local

MODULE_big = vyricon
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard extension/*.c extension/*/*.c)))
DATA_built = build/vyricon--$(EXTVERSION).sql

# Server headers count as system headers, so that -Wextra speaks of our code only.
PG_CPPFLAGS = -isystem $(shell $(PG_CONFIG) --includedir-server 2>/dev/null) -Iextension -Ibuild -DVY_VERSION='"$(EXTVERSION)"' \
	-DPGDLLEXPORT='__attribute__((visibility("default")))'
VY_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-declaration-after-statement -fvisibility=hidden
PG_CFLAGS = $(VY_CFLAGS)
SHLIB_LINK = -lcrypto -lcurl

EXTRA_CLEAN = build/vyricon build/shim build/steps.inc $(DATA_built)

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(wildcard $(PGXS)),)
# A bare machine: only the commands that install what is missing can run.
HAVE_PGXS = no
else
# No bitcode: nothing of ours is worth inlining by the JIT.
override with_llvm = no
include $(PGXS)
endif

# --- the SQL scripts -------------------------------------------------------------------------------------------------------------------------
INSTALL_SQL = $(sort $(wildcard sql/install/*.sql))
FUNCTION_SQL = $(sort $(wildcard sql/functions/core/*.sql)) $(sort $(filter-out sql/functions/core/%,$(wildcard sql/functions/*/*.sql)))
TABLE_SQL = $(sort $(wildcard sql/tables/*.sql))

build/vyricon--$(EXTVERSION).sql: $(INSTALL_SQL) $(FUNCTION_SQL)
	@mkdir -p build
	{ printf '%s\n' '\echo Use "CREATE EXTENSION vyricon" to load this file. \quit'; cat $(INSTALL_SQL) $(FUNCTION_SQL); } > $@.tmp && mv $@.tmp $@

# Each step of sql/tables as a row {"010_name", "text"} of C.
build/steps.inc: $(TABLE_SQL)
	@mkdir -p build
	for f in $(TABLE_SQL); do printf '{"%s",\n' "$$(basename $$f .sql)"; \
		sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; echo '},'; done > $@.tmp && mv $@.tmp $@

$(OBJS): $(sort $(wildcard extension/*.h extension/*/*.h))
extension/setup/setup.o: build/steps.inc

# --- the shim --------------------------------------------------------------------------------------------------------------------------------
SHIM_SOURCES = $(sort $(wildcard shim/*.c)) $(sort $(wildcard extension/base/*.c))
SHIM_OBJS = $(patsubst %.c,build/shim/%.o,$(SHIM_SOURCES))
SHIM_CFLAGS = -O2 -g $(VY_CFLAGS) -D_GNU_SOURCE -Iextension -Ishim -isystem $(shell $(PG_CONFIG) --includedir 2>/dev/null) -DVY_VERSION='"$(EXTVERSION)"'

all: build/vyricon

build/shim/%.o: %.c $(sort $(wildcard shim/*.h extension/base/*.h))
	@mkdir -p $(@D)
	$(CC) $(SHIM_CFLAGS) $(SHIM_EXTRA_CFLAGS) -c $< -o $@

build/vyricon: $(SHIM_OBJS)
	$(CC) $(SHIM_EXTRA_CFLAGS) $^ -o $@ -L$(shell $(PG_CONFIG) --libdir) -lmicrohttpd -lpq $(SHIM_EXTRA_LIBS)

install: install-shim
install-shim: build/vyricon
	install -D -m 755 build/vyricon '$(DESTDIR)$(PREFIX)/bin/vyricon'

uninstall: uninstall-shim
uninstall-shim:
	rm -f '$(DESTDIR)$(PREFIX)/bin/vyricon'

.PHONY: install-shim uninstall-shim

-include extension/http/docs.mk
-include test/targets.mk
