import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`./packages/${path}/src/index.ts`, import.meta.url));

/** The checks of the repository itself: they read sources and need no build, so they run with the unit tests. */
const repositoryChecks = 'test/architecture.test.ts';

/** Unit tests run on the sources, without a build; the other tests of `test/` run what `tsc -b` built. */
export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        resolve: {
          alias: {
            '@sallyport/wire': source('wire'),
            '@sallyport/host': source('host'),
            '@sallyport/server': source('server'),
            '@sallyport/client': source('client'),
          },
        },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'bench/**/*.test.ts', 'scripts/**/*.test.ts', repositoryChecks],
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/**/*.test.ts'],
          exclude: [repositoryChecks],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
