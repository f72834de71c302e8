import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/* Compression is the proxy's, as Next's documentation advises behind one; the root is named because other lock files stand above this folder. */
export default { compress: false, poweredByHeader: false, outputFileTracingRoot: here, turbopack: { root: here } };
