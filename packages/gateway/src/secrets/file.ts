/**
 * Secrets in one file of the state, 0600. Each record is sealed apart (AES-256-GCM) with its name and time as associated
 * data, so that none can be moved to another name, and a broken one harms no other: it stays in the file as it is until it
 * is set or removed. Writes are whole files, old or new, one process at a time; reads take no lock.
 *
 *     sallyport-secrets 1 SEAL
 *     NAME SET-MS SEAL
 *
 * Names and times are readable to whoever may read the file. That a whole record was taken out, or put back as it once was,
 * is not noticed.
 */
import { join } from 'node:path';
import {
  acquireLock,
  ensurePrivateDirectory,
  readFileBounded,
  tightenOrRefuse,
  writeFileAtomic,
} from '@sallyport/host';
import { isSecretName, requireFit, SecretsError, type SecretRecord, type SecretStore } from './store.ts';

/** Seals text for whoever names the same `bound`; opens as undefined what was not sealed so. */
export interface SecretSealing {
  readonly seal: (plain: string, bound: string) => string;
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

export interface FileSecretsOptions {
  /** The state; made when something is written. */
  readonly directory: string;
  /** Asked for only when there is something to open or to seal. */
  readonly openSealing: () => Promise<SecretSealing>;
  /** ms since 1970. */
  readonly now: () => number;
  /** What was moved aside. */
  readonly say: (text: string) => void;
}

export interface FileSecrets extends SecretStore {
  /**
   * Seals all that can be opened anew. `old` opens what is there. A crash leaves the file under the old key or under the new
   * one; done again it says `already`.
   */
  rekey(old: SecretSealing): Promise<'absent' | 'already' | 'done'>;
}

const MAX_FILE_BYTES = 8_388_608;
const LOCK_TIMEOUT_MS = 10_000;
const HEADER = 'sallyport-secrets';
const HEADER_BOUND = JSON.stringify(['secrets', 1]);
const RECORD = /^([A-Za-z_][A-Za-z0-9_.-]{0,127}) (\d{1,15}) ([A-Za-z0-9_-]+)$/;

/** A line of the file, as it stands there. */
interface Line {
  readonly text: string;
  readonly name: string | undefined;
  readonly setMs: number | undefined;
  /** Undefined: it cannot be opened. */
  readonly value: string | undefined;
}

const recordBound = (name: string, setMs: number): string => JSON.stringify(['secrets', name, setMs]);

export function createFileSecrets({ directory, openSealing, now, say }: FileSecretsOptions): FileSecrets {
  const file = secretsFile(directory, 'secrets');
  const moveAside = asideTo(secretsFile(directory, 'secrets.damaged'), say);
  const { path } = file;

  const readLines = async (opened = openSealing): Promise<readonly Line[]> => {
    const text = await file.read();
    return text === undefined ? [] : parse(path, text, await opened());
  };
  /** Writes what `change` makes of the records there are; it gives undefined to leave the file alone. */
  const change = (
    to: (lines: readonly Line[], sealing: SecretSealing) => readonly string[] | undefined,
  ): Promise<boolean> =>
    file.locked(async () => {
      const sealing = await openSealing();
      const lines = await readLines(async () => sealing);
      const records = to(lines, sealing);
      if (records === undefined) return false;
      await moveAside(lines.filter((line) => line.value === undefined && !records.includes(line.text)));
      await file.write([headerText(sealing), ...records]);
      return true;
    });
  return {
    place: path,
    async read(names) {
      const wanted = (await readLines()).flatMap(({ name, value }): Array<[string, string | SecretsError]> =>
        name === undefined || !names.includes(name) ? [] : [[name, value ?? brokenRecord(path, name)]],
      );
      return new Map(wanted);
    },
    async list() {
      return (await readLines())
        .map(recordOf)
        .toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : Number(a.name !== b.name)));
    },
    async set(values) {
      for (const [name, value] of values) requireFit(name, value);
      await change((lines, sealing) => [
        ...lines.filter(({ name }) => name === undefined || !values.has(name)).map(({ text }) => text),
        ...[...values].map(([name, value]) => recordText(sealing, name, now(), value)),
      ]);
    },
    async remove(name) {
      if ((await file.read()) === undefined) return false;
      return await change((lines) => {
        const rest = lines.filter((line) => line.name !== name);
        return rest.length === lines.length ? undefined : rest.map(({ text }) => text);
      });
    },
    async rekey(old) {
      if ((await file.read()) === undefined) return 'absent';
      return await file.locked(async () => {
        const next = await openSealing();
        const text = await file.read();
        if (text === undefined) return 'absent';
        if (isOpenedBy(next, split(path, text))) return 'already';
        await file.write([headerText(next), ...parse(path, text, old).map((line) => resealed(line, next))]);
        return 'done';
      });
    },
  };
}

