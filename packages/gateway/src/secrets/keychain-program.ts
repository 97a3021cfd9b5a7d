/**
 * The program that speaks with the keychain of the system: a process of its own, since a keychain that waits for a person
 * blocks the thread that asks it, and a process can be ended. One request as JSON on stdin, one answer as JSON on stdout;
 * values stand nowhere else. It decides nothing; keychain.ts starts it.
 */
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { AsyncEntry } from '@napi-rs/keyring';

export type KeychainRequest = { readonly service: string } & (
  | { readonly op: 'read'; readonly names: readonly string[] }
  | { readonly op: 'list' }
  | { readonly op: 'set'; readonly values: ReadonlyArray<readonly [name: string, value: string]> }
  | { readonly op: 'remove'; readonly name: string }
);

/** `values` answers `read`, without those that are not there; `names` answers `list`; `removed` answers `remove`. */
export interface KeychainAnswer {
  readonly values?: ReadonlyArray<readonly [name: string, value: string]>;
  readonly names?: readonly string[];
  readonly removed?: boolean;
  /** It did not do what was asked; nothing was changed, as far as it still could be undone. */
  readonly error?: string;
}

type Entries = (name: string) => AsyncEntry;

async function answerTo(request: KeychainRequest): Promise<KeychainAnswer> {
  const { AsyncEntry: Entry, findCredentialsAsync } = await import('@napi-rs/keyring');
  // Without this the kernel's keyring would stand in, which forgets everything at the next start of the machine.
  const entry: Entries = (name) => new Entry(request.service, name, { linux: { store: 'secret-service' } });
  if (request.op === 'read') {
    const values = await valuesOf(entry, request.names);
    // A keychain that is locked may look empty.
    if (values.length < request.names.length) await goRound(entry);
    return { values };
  }
  if (request.op === 'list') {
    await goRound(entry);
    return { names: (await findCredentialsAsync(request.service)).map(({ account }) => account) };
  }
  if (request.op === 'set') {
    await setAll(entry, request.values);
    return {};
  }
  const removed = await entry(request.name).deleteCredential();
  if (!removed) await goRound(entry);
  return { removed };
}

async function valuesOf(entry: Entries, names: readonly string[]): Promise<Array<[string, string]>> {
  const values: Array<[string, string]> = [];
  for (const name of names) {
    const value = await entry(name).getPassword();
    if (value !== null) values.push([name, value]);
  }
  return values;
}

/** Writes, reads and removes something of no meaning. Rejects where that does not work. */
async function goRound(entry: Entries): Promise<void> {
  const word = randomUUID();
  // No name of a secret, so no list shows it.
  const probe = entry(`?${word}`);
  await probe.setPassword(word);
  const found = await probe.getPassword();
  await probe.deleteCredential();
  if (found !== word) throw new Error('it does not give back what it was given');
}

/** All or none, as far as a keychain can promise that: when one fails, those before it are put back. */
async function setAll(entry: Entries, values: ReadonlyArray<readonly [string, string]>): Promise<void> {
  const before = new Map(
    await valuesOf(
      entry,
      values.map(([name]) => name),
    ),
  );
  const written: string[] = [];
  try {
    for (const [name, value] of values) {
      written.push(name);
      await entry(name).setPassword(value);
      if ((await entry(name).getPassword()) !== value) throw new Error('it does not give back what it was given');
    }
  } catch (error) {
    for (const name of written) await putBack(entry(name), before.get(name)).catch(() => undefined);
    throw error;
  }
}

async function putBack(entry: AsyncEntry, value: string | undefined): Promise<void> {
  if (value === undefined) await entry.deleteCredential();
  else await entry.setPassword(value);
}

const request = JSON.parse(await text(process.stdin)) as KeychainRequest;
const answer = await answerTo(request).catch((error: unknown): KeychainAnswer => ({
  error: error instanceof Error ? error.message : String(error),
}));
process.stdout.write(JSON.stringify(answer));
