/** The changes of the configuration that the admin API makes, each as another text of the file; comments stay. */

import type { JsonObject, JsonValue } from '@sallyport/wire';
import { AdminError, type AdminSource, type ConfigEdit } from '../admin/index.ts';
import type { Changed, ConfigFile, Rewrite } from './admin-config.ts';
import type { History, HistoryEntry } from './admin-history.ts';
import { isReplaceable, mergeChanges, readServer, readServerChanges, readSettings } from './admin-written.ts';
import type { Change, Edit } from '../config/edit.ts';
import { readSource, type Format } from '../config/source.ts';
import { LOCAL } from './local.ts';

type ConfigActs = Pick<
  AdminSource,
  'add' | 'edition' | 'history' | 'historyEntry' | 'patch' | 'patchConfig' | 'put' | 'remove' | 'restoreConfig'
>;

export interface ConfigActsOptions {
  /** Undefined: the configuration was given on the command line. */
  readonly file: ConfigFile | undefined;
  readonly history: History | undefined;
  /** Names in force. */
  readonly servers: () => readonly string[];
}

export function configActs({ file, history, servers }: ConfigActsOptions): ConfigActs {
  const change = (rewrite: Rewrite, how: ConfigEdit): Promise<Changed> => there(file).change(rewrite, how);
  const isKnown = (name: string): boolean => servers().some((each) => each.toLowerCase() === name.toLowerCase());
  const known = (name: string): void => {
    if (!servers().includes(name)) throw notFound('server', name);
  };
  const put = async (name: string, server: JsonValue | undefined, how: ConfigEdit): Promise<unknown> => {
    const value = readServer(server);
    return await change(putServer(name, value), how);
  };
  return {
    edition: async () => await file?.edition(),
    add: async (name, server, how) => {
      if (isKnown(name)) throw new AdminError(409, 'name_taken', 'There is a server of this name already.');
      return await put(name, server, how);
    },
    put: async (name, server, how) => await put(name, server, how),
    patch: async (name, changes, how) => {
      known(name);
      return await change(patchServer(name, readServerChanges(changes)), how);
    },
    remove: async (name, how) => {
      known(name);
      return await change(edited({ kind: 'remove', name }), how);
    },
    patchConfig: async (changes, how) => await change(patchRoot(readSettings(changes)), how),
    history: async () => ({ history: await there(history).list() }),
    historyEntry: async (id) => {
      const { text, ...entry } = await entryOf(history, id);
      // What would be, not what may be: nobody does it.
      const how = { mayCommand: true, confirm: undefined, isTrial: true, by: LOCAL, action: '' };
      const { diff } = await change(() => text, how).catch(refusedDiff);
      return { ...entry, toRestore: diff };
    },
    restoreConfig: async (id, how) => {
      const { text } = await entryOf(history, id);
      return await change(restored(text), how);
    },
  };
}

/** What keeps it from being restored here says what would change, too. */
function refusedDiff(error: unknown): { readonly diff: unknown } {
  if (error instanceof AdminError && error.more['diff'] !== undefined) return { diff: error.more['diff'] };
  throw error;
}

async function entryOf(history: History | undefined, id: string): Promise<HistoryEntry & { readonly text: string }> {
  const entry = await there(history).get(id);
  if (entry === undefined) throw notFound('edition', id);
  return entry;
}

function there<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new AdminError(409, 'no_file', 'The configuration was given on the command line: there is no file to change.');
}

function notFound(what: string, name: string): AdminError {
  return new AdminError(404, 'not_found', `There is no ${what} ${JSON.stringify(name)}.`);
}

// They bring the editors of all formats: no start pays for them.

function edited(edit: Edit): Rewrite {
  return async (text, format) => (await import('../config/edit.ts')).editConfig(text, format, edit);
}

async function changedText(
  text: string,
  format: Format,
  changes: (root: string, servers: Readonly<Record<string, unknown>>) => readonly Change[],
): Promise<string> {
  if (format === 'toml') throw new AdminError(409, 'toml', 'TOML files are not rewritten: change it in the file.');
  return (await import('../config/edit.ts')).changeConfig(text, format, changes);
}

function putServer(name: string, server: JsonObject): Rewrite {
  return (text, format) =>
    changedText(text, format, (root, servers) => {
      const before = Object.hasOwn(servers, name) ? servers[name] : undefined;
      if (before === undefined) return [{ path: [root, name], value: server }];
      if (!isReplaceable(before))
        throw new AdminError(
          409,
          'file_only',
          'The file says of this server what cannot be written over this API (files, folders, logins, `${…}`): change it there, or remove it first.',
        );
      return JSON.stringify(before) === JSON.stringify(server) ? [] : [{ path: [root, name], value: server }];
    });
}

function patchServer(name: string, changes: JsonObject): Rewrite {
  const { enabled, ...rest } = changes;
  return async (text, format) => {
    const kind = enabled === false ? 'disable' : 'enable';
    // A file of another program may say it in another way: who turns servers on and off knows them.
    const switched = enabled === undefined ? text : await edited({ kind, name })(text, format);
    if (Object.keys(rest).length === 0) return switched;
    return await changedText(switched, format, (root, servers) => mergeChanges([root, name], servers[name], rest));
  };
}

function patchRoot(changes: JsonObject): Rewrite {
  return async (text, format) => {
    const { value } = await readSource(text, format);
    return await changedText(text, format, () => mergeChanges([], value, changes));
  };
}

/** Commands that hand out secrets run as soon as they are read: those that a text brings nobody has looked at. */
function restored(text: string): Rewrite {
  return async (now, format) => {
    const [was, is] = await Promise.all([readSource(text, format), readSource(now, format)]);
    if (secretsOf(was.value) !== secretsOf(is.value))
      throw new AdminError(409, 'refused', '`secrets` is another since then: restore it in the file.');
    return text;
  };
}

function secretsOf(value: unknown): string | undefined {
  const { secrets } = (value ?? {}) as { readonly secrets?: unknown };
  return JSON.stringify(secrets);
}