/** Keeps damaged records: somebody may know a way to mend them. */
function asideTo(file: LinesFile, say: (text: string) => void): (lines: readonly Line[]) => Promise<void> {
  return async (lines) => {
    if (lines.length === 0) return;
    const before = ((await file.read()) ?? '').split('\n').filter((line) => line !== '');
    await file.write([...before, ...lines.map(({ text }) => text)]);
    const names = lines.map(({ name }) => name ?? 'without a name').join(', ');
    say(`warning: a damaged secret (${names}) was moved aside, to ${file.path}`);
  };
}

/** A file of the state as lines of text, and its lock. */
interface LinesFile {
  readonly path: string;
  readonly read: () => Promise<string | undefined>;
  readonly write: (lines: readonly string[]) => Promise<void>;
  readonly locked: <T>(work: () => Promise<T>) => Promise<T>;
}

function secretsFile(directory: string, name: string): LinesFile {
  const path = join(directory, name);
  return {
    path,
    async read() {
      if ((await tightenOrRefuse(path)) === 'absent') return undefined;
      await ensurePrivateDirectory(directory);
      // One character a byte: what is broken is written back as it was.
      return (await readFileBounded(path, MAX_FILE_BYTES)).toString('latin1');
    },
    async write(lines) {
      const text = [...lines, ''].join('\n');
      if (text.length > MAX_FILE_BYTES) {
        throw new SecretsError(
          'full',
          `${path} would grow beyond ${MAX_FILE_BYTES} bytes. Remove secrets that are not used.`,
        );
      }
      await writeFileAtomic(path, Buffer.from(text, 'latin1'));
    },
    async locked(work) {
      await ensurePrivateDirectory(directory);
      const lock = await acquireLock(`${path}.lock`, { timeoutMs: LOCK_TIMEOUT_MS });
      try {
        return await work();
      } finally {
        lock.release();
      }
    },
  };
}

function recordOf({ name, setMs, value }: Line): SecretRecord {
  return { name, setMs: value === undefined ? undefined : setMs, isBroken: value === undefined };
}

/** What is broken stays as it is. */
function resealed({ text, name, setMs, value }: Line, sealing: SecretSealing): string {
  return name === undefined || setMs === undefined || value === undefined
    ? text
    : recordText(sealing, name, setMs, value);
}

function headerText({ seal }: SecretSealing): string {
  return `${HEADER} 1 ${seal('sallyport', HEADER_BOUND)}`;
}

function recordText({ seal }: SecretSealing, name: string, setMs: number, value: string): string {
  return `${name} ${setMs} ${seal(value, recordBound(name, setMs))}`;
}

interface Split {
  readonly header: string;
  readonly records: readonly string[];
}

function split(path: string, text: string): Split {
  const [header = '', ...records] = text.split('\n');
  const version = new RegExp(`^${HEADER} (\\d+) `).exec(header)?.[1];
  if (version !== undefined && version !== '1') {
    throw new SecretsError(
      'not_ours',
      `${path} was written by a later version of Sallyport; this one leaves it alone.`,
    );
  }
  return { header, records: records.filter((line) => line !== '') };
}

/** The header tells whether the key is the right one; where it is damaged, any record does. */
function isOpenedBy(sealing: SecretSealing, { header, records }: Split): boolean {
  const sealed = header.split(' ')[2] ?? '';
  return (
    sealing.unseal(sealed, HEADER_BOUND) !== undefined ||
    records.some((text) => lineOf(text, sealing).value !== undefined)
  );
}

function parse(path: string, text: string, sealing: SecretSealing): readonly Line[] {
  const parts = split(path, text);
  if (!isOpenedBy(sealing, parts)) {
    throw new SecretsError(
      'wrong_key',
      `${path} was closed with another master key, or is no file of secrets; it stays as it is. ` +
        'Give the key it was made with (SALLYPORT_MASTER_KEY, SALLYPORT_MASTER_KEY_FILE or master.key beside it), ' +
        'change it over with `sallyport secret rekey`, or move the file away and set the secrets again.',
    );
  }
  return parts.records.map((line) => lineOf(line, sealing));
}

function lineOf(text: string, sealing: SecretSealing): Line {
  const [, name, time, sealed] = RECORD.exec(text) ?? [];
  if (name === undefined || sealed === undefined) {
    const first = text.split(' ', 1)[0] ?? '';
    return { text, name: isSecretName(first) ? first : undefined, setMs: undefined, value: undefined };
  }
  const setMs = Number(time);
  return { text, name, setMs, value: sealing.unseal(sealed, recordBound(name, setMs)) };
}

function brokenRecord(path: string, name: string): SecretsError {
  return new SecretsError(
    'broken_record',
    `the secret ${name} in ${path} is damaged and cannot be opened. Set it again: \`sallyport secret set ${name}\``,
  );
}
