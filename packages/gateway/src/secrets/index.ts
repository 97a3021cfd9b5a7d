/**
 * Secrets by name, for `${secret:NAME}` in the configuration: the places that keep them, and the commands behind
 * `${exec:NAME}`. It does not expand configurations and holds no tokens of upstreams. In the state it has the file `secrets`,
 * 0600, atomic, shared by processes through a lock.
 */
export { runSecretCommand } from './command.ts';
export { createSecretCommands, type SecretCommands } from './commands.ts';
export { createFileSecrets, type FileSecrets } from './file.ts';
export { createKeychain } from './keychain.ts';
export { createSecrets, type Secrets } from './secrets.ts';
export { isSecretName, MAX_VALUE_BYTES, SecretsError, type SecretBackend, type SecretPlace } from './store.ts';
