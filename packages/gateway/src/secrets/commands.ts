/**
 * What the commands of `secrets.exec` printed, kept for the life of the process: a reload that another line of the file
 * brought about asks no vault again. A value is had anew when somebody asks for a reload, when its command changes, and when
 * a server refused it. Nothing is written anywhere.
 */
import type { SecretCommandOptions } from './command.ts';

export interface SecretCommandsOptions {
  readonly run: (argv: readonly string[], options: SecretCommandOptions) => Promise<string>;
  /** ms since 1970. */
  readonly now: () => number;
}

export interface SecretCommands {
  /** What the command behind `name` prints, or has printed. Rejects when it does not work; that is not kept. */
  run(name: string, argv: readonly string[], options: SecretCommandOptions): Promise<string>;
  /** All commands run again when they are next asked for. */
  forget(): void;
  /**
   * The values behind these names were refused: their commands run again when they are next asked for. False when none has
   * run, or all were renewed within the last minute: a server that refuses whatever it is shown must not wear out the vault.
   */
  renew(names: readonly string[]): boolean;
}

const RENEW_EVERY_MS = 60_000;

interface Kept {
  /** The command, and all that it runs with. */
  readonly key: string;
  readonly value: Promise<string>;
}

export function createSecretCommands({ run, now }: SecretCommandsOptions): SecretCommands {
  const kept = new Map<string, Kept>();
  /** When each was renewed last, ms since 1970. */
  const renewed = new Map<string, number>();
  return {
    async run(name, argv, options) {
      const key = JSON.stringify([argv, options.cwd, options.names]);
      const before = kept.get(name);
      if (before?.key === key) return await before.value;
      const fresh: Kept = { key, value: run(argv, options) };
      kept.set(name, fresh);
      try {
        return await fresh.value;
      } catch (error) {
        if (kept.get(name) === fresh) kept.delete(name);
        throw error;
      }
    },
    forget: () => kept.clear(),
    renew(names) {
      const old = names.filter(
        (name) => kept.has(name) && now() - (renewed.get(name) ?? Number.NEGATIVE_INFINITY) >= RENEW_EVERY_MS,
      );
      for (const name of old) {
        kept.delete(name);
        renewed.set(name, now());
      }
      return old.length > 0;
    },
  };
}
