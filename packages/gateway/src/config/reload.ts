/**
 * Reload: a new configuration for a running gateway. One at a time, whoever asks for it: the file's watcher, a signal or the
 * operator. It is read and checked whole before anything is touched; what is invalid, needs a restart or opens a door leaves
 * the old one in force, and says so. Taking it over is the gateway's.
 */

import { createHash } from 'node:crypto';
import { changesBetween } from './changes.ts';
import { effectiveView } from './effective.ts';
import { ConfigError } from './problems.ts';
import { asWritten, type KnownSecret } from './secrets.ts';
import type { Config, LoadedConfig, Problem } from './types.ts';
import { watchFile, type Watch } from './watch.ts';

export type ReloadResult =
  | { readonly status: 'unchanged' }
  | { readonly status: 'applied'; readonly diff: readonly string[] }
  /** `message` says why and what to do. */
  | { readonly status: 'refused'; readonly message: string; readonly diff?: readonly string[] }
  | { readonly status: 'invalid'; readonly message: string; readonly problems: readonly Problem[] }
  /** To be confirmed: by this hash, and as long as the file says the same. */
  | { readonly status: 'confirm'; readonly diff: readonly string[]; readonly hash: string };

/** Who asks, and what for. */
export interface ReloadRequest {
  /** The change was seen and is wanted: the hash that `confirm` gave. */
  readonly confirm?: string;
  /** Only what changed is wanted: commands for secrets that ran already do not run again. */
  readonly isQuiet?: boolean;
}

export interface ReloadOptions {
  /**
   * Reads and checks the file that is in force, `anew` with the commands for its secrets. With a draft: what it would be if
   * these were its bytes; nothing of it comes into force. Rejects with `ConfigError`.
   */
  readonly load: (
    anew: boolean,
    draft?: Uint8Array,
  ) => Promise<
    Pick<LoadedConfig, 'config' | 'path' | 'hash'> & {
      /** Values that are shown as they were written, those in force and the ones to come. */
      readonly secrets?: readonly KnownSecret[];
    }
  >;
  /** The file. */
  readonly path: string;
  /** In force at the start. */
  readonly config: Config;
  readonly hash: string | undefined;
  /** Takes a configuration over. Rejects when it cannot; then the old one is still in force. */
  readonly apply: (config: Config) => Promise<void>;
  /** After each reload, and with each result. */
  readonly onResult: (result: ReloadResult) => void;
  readonly log: (level: 'info' | 'warn' | 'error', text: string, detail?: Readonly<Record<string, unknown>>) => void;
  readonly now: () => number;
}

/** What the operator is shown. */
export interface ConfigStatus {
  readonly path: string;
  readonly hash: string | undefined;
  readonly loadedMs: number;
  /** Why the file as it is now is not in force. */
  readonly error?: { readonly message: string; readonly atMs: number };
  /** Waits to be confirmed. */
  readonly pending?: { readonly diff: readonly string[] };
}

/** Editors write in several steps. */
const QUIET_MS = 100;

export class Reloader {
  readonly #options: ReloadOptions;
  readonly #watch: Watch;
  #config: Config;
  #hash: string | undefined;
  #loadedMs: number;
  #error: ConfigStatus['error'];
  #pending: ConfigStatus['pending'];
  /** The one under way; the next begins after it. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#hash = options.hash;
    this.#loadedMs = options.now();
    this.#watch = watchFile({
      path: options.path,
      quietMs: QUIET_MS,
      onChange: () => void this.#changed(),
      onError: (error) =>
        options.log('warn', 'the configuration is not watched any more: use `sallyport reload`', {
          error: String(error),
        }),
    });
  }

  /** Begins to watch, where the configuration wants it. */
  async start(): Promise<void> {
    if (this.#config.reload !== 'off') await this.#watch.refresh();
  }

  status(): ConfigStatus {
    return {
      path: this.#options.path,
      hash: this.#hash,
      loadedMs: this.#loadedMs,
      ...(this.#error !== undefined && { error: this.#error }),
      ...(this.#pending !== undefined && { pending: this.#pending }),
    };
  }

  /** Never rejects. */
  reload(request: ReloadRequest = {}): Promise<ReloadResult> {
    const done = this.#last.then(() => this.#reload(request));
    this.#last = done;
    return done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#last;
  }

  async #changed(): Promise<void> {
    do await this.reload({ isQuiet: true });
    while (!this.#closed && (await this.#watch.refresh()));
  }

  async #reload(request: ReloadRequest): Promise<ReloadResult> {
    if (this.#closed) return { status: 'refused', message: 'The gateway is stopping.' };
    const result = await this.#attempt(request).catch((error: unknown): ReloadResult => ({
      status: 'refused',
      message: String(error),
    }));
    this.#keep(result);
    this.#options.onResult(result);
    return result;
  }

  async #attempt({ confirm, isQuiet = false }: ReloadRequest): Promise<ReloadResult> {
    if (this.#config.reload === 'off') {
      return { status: 'refused', message: 'The configuration says `reload: off`: use `sallyport restart`.' };
    }
    let loaded;
    try {
      // What was shown is what is confirmed: its secrets are not had again in between.
      loaded = await this.#options.load(!isQuiet && confirm === undefined);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { status: 'invalid', message: error.message, problems: error.problems };
    }
    const { config } = loaded;
    const { lines, needRestart, opening } = changesBetween(this.#config, config);
    const diff = asWritten(lines, loaded.secrets ?? []);
    if (diff.length === 0) {
      this.#hash = loaded.hash;
      return { status: 'unchanged' };
    }
    const restart = [...new Set([...opening, ...needRestart])];
    if (restart.length > 0) return { status: 'refused', message: refusal(restart, opening), diff };
    if (this.#config.reload === 'confirm') {
      const hash = digest(config);
      if (confirm !== hash) return { status: 'confirm', diff, hash };
    }
    await this.#options.apply(config);
    this.#config = config;
    this.#hash = loaded.hash;
    this.#loadedMs = this.#options.now();
    return { status: 'applied', diff };
  }

  #keep(result: ReloadResult): void {
    const { log, now } = this.#options;
    this.#error = undefined;
    this.#pending = undefined;
    switch (result.status) {
      case 'applied':
        return log('info', 'the configuration was taken over', { changes: result.diff });
      case 'confirm':
        this.#pending = { diff: result.diff };
        return log('info', 'the configuration has changed: `sallyport reload` shows and confirms it', {
          changes: result.diff,
        });
      case 'invalid':
      case 'refused':
        this.#error = { message: result.message, atMs: now() };
        return log('error', 'the configuration was not taken over: the one before stays in force', {
          error: result.message,
        });
      case 'unchanged':
    }
  }
}

function refusal(keys: readonly string[], opening: readonly string[]): string {
  const opens = opening.length === 0 ? '' : ` (${opening.join(', ')} would let more in than before)`;
  return `${keys.join(', ')} cannot change while the gateway runs${opens}: use \`sallyport restart\`.`;
}

/** What was shown is what is taken over. */
function digest(config: Config): string {
  return createHash('sha256')
    .update(JSON.stringify([effectiveView(config), config.pins.lock]))
    .digest('hex')
    .slice(0, 32);
}
