/** What every place that keeps secrets does, and how it refuses. */

/** Why the store did not do what was asked; stable, for callers that branch. */
export type SecretsErrorCode =
  | 'bad_name'
  | 'bad_value'
  | 'broken_record'
  | 'full'
  | 'no_keychain'
  | 'not_found'
  | 'not_ours'
  | 'silent_keychain'
  | 'wrong_key';

/** Where secrets can be kept. */
export type SecretPlace = 'file' | 'keychain';

/** `secrets.backend`: `auto` is the keychain where one answers, else the file. */
export type SecretBackend = SecretPlace | 'auto';

/** Names the place and what to do; never a value. */
export class SecretsError extends Error {
  readonly code: SecretsErrorCode;

  constructor(code: SecretsErrorCode, message: string) {
    super(message);
    this.name = 'SecretsError';
    this.code = code;
  }
}

/** One secret, without its value. */
export interface SecretRecord {
  /** Undefined: the record is so broken that even its name is lost. */
  readonly name: string | undefined;
  /** ms since 1970; undefined for a broken record, and where the place does not tell. */
  readonly setMs: number | undefined;
  /** It is there but cannot be opened: damaged, or moved there from another file. */
  readonly isBroken: boolean;
}

/** A place that keeps secrets. All reject with SecretsError, or with what the system says. */
export interface SecretStore {
  /** Where it is, for a person. */
  readonly place: string;
  /** The values of the names that are there. One that is broken comes as the error that says so; the others are unharmed. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, string | SecretsError>>;
  /** In the order of the names; never values. */
  list(): Promise<readonly SecretRecord[]>;
  /** Sets all of them or, when it fails, none. */
  set(values: ReadonlyMap<string, string>): Promise<void>;
  /** False: there was none of that name. */
  remove(name: string): Promise<boolean>;
}

/** UTF-8 bytes of one value: a chain of certificates with its key is far smaller. */
export const MAX_VALUE_BYTES = 65_536;

/** What may stand in `${secret:NAME}`. */
export function isSecretName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]{0,127}$/.test(name);
}

/** Throws a SecretsError for what is no name or no value of a secret. */
export function requireFit(name: string, value: string): void {
  if (!isSecretName(name)) {
    throw new SecretsError(
      'bad_name',
      `${JSON.stringify(name.slice(0, 64))} is no name of a secret: a letter or _ first, then letters, digits, _ . -, at most 128 in all.`,
    );
  }
  if (value === '' || value.includes('\0') || Buffer.byteLength(value) > MAX_VALUE_BYTES) {
    throw new SecretsError(
      'bad_value',
      `The value for ${name} is not stored: it must have 1 to ${MAX_VALUE_BYTES} bytes and no NUL character.`,
    );
  }
}
