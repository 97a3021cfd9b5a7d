import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`./packages/${path}/src/index.ts`, import.meta.url));

/** Unit tests run on the sources, without a build; `test/` runs what `tsc -b` built. */
export default defineConfig({
  resolve: {
    alias: {
      '@sallyport/wire': source('wire'),
      '@sallyport/host': source('host'),
      '@sallyport/server': source('server'),
      '@sallyport/client': source('client'),
    },
  },
  test: {
    projects: [
      { extends: true, test: { name: 'unit', include: ['packages/*/src/**/*.test.ts', 'bench/**/*.test.ts'] } },
      { extends: true, test: { name: 'e2e', include: ['test/**/*.test.ts'], testTimeout: 30_000, hookTimeout: 60_000 } },
    ],
  },
});
