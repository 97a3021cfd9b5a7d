import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const packages = fileURLToPath(new URL('./packages/', import.meta.url));

/** The checks of the repository itself: they read sources and need no build, so they run with the unit tests. */
const repositoryChecks = 'test/architecture.test.ts';

/** Unit tests run on the sources, without a build; the other tests of `test/` run what `tsc -b` built. */
export default defineConfig({
  test: {
    // Vitest leaves one processor to itself, which on two is half of the machine: it needs little.
    maxWorkers: availableParallelism(),
    setupFiles: [fileURLToPath(new URL('./test/support/properties.ts', import.meta.url))],
    projects: [
      {
        extends: true,
        resolve: {
          alias: [
            { find: /^@sallyport\/([a-z]+)$/, replacement: `${packages}$1/src/index.ts` },
            { find: /^@sallyport\/([a-z]+)\/([a-z-]+)$/, replacement: `${packages}$1/src/$2.ts` },
          ],
        },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'bench/**/*.test.ts', 'scripts/**/*.test.ts', repositoryChecks],
          // They say that a test hangs, never that a machine is busy.
          testTimeout: 30_000,
          hookTimeout: 60_000,
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
