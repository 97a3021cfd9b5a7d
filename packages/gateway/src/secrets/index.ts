/**
 * Secrets by name, for `${secret:NAME}` in the configuration: the seam that every place to keep them has, and the command
 * behind `${exec:NAME}`. It does not expand configurations and holds no tokens of upstreams. CONTRACT of the state: the file
 * `secrets`, 0600, atomic, shared by processes through a lock.
 */
export { createFileSecrets, type FileSecrets } from './file.ts';
export { runSecretCommand } from './command.ts';
export { isSecretName, MAX_VALUE_BYTES, SecretsError, type SecretRecord } from './store.ts';
