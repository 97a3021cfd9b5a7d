/**
 * Changes of the configuration file that come over the admin API. A change is checked whole before the file is touched: what is
 * not valid, what a reload would not take over, and commands that nobody has confirmed, never stand in it. What a reload
 * refuses all the same is put back.
 */

import { access, stat } from 'node:fs/promises';
import {
  checkTrustedFile,
  ensurePrivateDirectory,
  readFileBounded,
  tightenOrRefuse,
  writeFileAtomic,
} from '@sallyport/host';
import type { JsonObject } from '@sallyport/wire';
import { AdminError, type ConfigEdit } from '../admin/index.ts';
import type { History } from './admin-history.ts';
import { startedBy, type StartedCommand } from './admin-launches.ts';
import { changesBetween } from '../config/changes.ts';
import type { Config } from '../config/index.ts';
import { configFormat } from '../config/load.ts';
import { ConfigError } from '../config/problems.ts';
import type { ReloadOptions, ReloadResult } from '../config/reload.ts';
import { asWritten } from '../config/secrets.ts';
import { maxFileBytes, type Format } from '../config/source.ts';
import { configHash, createTrustStore, lockPath, type TrustStore } from '../config/trust.ts';

export interface ConfigFileOptions {
  readonly path: string;
  readonly stateDirectory: string | undefined;
  readonly history: History;
  /** In force. */
  readonly config: () => Config;
  /** Reads and checks what the file would say. */
  readonly load: ReloadOptions['load'];
  readonly reload: () => Promise<ReloadResult>;
  /** A keyed hash. */
  readonly digest: (value: unknown) => string;
  readonly log: (level: 'error', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

export interface Changed {
  readonly status: 'applied' | 'confirm' | 'unchanged' | 'valid';
  readonly diff: readonly string[];
  /** Where a reload has to be confirmed. */
  readonly hash?: string;
  /** What is started by it. */
  readonly commands?: readonly StartedCommand[];
  /** The hash of those, for the change itself. */
  readonly confirm?: string;
}

/** The text after a change. May throw `ConfigError` or `AdminError`. */
export type Rewrite = (text: string, format: Format) => Promise<string> | string;

export interface ConfigFile {
  /** Of the file and its lock as they are now. */
  edition(): Promise<string>;
  /** One at a time: for whoever calls. Throws `AdminError`. */
  change(rewrite: Rewrite, how: ConfigEdit): Promise<Changed>;
  /** The configuration was read again, whoever asked for it. */
  reloaded(result: ReloadResult): void;
}

/** The file as it was read. */
interface Edition {
  readonly realPath: string;
  readonly bytes: Uint8Array;
  readonly lock: Uint8Array | undefined;
  readonly text: string;
}

/** What would come of a text. */
interface Plan extends Pick<Changed, 'diff'> {
  /** Keys that keep a reload from taking it over. */
  readonly refused: readonly string[];
  readonly commands: readonly StartedCommand[];
  readonly confirm: string | undefined;
}

const MAX_STATE_BYTES = 4 * 1024 * 1024;
const MAX_LOCK_BYTES = 8 * 1024 * 1024;

export function createConfigFile(options: ConfigFileOptions): ConfigFile {
  return new TrackedFile(options);
}

class TrackedFile implements ConfigFile {
  readonly #options: ConfigFileOptions;
  /** A change of ours is being taken over. */
  #isChanging = false;

  constructor(options: ConfigFileOptions) {
    this.#options = options;
  }

  async edition(): Promise<string> {
    const { bytes, lock } = await this.#read();
    return configHash(bytes, lock);
  }

  async change(rewrite: Rewrite, how: ConfigEdit): Promise<Changed> {
    const before = await this.#read();
    const after = await this.#rewritten(rewrite, before);
    if (after === before.text) return { status: 'unchanged', diff: [] };
    const plan = await this.#plan(after, before.lock);
    const { commands, confirm, diff } = plan;
    const more = { diff, ...(confirm !== undefined && { commands, confirm }) };
    if (how.isTrial && plan.refused.length === 0) return { status: 'valid', ...more };
    refuseUnwanted(plan, how);
    const { history } = this.#options;
    await history.add({ by: 'file', action: 'config.read', diff: [], text: before.text });
    const result = await this.#takeOver(before, after);
    const isPending = result.status === 'confirm';
    await this.#remember({ by: how.by, action: how.action, diff, text: after });
    return isPending
      ? { ...more, status: 'confirm', hash: result.hash }
      : { diff, ...(commands.length > 0 && { commands }), status: 'applied' };
  }

  reloaded(result: ReloadResult): void {
    if (result.status !== 'applied' || this.#isChanging) return;
    const { diff } = result;
    void this.#read().then(
      ({ text }) => this.#remember({ by: 'file', action: 'config.reload', diff, text }),
      (error: unknown) => this.#forgot(error),
    );
  }

  async #remember(entry: Parameters<History['add']>[0]): Promise<void> {
    try {
      await this.#options.history.add(entry);
    } catch (error) {
      this.#forgot(error);
    }
  }

  #forgot(error: unknown): void {
    this.#options.log('error', 'an edition of the configuration is missing in its history', { error: String(error) });
  }

