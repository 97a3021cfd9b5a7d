/** Programs that use the sources of this folder, for tests that end a process at any moment. */
import { fileURLToPath } from 'node:url';

/** The words that follow `node`; `body` has `open(byte)`, `sealingOf(byte)` and `directory`, its first argument. */
export function program(body: string): string[] {
  const module = (name: string): string => JSON.stringify(new URL(`../${name}`, import.meta.url).href);
  const code = `
    import { registerHooks } from 'node:module';
    const packages = ${JSON.stringify(fileURLToPath(new URL('../../../../', import.meta.url)))};
    registerHooks({ resolve: (specifier, context, next) =>
      next(specifier.replace(/^@sallyport\\/(\\w+)$/, (_, name) => 'file://' + packages + name + '/src/index.ts'), context) });
    const { createFileSecrets } = await import(${module('file.ts')});
    const { sealingOf } = await import(${module('testing/sealing.ts')});
    const directory = process.argv[1];
    const open = (byte) => createFileSecrets({ directory, openSealing: async () => sealingOf(byte), now: Date.now, say: () => undefined });
    ${body}`;
  return ['--input-type=module', '-e', code];
}
