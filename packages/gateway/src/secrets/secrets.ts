/**
 * Where secrets live: in the keychain of the system or in the file of the state, as `secrets.backend` has it. With `auto` a
 * new value goes to the keychain where one answers, else to the file, and that is said; what is asked for is looked for in
 * the file first, so that no keychain is asked for what is not in it. A value that goes to one place is taken out of the
 * other; where that could not be, the one in the file counts, which is the later one.
 */
import type { FileSecrets } from './file.ts';
import { SecretsError, type SecretBackend, type SecretPlace, type SecretRecord, type SecretStore } from './store.ts';

export interface SecretsOptions {
  readonly backend: SecretBackend;
  readonly file: FileSecrets;
  readonly keychain: SecretStore;
  /** Something that the person should know. */
  readonly say: (text: string) => void;
}

/** A secret without its value, and where it is. */
export interface PlacedRecord extends SecretRecord {
  readonly place: SecretPlace;
}

export interface Secrets {
  /** As `SecretStore.read`. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, string | SecretsError>>;
  /** All that this `backend` may read: first those of the file. */
  list(): Promise<readonly PlacedRecord[]>;
  /** Sets all of them in one place, or none. */
  set(values: ReadonlyMap<string, string>): Promise<SecretPlace>;
  /** False: there was none of that name. */
  remove(name: string): Promise<boolean>;
  /** Takes secrets over from the other place, all that are there or those named; gives their names. */
  move(to: SecretPlace, names?: readonly string[]): Promise<readonly string[]>;
  /** For a person. */
  where(place: SecretPlace): string;
}

const ADVICE =
  'Unlock the keychain or start a session that has one, or write `secrets: { backend: file }` to keep secrets sealed in the state';

/** What depends on `secrets.backend`. */
type Kept = Pick<Secrets, 'list' | 'read' | 'remove' | 'set'>;

export function createSecrets(options: SecretsOptions): Secrets {
  const { backend, file, keychain, say } = options;
  const stores: Readonly<Record<SecretPlace, SecretStore>> = { file, keychain };
  return {
    ...KEPT[backend](options),
    where: (place) => stores[place].place,
    async move(to, names) {
      const from = to === 'file' ? 'keychain' : 'file';
      const there = (await stores[from].list().catch(advise)).flatMap(({ name }) => name ?? []);
      const wanted = names ?? there;
      const unknown = wanted.find((name) => !there.includes(name));
      if (unknown !== undefined) throw notFound(unknown, stores[from].place);
      const values = new Map<string, string>();
      for (const [name, value] of await stores[from].read(wanted)) {
        if (typeof value === 'string') values.set(name, value);
        else say(`warning: ${value.message}`);
      }
      if (values.size === 0) return [];
      await stores[to].set(values).catch(advise);
      for (const name of values.keys()) await stores[from].remove(name);
      return [...values.keys()];
    },
  };
}

const KEPT: Readonly<Record<SecretBackend, (options: SecretsOptions) => Kept>> = {
  auto: keptInBoth,
  file: ({ file }) => ({
    read: (names) => file.read(names),
    list: () => listOf(file, 'file'),
    remove: (name) => file.remove(name),
    async set(values) {
      await file.set(values);
      return 'file';
    },
  }),
  keychain: ({ file, keychain }) => ({
    async read(names) {
      const found = await keychain.read(names).catch(advise);
      if (names.every((name) => found.has(name))) return found;
      const there = new Set((await file.list()).map(({ name }) => name));
      const left = names.filter((name) => !found.has(name) && there.has(name));
      return new Map([...found, ...left.map((name): [string, SecretsError] => [name, isElsewhere(name, file.place)])]);
    },
    list: () => listOf(keychain, 'keychain').catch(advise),
    remove: (name) => keychain.remove(name).catch(advise),
    set: (values) => setInKeychain(values, keychain, file).catch(advise),
  }),
};

function keptInBoth({ file, keychain, say }: SecretsOptions): Kept {
  /** Says what comes of it that the keychain is silent. That a server has no desktop is no news. */
  const warn = (error: unknown, consequence: string): void => {
    const { code, message } = silence(error);
    if (code !== 'no_keychain') say(`warning: ${message}. ${consequence}`);
  };
  return {
    async read(names) {
      const found = await file.read(names);
      const missing = names.filter((name) => !found.has(name));
      if (missing.length === 0) return found;
      const rest = await keychain.read(missing).catch((error: unknown) => {
        const places = `${file.place}, and ${silence(error).message}`;
        return new Map(missing.map((name) => [name, notFound(name, places)]));
      });
      return new Map([...found, ...rest]);
    },
    async list() {
      const inFile = await listOf(file, 'file');
      const inKeychain = await listOf(keychain, 'keychain').catch((error: unknown) => {
        warn(error, 'What is kept there is not listed');
        return [];
      });
      return [...inFile, ...inKeychain];
    },
    async remove(name) {
      const fromFile = await file.remove(name);
      const fromKeychain = await keychain.remove(name).catch((error: unknown) => {
        warn(error, `If it has ${name} too, it has it still`);
        return false;
      });
      return fromFile || fromKeychain;
    },
    async set(values) {
      try {
        return await setInKeychain(values, keychain, file);
      } catch (error) {
        const { message } = silence(error);
        await file.set(values);
        say(`note: kept in ${file.place}, since ${message}`);
        return 'file';
      }
    },
  };
}

async function listOf(store: SecretStore, place: SecretPlace): Promise<readonly PlacedRecord[]> {
  return (await store.list()).map((record) => ({ ...record, place }));
}

async function setInKeychain(
  values: ReadonlyMap<string, string>,
  keychain: SecretStore,
  file: SecretStore,
): Promise<SecretPlace> {
  await keychain.set(values);
  for (const name of values.keys()) await file.remove(name);
  return 'keychain';
}

/** The error, when it says that no keychain answers; else it is thrown on. */
function silence(error: unknown): SecretsError {
  if (error instanceof SecretsError && (error.code === 'no_keychain' || error.code === 'silent_keychain')) return error;
  throw error;
}

/** A keychain that was asked for by name is not replaced by anything else. */
function advise(error: unknown): never {
  const { code, message } = silence(error);
  throw new SecretsError(code, `${message}. ${ADVICE}`);
}

function notFound(name: string, places: string): SecretsError {
  return new SecretsError(
    'not_found',
    `there is no secret ${name} in ${places}. Set it with \`sallyport secret set ${name}\``,
  );
}

function isElsewhere(name: string, place: string): SecretsError {
  return new SecretsError(
    'not_found',
    `the secret ${name} is in ${place}, and \`secrets.backend: keychain\` reads the keychain alone. Move it: \`sallyport secret move keychain ${name}\``,
  );
}
