# lib.sh: what deps, with-server, run, suite and coverage share: words, users, ports, a private cluster and the shim in front of it.
# The caller is bash with set -eu. As root, servers run as user postgres; otherwise as the caller. Nothing here stops what it did not start.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started_at=$SECONDS
unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL # DATA= and friends are ours here, and something else to the build
SUDO=
[ "$(id -u)" = 0 ] || SUDO=sudo

have() { command -v "$1" >/dev/null 2>&1; }
say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }
sudo_if_needed() { ${SUDO:+$SUDO} "$@"; }

# step WORDS COMMAND...: one line with its time; when it fails, the command, its last lines and what to do.
# In a subshell of its own, because a function called in a condition would go on after an error.
step() {
	local words=$1 log from=$SECONDS status=0
	shift
	log=$(mktemp)
	(set -e; "$@") >"$log" 2>&1 </dev/null &
	step_pid=$!
	wait $step_pid || status=$?
	step_pid=
	if [ $status -ne 0 ]
	then
		printf '\nfailed: %s\n  command: %s\n' "$words" "$*" >&2
		tail -n 25 "$log" | sed 's/^/  | /' >&2
		printf '  %s\n' "${advice:-The whole output: $log. Mend what it names and run the same command again.}" >&2
		exit $status
	fi
	rm -f "$log"
	[ -n "${quiet:-}" ] || printf '  %-48s %3d s\n' "$words" $((SECONDS - from))
}

# Servers of a root shell run as postgres: the database refuses to run as root. setpriv, unlike su, leaves no parent process between.
# Under root, what is built belongs to the owner of the checkout.
as_server=() as_builder=()
if [ "$(id -u)" = 0 ]
then
	as_server=(setpriv --reuid postgres --regid postgres --init-groups env -C / HOME=/tmp ${VYRICON_GCOV_PREFIX:+"GCOV_PREFIX=$VYRICON_GCOV_PREFIX"})
	owner=$(stat -c %u "$root")
	[ "$owner" = 0 ] || as_builder=(setpriv --reuid "$owner" --regid "$(stat -c %g "$root")" --clear-groups env "HOME=$root")
fi

free_port() {
	local port=${1:-0}
	while [ "$port" = 0 ] || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
	do port=$((20000 + RANDOM % 12000))
	done
	echo "$port"
}

random_word() { head -c 18 /dev/urandom | base64 | tr '+/' 'ab'; }

# wait_for SECONDS PID COMMAND...: until the command succeeds; fails when the process ends first or the time is over.
wait_for() {
	local until=$((SECONDS + $1)) pid=$2
	shift 2
	until "$@" >/dev/null 2>&1
	do
		kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $until ] || return 1
		sleep 0.05
	done
}

# The system's node where it is new enough, otherwise the one of test/e2e.
node_bin() {
	local version
	version=$(node --version 2>/dev/null | sed 's/v\([0-9]*\).*/\1/' || true)
	if [ "${version:-0}" -ge 22 ]; then command -v node; else echo "$root/test/e2e/node_modules/.bin/node"; fi
}

bindir() { "${PG_CONFIG:-pg_config}" --bindir; }
libdir() { "${PG_CONFIG:-pg_config}" --pkglibdir; }

build() { "${as_builder[@]}" make -s -C "$root" all; }

# cluster_install: lay what is built into the cluster's own folder, where its user can read it.
cluster_install() {
	make -s -C "$root" install DESTDIR="$cluster/stage"
	chmod -R a+rX "$cluster/stage"
}

# cluster_create DIR: a data folder that only its owner reads; the superuser's password is in DIR/password.
cluster_create() {
	cluster=$1
	mkdir -p "$cluster"
	chmod 700 "$cluster"
	(umask 077; random_word >"$cluster/password")
	[ -n "$SUDO" ] || chown postgres:postgres "$cluster" "$cluster/password"
	"${as_server[@]}" "$(bindir)/initdb" -D "$cluster/data" -U postgres --auth-local=trust --auth-host=scram-sha-256 --pwfile="$cluster/password" \
		--encoding=UTF8 --locale=C.UTF-8 --no-sync --no-instructions >/dev/null
	head -c 32 /dev/urandom >"$cluster/root_key"
	chmod 600 "$cluster/root_key"
	[ -n "$SUDO" ] || chown postgres:postgres "$cluster/root_key"
}

