/** What `add`, `remove`, `enable`, `disable` and `allow` share: edit the file's text, check it, write it whole. */
import { checkDraft, draftOf } from '../config/check-text.ts';
import { editConfig, type Edit } from '../config/edit.ts';
import { findConfig, firstConfigPath } from '../config/find.ts';
import { configFormat } from '../config/load.ts';
import { configError, ConfigError } from '../config/problems.ts';
import { maxFileBytes } from '../config/source.ts';
import { configHash, lockPath } from '../config/trust.ts';
import { trustStore } from './configuration.ts';
import type { CliContext, GlobalOptions } from './context.ts';
import { note } from './output.ts';

/**
 * Edits the configuration that `serve` would use; gives its path. A file that was trusted before stays trusted: the change
 * is the user's own. Throws ConfigError and leaves the file alone when the server would not load.
 */
export async function editFile(context: CliContext, globals: GlobalOptions, edit: Edit): Promise<string> {
  return (await changeFile(context, globals, edit)).path;
}

/** The same, and whether there was anything to change. */
export async function changeFile(
  context: CliContext,
  globals: GlobalOptions,
  edit: Edit,
): Promise<{ readonly path: string; readonly changed: boolean }> {
  return await changeAll(context, globals, [edit]);
}

/** Several edits at once: all of them, or none. */
export async function changeAll(
  context: CliContext,
  globals: GlobalOptions,
  edits: readonly Edit[],
): Promise<{ readonly path: string; readonly changed: boolean }> {
  const { files } = context;
  if (edits.some(({ kind }) => kind === 'add' || kind === 'put')) await createFirst(context, globals);
  const { path } = await findConfig({ ...context, file: globals.config, exists: files.exists });
  const format = configFormat(path);
  const { realPath } = await files.checkTrusted(path);
  const before = await files.read(realPath, maxFileBytes);
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(before);
  const draft = await draftOf(path, text, format);
  // An unreadable file cannot be edited; one with a wrong key can, or nobody could remove what is wrong.
  if (draft.source.value === undefined || draft.source.problems.length > 0) throw configError(draft.problems);
  const after = edits.reduce((changed, edit) => editConfig(changed, format, edit), text);
  const checked = checkDraft(await draftOf(path, after, format), { env: context.env, files: new Map() });
  const strict = new Set(edits.filter(({ kind }) => kind === 'add' || kind === 'allow').map(({ name }) => name));
  const own = checked.problems.filter((problem) => strict.has(String(problem.path[1])));
  if (own.length > 0) throw new ConfigError(own.map(({ message }) => message).join('\n'), own);
  if (after === text) return { path, changed: false };
  const store = await trustStore(context);
  const lock = (await files.exists(lockPath(path))) ? await files.read(lockPath(path), maxFileBytes * 8) : undefined;
  const wasTrusted = await store.isTrusted(path, configHash(before, lock));
  await files.replace(realPath, after);
  if (wasTrusted) await store.trust(path, configHash(new TextEncoder().encode(after), lock));
  return { path, changed: true };
}

/** The first server needs a file to stand in: the user's own, when there is none anywhere. */
export async function createFirst(context: CliContext, globals: GlobalOptions): Promise<void> {
  const { files } = context;
  const path = firstConfigPath({ ...context, file: globals.config });
  if (path === undefined) return;
  const options = { ...context, file: undefined, exists: files.exists };
  const isThere = await findConfig(options).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  await files.create(
    path,
    '# Servers of Sallyport. `sallyport config schema` prints what may stand here.\nmcpServers: {}\n',
  );
  note(context, `wrote a first configuration: ${path}`);
}
