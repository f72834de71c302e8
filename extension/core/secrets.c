/*
 * secrets.c: vyricon.secrets, AES-256-GCM under the root key of a file (secrets.h).
 *
 * The root key is read once per backend into a page of its own, which is locked, left out of core dumps, and wiped when the backend ends. A
 * nonce is 96 random bits: at a million writes the chance of a repeated one is below 2^-57.
 */
#include "core/secrets.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "core/own.h"
#include "core/query.h"
#include "core/settings.h"
#include "storage/fd.h"
#include "storage/ipc.h"

#define ROOT_KEY_BYTES 32
#define ROOT_KEY_PAGE 4096
#define DEFAULT_FILE "vyricon.key"
#define FORMAT_VERSION 1
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define OVERHEAD (1 + NONCE_BYTES + TAG_BYTES)
#define FINGERPRINT_BYTES 16
#define MAX_NAME 200
#define MAX_USER_SECRET 8192

/* What is bound to a ciphertext: table, column and name, so that it opens in its own place only. */
#define PLACE "vyricon.secrets|value|"

typedef struct Wiped
{
	MemoryContextCallback callback;
	void *p;
	Size n;
} Wiped;

static char *root_key_file;

static const VySetting settings[] = {
	{"vyricon.root_key_file", "File of the key that encrypts vyricon.secrets; empty: vyricon.key in the data directory.", PGC_POSTMASTER,
	 GUC_SUPERUSER_ONLY, PGC_STRING, &root_key_file, "", 0, 0, 0},
};

static uint8 root_key_page[ROOT_KEY_PAGE] __attribute__((aligned(ROOT_KEY_PAGE)));
static bool root_key_loaded;

VY_QUERY(put_secret,
		 .sql = "INSERT INTO vyricon.secrets (name, value, updated_at) VALUES ($1, $2, now())"
				" ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
		 .nargs = 2, .types = {TEXTOID, BYTEAOID}, .expect = SPI_OK_INSERT);

VY_QUERY(get_secret, .sql = "SELECT value FROM vyricon.secrets WHERE name = $1", .nargs = 1, .types = {TEXTOID}, .expect = SPI_OK_SELECT);

static void mac(const uint8 *key, size_t key_n, const uint8 *text, size_t n, uint8 *out);
static bool seal(uint8 *out, const char *name, const uint8 *value, size_t n);
static bool unseal(uint8 *out, const char *name, const uint8 *sealed, size_t n);
static bool bind_place(EVP_CIPHER_CTX *context, const char *name);
static void load_root_key(bool create);
static const char *root_key_path(void);
static void create_root_key(const char *path);
static void read_root_key(int fd);
static void wipe_root_key(int code, Datum arg);
static void wipe_memory(void *arg);

void
vy_secrets_init(void)
{
	VY_SETTINGS_DEFINE(settings);
}