# cluster_settings [NAME=VALUE...]: what belongs to this start, in a file of its own.
cluster_settings() {
	local setting
	{
		cat <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$socket_dir'
extension_destdir = '$cluster/stage'
dynamic_library_path = '$cluster/stage$(libdir):\$libdir'
shared_preload_libraries = 'vyricon'
vyricon.root_key_file = '$cluster/root_key'
timezone = 'UTC'
log_line_prefix = '%m [%p] %u '
CONF
		for setting in "$@"
		do printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
		done
	} >"$cluster/vyricon.conf"
	chmod 644 "$cluster/vyricon.conf"
	grep -q vyricon.conf "$cluster/data/postgresql.conf" || echo "include '$cluster/vyricon.conf'" >>"$cluster/data/postgresql.conf"
}

# A socket's path has at most 107 bytes: a deep folder needs a short one elsewhere.
cluster_socket_dir() {
	socket_dir=$cluster
	if [ ${#socket_dir} -gt 80 ]
	then
		socket_dir=$(mktemp -d /tmp/vyricon.XXXXXX)
		[ -n "$SUDO" ] || chown postgres:postgres "$socket_dir"
	fi
}

# cluster_start: on $db_port, or on another one when somebody takes it meanwhile. POSTGRES: what to run as the server (test/fuzz/memcheck).
cluster_start() {
	local try
	for try in 1 2 3 4 5
	do
		"${as_server[@]}" "$(bindir)/pg_ctl" start -s -w -t 120 -D "$cluster/data" -l "$cluster/server.log" -o "-p $db_port" ${POSTGRES:+-p "$POSTGRES"} && break
		grep -q 'could not bind\|Address already in use' "$cluster/server.log" && [ "$try" -lt 5 ] || { tail -n 25 "$cluster/server.log"; return 1; }
		db_port=$(free_port)
	done
	cluster_running=1
}

cluster_stop() {
	[ -n "${cluster_running:-}" ] || return 0
	cluster_running=
	"${as_server[@]}" "$(bindir)/pg_ctl" stop -s -m fast -w -t 60 -D "$cluster/data" || "${as_server[@]}" "$(bindir)/pg_ctl" stop -s -m immediate -D "$cluster/data" || true
}

# sql [PSQL ARGUMENT...]: as superuser over the socket, which is inside the private folder.
sql() { PGOPTIONS='-c client_min_messages=warning' "${as_server[@]}" "$(bindir)/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$socket_dir" -p "$db_port" -U postgres -d "${database:-postgres}" "$@"; }

# serve_start HOST PORT [FLAG...]: the shim in front of the database; ready, or alive when there is nothing to be ready for.
serve_start() {
	local host=$1 port=$2 condition=${ready_path:-/ready}
	shift 2
	admin_port=$(free_port)
	"${as_server[@]}" "$vyricon_bin" serve --host "$host" --port "$port" --admin-port "$admin_port" \
		--database "host=$socket_dir port=$db_port dbname=$database user=vyricon_shim" "$@" >"$cluster/shim.log" 2>&1 </dev/null &
	shim_pid=$!
	wait_for 30 $shim_pid curl -fsS "http://127.0.0.1:$admin_port$condition" && return 0
	tail -n 25 "$cluster/shim.log" "$cluster/server.log" >&2
	return 1
}

# readable_folder FOLDER: itself, or a copy inside the cluster's folder when the server's user cannot read it.
readable_folder() {
	if "${as_server[@]}" ls "$1" >/dev/null 2>&1; then realpath "$1"; return; fi
	rm -rf "$cluster/static"
	cp -r "$1" "$cluster/static"
	chmod -R a+rX "$cluster/static"
	echo "$cluster/static"
}

serve_stop() {
	[ -n "${shim_pid:-}" ] || return 0
	kill -TERM "$shim_pid" 2>/dev/null || true
	wait "$shim_pid" 2>/dev/null || true
	shim_pid=
}
