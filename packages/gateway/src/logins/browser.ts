/**
 * `SALLYPORT_BROWSER`: the program that this gateway opens addresses with, for the person in front of it or in place of one.
 * No shell ever sees an address, and only addresses of the web are opened.
 */

import { spawn } from 'node:child_process';

/**
 * Opens the address of a login, once: whoever waits for it meanwhile waits for the same. False when it cannot be done.
 * Resolves when the program is started, not when it ends.
 */
export type OpenBrowser = (login: { readonly url: string; readonly expiresAtMs: number }) => Promise<boolean>;

/** The program and its arguments, the address not among them; undefined where none is named. Throws on text that is none. */
export function browserCommand(text: string | undefined): readonly [string, ...string[]] | undefined {
  const written = text?.trim() ?? '';
  if (written === '') return undefined;
  const words = written.startsWith('[') ? parsed(written) : written.split(/\s+/);
  const [program, ...args] = words;
  if (program === undefined || program === '') throw new TypeError(PROBLEM);
  return [program, ...args];
}

/** With what is named there. `starts` is `child_process.spawn`. */
export function createOpenBrowser(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
  starts: typeof spawn = spawn,
): OpenBrowser {
  // A key of ours is no matter of a browser.
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SALLYPORT_')));
  const opened = new Map<string, { readonly done: Promise<boolean>; readonly expiresAtMs: number }>();
  const open = (url: string): Promise<boolean> =>
    new Promise((resolve) => {
      try {
        // In its own group: a person's browser outlives what opened it, and its output is nobody's.
        const child = starts(program, [...args, url], {
          stdio: 'ignore',
          detached: true,
          shell: false,
          env: inherited,
        });
        child.once('error', () => resolve(false));
        child.once('spawn', () => {
          child.unref();
          resolve(true);
        });
      } catch {
        // The system takes no argument that long.
        resolve(false);
      }
    });
  return ({ expiresAtMs, url }) => {
    if (!isWebAddress(url)) return Promise.resolve(false);
    const known = opened.get(url);
    if (known !== undefined) return known.done;
    for (const [other, each] of opened) if (each.expiresAtMs < expiresAtMs - OPEN_MS) opened.delete(other);
    const lately = [...opened.values()].filter((each) => each.expiresAtMs > expiresAtMs - LATELY_MS);
    if (lately.length >= MAX_LATELY) return Promise.resolve(false);
    const done = open(url);
    opened.set(url, { done, expiresAtMs });
    return done;
  };
}

/** What is that much older than a new login is over. */
const OPEN_MS = 10 * 60_000;
/** No more than these: a server may want another login each time. */
const MAX_LATELY = 20;
const LATELY_MS = 60_000;

const PROBLEM = 'SALLYPORT_BROWSER is no command: write a program, or a JSON list of a program and its arguments.';

function isWebAddress(url: string): boolean {
  return URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol);
}

function parsed(text: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TypeError(PROBLEM);
  }
  if (!Array.isArray(value) || !value.every((word) => typeof word === 'string')) throw new TypeError(PROBLEM);
  return value;
}
