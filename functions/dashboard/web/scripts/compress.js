// Lays a `.br` and a `.gz` beside each built file worth it, so that nothing is compressed while somebody waits.
// Prints what the first view costs.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const DIST = new URL('../dist/', import.meta.url).pathname;
const SMALLEST_BYTES = 1024;

const sizes = new Map();
for (const name of readdirSync(DIST, { recursive: true, encoding: 'utf8' })) {
  if (!/\.(html|js|css|svg|json)$/.test(name)) continue;
  const bytes = readFileSync(join(DIST, name));
  sizes.set(name, bytes.length);
  if (bytes.length <= SMALLEST_BYTES) continue;
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  writeFileSync(join(DIST, `${name}.br`), brotli);
  writeFileSync(join(DIST, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  sizes.set(name, brotli.length);
}

const html = readFileSync(join(DIST, 'index.html'), 'utf8');
const isFirst = (name) => name === 'index.html' || html.includes(name);
for (const [name, size] of [...sizes].sort()) {
  console.log(`${isFirst(name) ? 'first view' : 'later     '} ${String(size).padStart(7)} B  ${name}`);
}
const script = [...sizes].filter(([name]) => name.endsWith('.js') && isFirst(name));
console.log(`script of the first view: ${script.reduce((sum, [, size]) => sum + size, 0)} B compressed`);