VY_FUNCTION(vyricon_set_secret)
{
	char *name = vy_user_secret(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	text *value = PG_GETARG_TEXT_PP(1);

	if (strlen(name) > MAX_NAME || VARSIZE_ANY_EXHDR(value) == 0 || VARSIZE_ANY_EXHDR(value) > MAX_USER_SECRET)
		ereport(ERROR, (errcode(ERRCODE_VY_INVALID),
						errmsg("a secret's name has at most %d bytes, its value 1 to %d", MAX_NAME, MAX_USER_SECRET)));
	vy_secret_put(name, (const uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_VOID();
}

char *
vy_user_secret(const char *name)
{
	return psprintf("user/%s", name);
}

void
vy_secret_put(const char *name, const uint8 *value, size_t n)
{
	bytea *sealed = palloc(VARHDRSZ + OVERHEAD + n);
	Datum args[2] = {CStringGetTextDatum(name), PointerGetDatum(sealed)};

	load_root_key(false);
	SET_VARSIZE(sealed, VARHDRSZ + OVERHEAD + n);
	if (!seal((uint8 *) VARDATA(sealed), name, value, n))
		elog(ERROR, "libcrypto could not encrypt a secret");
	vy_query_run(&put_secret, args, NULL);
}

bytea *
vy_secret_get(const char *name)
{
	Datum arg = CStringGetTextDatum(name);
	Datum value;
	bool isnull;
	bytea *sealed;
	bytea *secret;
	Wiped *wiped;
	size_t n;

	if (!vy_query_row(&get_secret, &arg, NULL, 1, &value, &isnull) || isnull)
		return NULL;
	load_root_key(false);
	sealed = DatumGetByteaPP(value);
	n = VARSIZE_ANY_EXHDR(sealed);
	secret = palloc(VARHDRSZ + n);
	wiped = palloc(sizeof(Wiped));
	*wiped = (Wiped){{wipe_memory, wiped, NULL}, secret, VARHDRSZ + n};
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &wiped->callback);
	if (!unseal((uint8 *) VARDATA(secret), name, (const uint8 *) VARDATA_ANY(sealed), n))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("secret \"%s\" does not open with the root key of this server", name),
						errhint("It was changed, or comes from a server with another root key: restore that server's key file "
								"(vyricon.root_key_file), or store the secret anew.")));
	SET_VARSIZE(secret, VARHDRSZ + n - OVERHEAD);
	return secret;
}

void
vy_secret_mac(const char *purpose, VyStr text, uint8 out[static 32])
{
	uint8 key[32];

	load_root_key(false);
	mac(root_key_page, ROOT_KEY_BYTES, (const uint8 *) purpose, strlen(purpose), key);
	mac(key, sizeof(key), (const uint8 *) text.p, text.n, out);
	OPENSSL_cleanse(key, sizeof(key));
}

static void
mac(const uint8 *key, size_t key_n, const uint8 *text, size_t n, uint8 *out)
{
	unsigned length = 0;

	if (HMAC(EVP_sha256(), key, (int) key_n, text, n, out, &length) == NULL || length != 32)
		elog(ERROR, "HMAC-SHA-256 failed");
}

char *
vy_root_key_fingerprint(bool create)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *hex = palloc(2 * FINGERPRINT_BYTES + 1);
	pg_cryptohash_ctx *context;
	bool ok;

	load_root_key(create);
	context = pg_cryptohash_create(PG_SHA256);
	ok = context != NULL && pg_cryptohash_init(context) == 0 && pg_cryptohash_update(context, root_key_page, ROOT_KEY_BYTES) == 0 &&
		 pg_cryptohash_final(context, digest, sizeof(digest)) == 0;
	pg_cryptohash_free(context);
	if (!ok)
		elog(ERROR, "SHA-256 failed");
	hex[hex_encode((const char *) digest, FINGERPRINT_BYTES, hex)] = '\0';
	return hex;
}

/* out holds n + OVERHEAD bytes: version, nonce, ciphertext, tag. */
static bool
seal(uint8 *out, const char *name, const uint8 *value, size_t n)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint8 *nonce = out + 1;
	uint8 *text = nonce + NONCE_BYTES;
	int len;
	bool ok;

	out[0] = FORMAT_VERSION;
	ok = n < MaxAllocSize && context != NULL && pg_strong_random(nonce, NONCE_BYTES) &&
		 EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, root_key_page, nonce) == 1 && bind_place(context, name) &&
		 EVP_EncryptUpdate(context, text, &len, value, (int) n) == 1 && (size_t) len == n &&
		 EVP_EncryptFinal_ex(context, text + n, &len) == 1 && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + n) == 1;
	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	return ok;
}

