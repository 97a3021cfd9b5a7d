/**
 * Changes of the configuration file that come over the admin API: one server at a time, its text literal. What is not valid, or
 * what a reload would not take over, is not left in the file.
 */

import { hash } from 'node:crypto';
import { access, stat } from 'node:fs/promises';
import {
  checkTrustedFile,
  ensurePrivateDirectory,
  readFileBounded,
  tightenOrRefuse,
  writeFileAtomic,
} from '@sallyport/host';
import { isObject, type JsonValue } from '@sallyport/wire';
import { AdminError } from './admin/index.ts';
import { checkDraft, draftOf } from './config/check-text.ts';
import type { Edit, PlainServer } from './config/edit.ts';
import { configFormat } from './config/load.ts';
import { ConfigError } from './config/problems.ts';
import type { ReloadResult } from './config/reload.ts';
import { maxFileBytes } from './config/source.ts';
import { configHash, createTrustStore, lockPath, type TrustStore } from './config/trust.ts';

export interface ConfigFileOptions {
  /** Undefined: the configuration was given on the command line. */
  readonly path: string | undefined;
  readonly stateDirectory: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly reload: () => Promise<ReloadResult>;
}

export interface ConfigFile {
  /** `ifMatch`: the edition that was seen. Throws `AdminError`. */
  change(edit: Edit, ifMatch: string | undefined): Promise<ReloadResult>;
}

const MAX_STATE_BYTES = 4 * 1024 * 1024;

export function createConfigFile(options: ConfigFileOptions): ConfigFile {
  let last: Promise<unknown> = Promise.resolve();
  return {
    change: (edit, ifMatch) => {
      const done = last.then(() => change(options, edit, ifMatch));
      last = done.catch(() => undefined);
      return done;
    },
  };
}

/** As a header of HTTP has it (RFC 9110 §8.8.3). */
export function etagOf(configurationHash: string | undefined): string {
  return `"${configurationHash ?? ''}"`;
}

async function change(options: ConfigFileOptions, edit: Edit, ifMatch: string | undefined): Promise<ReloadResult> {
  const { env, path, reload } = options;
  if (path === undefined)
    throw new AdminError(
      409,
      'no_file',
      'The configuration was given on the command line: there is no file to change.',
    );
  const { realPath } = await checkTrustedFile(path);
  const before = await readFileBounded(realPath, maxFileBytes);
  const lock = await readIfThere(lockPath(path), maxFileBytes * 8);
  const seen = etagOf(configHash(before, lock));
  if (ifMatch === undefined)
    throw new AdminError(
      428,
      'edition_needed',
      'Say with If-Match which edition you have seen: GET /config gives it.',
      { etag: seen },
    );
  if (ifMatch !== seen) throw new AdminError(412, 'changed', 'The file has changed since: look again.', { etag: seen });
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(before);
  const after = await edited(path, text, edit, env);
  const store = await trustStore(options);
  const wasTrusted = (await store?.isTrusted(path, configHash(before, lock))) === true;
  const mode = (await stat(realPath)).mode & 0o777;
  await writeFileAtomic(realPath, after, { mode });
  if (wasTrusted) await store?.trust(path, configHash(new TextEncoder().encode(after), lock));
  const result = await reload();
  if (result.status !== 'refused' && result.status !== 'invalid') return result;
  await writeFileAtomic(realPath, before, { mode });
  if (wasTrusted) await store?.trust(path, configHash(before, lock));
  await reload();
  throw new AdminError(409, 'refused', `${result.message} The file is as it was.`);
}

async function edited(path: string, text: string, edit: Edit, env: ConfigFileOptions['env']): Promise<string> {
  const format = configFormat(path);
  try {
    // It brings the editors of all formats: no start pays for them.
    const { editConfig } = await import('./config/edit.ts');
    const after = editConfig(text, format, edit);
    const { problems } = checkDraft(await draftOf(path, after, format), { env, files: new Map() });
    const own = problems.filter((problem) => problem.path[1] === edit.name);
    if (edit.kind === 'add' && own.length > 0) throw new ConfigError(own.map(({ message }) => message).join(' '));
    return after;
  } catch (error) {
    if (error instanceof ConfigError) throw new AdminError(409, 'invalid', error.message);
    throw error;
  }
}

async function trustStore({ stateDirectory }: ConfigFileOptions): Promise<TrustStore | undefined> {
  if (stateDirectory === undefined) return undefined;
  return createTrustStore(await ensurePrivateDirectory(stateDirectory), {
    read: async (path) =>
      (await tightenOrRefuse(path)) === 'absent'
        ? undefined
        : (await readFileBounded(path, MAX_STATE_BYTES)).toString('utf8'),
    write: (path, text) => writeFileAtomic(path, text),
  });
}

async function readIfThere(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? await readFileBounded(path, maxBytes) : undefined;
}

/** A server as it came: text alone, and nothing that names a file or another key. Throws `AdminError`. */
export function readServer(value: JsonValue | undefined): PlainServer {
  if (!isObject(value)) throw refusal('`server` is an object.');
  const { args = [], command, description, env = {}, headers = {}, url, ...rest } = value;
  const [other] = Object.keys(rest);
  if (other !== undefined) throw refusal(`\`${other}\` cannot be written over this API: write it into the file.`);
  if (description !== undefined && typeof description !== 'string') throw refusal('`description` is a text.');
  if ((url === undefined) === (command === undefined)) throw refusal('A server has a `url` or a `command`.');
  const place = url === undefined ? readChild(command, args, env) : readRemote(url, headers);
  return description === undefined ? place : { ...place, description };
}

function readRemote(url: JsonValue, headers: JsonValue): PlainServer {
  if (typeof url !== 'string') throw refusal('`url` is a text.');
  if (!isTexts(headers)) throw refusal('`headers` are texts by name.');
  return { url, headers };
}

function readChild(command: JsonValue | undefined, args: JsonValue, env: JsonValue): PlainServer {
  if (typeof command !== 'string') throw refusal('`command` is a text.');
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === 'string'))
    throw refusal('`args` is a list of texts.');
  if (!isTexts(env)) throw refusal('`env` are texts by name.');
  return { command, args, env };
}

/** What is confirmed is this server under this name, and no other. */
export function commandHash(name: string, server: PlainServer): string {
  return hash('sha256', JSON.stringify([name, server]));
}

function isTexts(value: JsonValue): value is Readonly<Record<string, string>> {
  return isObject(value) && Object.values(value).every((each) => typeof each === 'string');
}

function refusal(message: string): AdminError {
  return new AdminError(400, 'invalid', message);
}
