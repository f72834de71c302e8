/*
 * static.c: one folder of files, at the paths where they are.
 *
 * The folder is read into a table of paths, so that a request costs a hash probe and a path that is no file costs no system call. A file is
 * loaded when it is first asked for, and its time is looked at again once a second; new names are found at SIGHUP. Symbolic links and names
 * that start with a dot are passed over, so nothing outside the folder can be reached.
 */
#include "options.h"
#include "shim.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/media.h"
#include "base/url.h"

#define SLOTS 4096
#define MAX_PATH 1024
#define MAX_DEPTH 16
#define IN_MEMORY (1 << 20)
#define CHECK_EVERY_US 1000000

typedef struct File
{
	struct File *next; /* of this hash slot */
	struct MHD_Response *whole;
	struct MHD_Response *unchanged; /* 304 */
	int64_t checked_us;
	struct timespec mtime;
	off_t size;
	char etag[48];
	char path[]; /* as in a decoded URL: "/docs/index.html" */
} File;

struct VyStatic
{
	int fd;
	File *slots[SLOTS];
};

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static void
add_file(VyStatic *files, const char *path)
{
	size_t n = strlen(path);
	File *file = calloc(1, sizeof(*file) + n + 1);
	unsigned slot = vy_hash(vy_str(path, n)) % SLOTS;
	if (!file)
		return;
	memcpy(file->path, path, n);
	file->next = files->slots[slot];
	files->slots[slot] = file;
}

static void
read_folder(VyStatic *files, const char *path, int depth)
{
	int fd = openat(files->fd, *path ? path + 1 : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir && fd >= 0)
		close(fd);
	for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
	{
		char child[MAX_PATH];
		struct stat st;
		if (entry->d_name[0] == '.' || snprintf(child, sizeof(child), "%s/%s", path, entry->d_name) >= (int) sizeof(child) ||
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < MAX_DEPTH)
			read_folder(files, child, depth + 1);
		else if (S_ISREG(st.st_mode))
			add_file(files, child);
	}
	if (dir)
		closedir(dir);
}

static void
drop_responses(File *file)
{
	if (file->whole)
		MHD_destroy_response(file->whole);
	if (file->unchanged)
		MHD_destroy_response(file->unchanged);
	file->whole = file->unchanged = NULL;
}

static void
forget_all(VyStatic *files)
{
	for (int i = 0; i < SLOTS; i++)
		while (files->slots[i])
		{
			File *file = files->slots[i];
			files->slots[i] = file->next;
			drop_responses(file);
			free(file);
		}
}

void
vy_static_reload(VyStatic *files)
{
	if (!files)
		return;
	forget_all(files);
	read_folder(files, "", 0);
}

VyStatic *
vy_static_new(const char *folder)
{
	VyStatic *files = folder ? calloc(1, sizeof(*files)) : NULL;
	if (!files)
		return NULL;
	files->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->fd < 0)
	{
		vy_log_event("no_static_folder", "%s", "");
		free(files);
		return NULL;
	}
	read_folder(files, "", 0);
	return files;
}

void
vy_static_free(VyStatic *files)
{
	if (files)
	{
		forget_all(files);
		close(files->fd);
	}
	free(files);
}

static bool
add_file_headers(struct MHD_Response *response, const File *file)
{
	VyHeader headers[VY_MEDIA_HEADERS];
	size_t n = vy_media_headers(headers, vy_cstr(file->path), vy_cstr(file->etag));
	return response && vy_answer_headers(response, headers, n);
}

static struct MHD_Response *
read_whole(int fd, size_t size)
{
	char *bytes = malloc(size > 0 ? size : 1);
	size_t n = 0;
	while (bytes && n < size)
	{
		ssize_t got = read(fd, bytes + n, size - n);
		if (got <= 0)
			break;
		n += (size_t) got;
	}
	if (bytes && n == size)
		return MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
	free(bytes);
	return NULL;
}

static bool
load(VyStatic *files, File *file)
{
	int fd = openat(files->fd, file->path + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	drop_responses(file);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
	{
		if (fd >= 0)
			close(fd);
		return false;
	}
	file->mtime = st.st_mtim;
	file->size = st.st_size;
	snprintf(file->etag, sizeof(file->etag), "\"%llx-%llx%08lx\"", (unsigned long long) st.st_size, (unsigned long long) st.st_mtim.tv_sec,
			 (unsigned long) st.st_mtim.tv_nsec);
	/* a large file stays open, to be sent by the kernel */
	file->whole = st.st_size > IN_MEMORY ? MHD_create_response_from_fd64((uint64_t) st.st_size, fd) : read_whole(fd, (size_t) st.st_size);
	if (st.st_size <= IN_MEMORY)
		close(fd);
	file->unchanged = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (add_file_headers(file->whole, file) && add_file_headers(file->unchanged, file))
		return true;
	drop_responses(file);
	return false;
}

static File *
find_file(VyStatic *files, VyStr path)
{
	char decoded[MAX_PATH];
	size_t n;
	if (!vy_url_file(decoded, sizeof(decoded), &n, path))
		return NULL;
	for (File *file = files->slots[vy_hash(vy_str(decoded, n)) % SLOTS]; file; file = file->next)
		if (strlen(file->path) == n && memcmp(file->path, decoded, n) == 0)
			return file;
	return NULL;
}

/* Whether the file can be answered from, loading it when it is new or has changed. */
static bool
refresh(VyStatic *files, File *file, int64_t now_us)
{
	struct stat st;
	if (file->whole && now_us - file->checked_us < CHECK_EVERY_US)
		return true;
	file->checked_us = now_us;
	if (file->whole && fstatat(files->fd, file->path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		same_time(st.st_mtim, file->mtime) && st.st_size == file->size)
		return true;
	return load(files, file);
}

/* False: there is no such file. */
bool
vy_static_answer(VyStatic *files, VyRequest *request, struct MHD_Connection *connection, enum MHD_Result *result)
{
	int64_t now_us = request->loop->now_us;
	const char *known;
	bool unchanged;
	File *file;
	if (!files || request->method[0] == 'O')
		return false;
	file = find_file(files, vy_str(request->target, request->path_len));
	if (!file || !refresh(files, file, now_us))
		return false;
	known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "if-none-match");
	unchanged = known && (strstr(known, file->etag) || strcmp(known, "*") == 0);
	*result = vy_queue(connection, unchanged ? 304 : 200, unchanged ? file->unchanged : file->whole);
	request->status = unchanged ? 304 : 200;
	request->answer_bytes = unchanged ? 0 : (size_t) file->size;
	request->phase = VY_PHASE_ANSWERED;
	vy_loop_deadline(request->client, VY_DEADLINE_SEND);
	return true;
}