/* out holds n bytes and receives n - OVERHEAD; nothing of it may be used when this says false. */
static bool
unseal(uint8 *out, const char *name, const uint8 *sealed, size_t n)
{
	size_t text_len = n - OVERHEAD;
	const uint8 *nonce = sealed + 1;
	const uint8 *text = nonce + NONCE_BYTES;
	EVP_CIPHER_CTX *context;
	int len;
	bool ok;

	if (n < OVERHEAD || sealed[0] != FORMAT_VERSION)
		return false;
	context = EVP_CIPHER_CTX_new();
	ok = context != NULL && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, root_key_page, nonce) == 1 && bind_place(context, name) &&
		 EVP_DecryptUpdate(context, out, &len, text, (int) text_len) == 1 &&
		 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, (void *) (text + text_len)) == 1 &&
		 EVP_DecryptFinal_ex(context, out + text_len, &len) == 1;
	EVP_CIPHER_CTX_free(context);
	ERR_clear_error();
	return ok;
}

static bool
bind_place(EVP_CIPHER_CTX *context, const char *name)
{
	int len;

	return EVP_CipherUpdate(context, NULL, &len, (const uint8 *) PLACE, sizeof(PLACE) - 1) == 1 &&
		   EVP_CipherUpdate(context, NULL, &len, (const uint8 *) name, (int) strlen(name)) == 1;
}

static void
load_root_key(bool create)
{
	const char *path = root_key_path();
	int fd;

	if (root_key_loaded)
		return;
	fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | PG_BINARY);
	if (fd < 0 && errno == ENOENT && create)
	{
		create_root_key(path);
		fd = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | PG_BINARY);
	}
	if (fd < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open the root key file: %m"),
						errhint("SELECT vyricon.setup() makes it; a restored database needs the file of the server it comes from "
								"(vyricon.root_key_file).")));
	read_root_key(fd);
	CloseTransientFile(fd);
}

static const char *
root_key_path(void)
{
	return root_key_file != NULL && root_key_file[0] != '\0' ? root_key_file : psprintf("%s/" DEFAULT_FILE, DataDir);
}

/* Exclusive, so that two of them never race: the loser of two setup() fails and repeats. */
static void
create_root_key(const char *path)
{
	uint8 key[ROOT_KEY_BYTES];
	char *folder = pstrdup(path);
	int fd;
	bool written;

	if (!pg_strong_random(key, sizeof(key)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make random bytes")));
	fd = OpenTransientFilePerm(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | PG_BINARY, S_IRUSR | S_IWUSR);
	if (fd < 0)
	{
		OPENSSL_cleanse(key, sizeof(key));
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not create the root key file: %m"),
						errhint("vyricon.root_key_file must name a file in a folder that the server may write.")));
	}
	written = write(fd, key, sizeof(key)) == sizeof(key) && pg_fsync(fd) == 0;
	OPENSSL_cleanse(key, sizeof(key));
	CloseTransientFile(fd);
	if (!written)
	{
		(void) unlink(path);
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not write the root key file: %m")));
	}
	get_parent_directory(folder);
	fsync_fname(folder[0] ? folder : ".", true);
}

static void
read_root_key(int fd)
{
	struct stat info;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY), errmsg("the root key is not a regular file")));
	if (info.st_uid != geteuid() || (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY), errmsg("the root key file is open to others"),
						errhint("The file of vyricon.root_key_file must belong to the server's user, with mode 0600.")));
	(void) mlock(root_key_page, sizeof(root_key_page));
	(void) madvise(root_key_page, sizeof(root_key_page), MADV_DONTDUMP);
	if (info.st_size != ROOT_KEY_BYTES || read(fd, root_key_page, ROOT_KEY_BYTES) != ROOT_KEY_BYTES)
		ereport(ERROR, (errcode(ERRCODE_VY_NOT_READY), errmsg("the root key file does not hold %d bytes", ROOT_KEY_BYTES)));
	on_proc_exit(wipe_root_key, (Datum) 0);
	root_key_loaded = true;
}

static void
wipe_root_key(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	OPENSSL_cleanse(root_key_page, sizeof(root_key_page));
	root_key_loaded = false;
}

static void
wipe_memory(void *arg)
{
	Wiped *wiped = arg;

	OPENSSL_cleanse(wiped->p, wiped->n);
}