  async #read(): Promise<Edition> {
    const { path } = this.#options;
    const { realPath } = await checkTrustedFile(path);
    const bytes = await readFileBounded(realPath, maxFileBytes);
    const lock = await readIfThere(lockPath(path), MAX_LOCK_BYTES);
    return { realPath, bytes, lock, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  }

  async #rewritten(rewrite: Rewrite, { text }: Edition): Promise<string> {
    try {
      return await rewrite(text, configFormat(this.#options.path));
    } catch (error) {
      throw error instanceof ConfigError ? new AdminError(409, 'invalid', error.message) : error;
    }
  }

  async #plan(text: string, lock: Uint8Array | undefined): Promise<Plan> {
    const { config, digest, load } = this.#options;
    const bytes = new TextEncoder().encode(text);
    const loaded = await load(false, bytes).catch((error: unknown) => {
      throw error instanceof ConfigError ? invalid(error) : error;
    });
    if (loaded.hash !== configHash(bytes, lock)) throw changed();
    const { lines, needRestart, opening } = changesBetween(config(), loaded.config);
    const { commands, exact } = startedBy(config(), loaded.config);
    const known = loaded.secrets ?? [];
    return {
      diff: asWritten(lines, known),
      refused: [...new Set([...opening, ...needRestart])],
      commands: asWritten(commands, known),
      confirm: commands.length === 0 ? undefined : digest(exact),
    };
  }

  /** Gives what the reload said, where it took it. */
  async #takeOver(before: Edition, after: string): Promise<ReloadResult> {
    const { path, reload } = this.#options;
    const bytes = new TextEncoder().encode(after);
    const now = await this.#read();
    if (configHash(now.bytes, now.lock) !== configHash(before.bytes, before.lock)) throw changed();
    const store = await this.#trustStore();
    const wasTrusted = (await store?.isTrusted(path, configHash(before.bytes, before.lock))) === true;
    const write = async (content: Uint8Array): Promise<ReloadResult> => {
      const mode = (await stat(before.realPath)).mode & 0o777;
      await writeFileAtomic(before.realPath, content, { mode });
      if (wasTrusted) await store?.trust(path, configHash(content, before.lock));
      return await reload();
    };
    this.#isChanging = true;
    try {
      const result = await write(bytes);
      if (result.status !== 'refused' && result.status !== 'invalid') return result;
      await write(before.bytes);
      throw new AdminError(409, 'refused', `${result.message} The file is as it was.`);
    } finally {
      this.#isChanging = false;
    }
  }

  async #trustStore(): Promise<TrustStore | undefined> {
    const { stateDirectory } = this.#options;
    if (stateDirectory === undefined) return undefined;
    return createTrustStore(await ensurePrivateDirectory(stateDirectory), {
      read: async (path) =>
        (await tightenOrRefuse(path)) === 'absent'
          ? undefined
          : (await readFileBounded(path, MAX_STATE_BYTES)).toString('utf8'),
      write: (path, text) => writeFileAtomic(path, text),
    });
  }
}

/** Doors are not opened and commands not started by a word less than is needed. */
function refuseUnwanted({ commands, confirm, diff, refused }: Plan, how: ConfigEdit): void {
  if (refused.length > 0)
    throw new AdminError(
      409,
      'refused',
      `${refused.join(', ')} cannot change while the gateway runs: write it into the file and use \`sallyport restart\`. Nothing was changed.`,
      { diff: [...diff] },
    );
  if (confirm === undefined) return;
  if (!how.mayCommand)
    throw new AdminError(
      403,
      'forbidden',
      'This would start a command, which is done on the machine of the gateway, or from elsewhere with `admin.commands: true`.',
    );
  if (how.confirm !== confirm)
    throw new AdminError(
      409,
      'confirm',
      'These commands will be run by the gateway. Send the same again with this `confirm` to have it so.',
      { commands: commands as unknown as JsonObject[], confirm, diff: [...diff] },
    );
}

function invalid({ message, problems }: ConfigError): AdminError {
  const places = problems.map(({ message: text, path }) => ({ path: path.join('.'), message: text }));
  return new AdminError(400, 'invalid', message, { problems: places });
}

function changed(): AdminError {
  return new AdminError(412, 'changed', 'The file has changed just now: look again.');
}

async function readIfThere(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? await readFileBounded(path, maxBytes) : undefined;
}
